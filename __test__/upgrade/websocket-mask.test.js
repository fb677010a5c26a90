'use strict';

const { websocketMask, websocketUnmask } = require('../..');

const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
/** Around each size from which on another way is taken, with every remainder of a word. */
const SIZES = [0, 1, 2, 3, 4, 5, 23, 24, 63, 64, 65, 66, 67, 68, 255, 1022, 1023, 1024, 1025, 1026, 1027, 70001];

/** What RFC 6455 §5.3 says, byte by byte. */
const masked = (data) => Buffer.from(data.map((byte, i) => byte ^ KEY[i % 4]));

/** `size` different bytes at an address that is `lead` off a word's. */
function bytes(size, lead, Type = Buffer) {
  const memory = new ArrayBuffer(size + 16);
  const view = Type === Buffer ? Buffer.from(memory, 8 + lead, size) : new Type(memory, 8 + lead, size);
  for (let i = 0; i < size; i++) view[i] = (i * 7 + 1) & 0xff;
  return view;
}

describe('websocketMask() and websocketUnmask()', () => {
  it('give the example of RFC 6455 §5.7', () => {
    const hello = Buffer.from('7f9f4d5158', 'hex');
    websocketUnmask(hello, KEY);
    expect(String(hello)).toBe('Hello');
  });

  describe.each([['Buffer', Buffer], ['Uint8Array', Uint8Array]])('with a %s', (_, Type) => {
    it.each(SIZES)('mask %i bytes into another buffer and touch nothing else', (size) => {
      for (let lead = 0; lead < 4; lead++) {
        const source = bytes(size + 5, 1, Type);
        const before = Buffer.from(source);
        const output = bytes(size + 9, lead, Type).fill(0xee);
        websocketMask(source, KEY, output, 6, size);
        expect(Buffer.from(source).equals(before)).toBe(true);
        const expected = Buffer.concat([Buffer.alloc(6, 0xee), masked(before.subarray(0, size)), Buffer.alloc(3, 0xee)]);
        expect(Buffer.from(output).equals(expected)).toBe(true);
      }
    });

    it.each(SIZES)('mask and unmask %i bytes in place', (size) => {
      for (let lead = 0; lead < 4; lead++) {
        const data = bytes(size, lead, Type);
        const plain = Buffer.from(data);
        websocketMask(data, KEY, data, 0, size);
        expect(Buffer.from(data).equals(masked(plain))).toBe(true);
        websocketUnmask(data, KEY);
        expect(Buffer.from(data).equals(plain)).toBe(true);
      }
    });
  });

  it('mask onto memory that overlaps the source', () => {
    for (const size of [100, 5000]) {
      const data = bytes(size + 20, 0);
      const plain = Buffer.from(data);
      websocketMask(data.subarray(0, size), KEY, data, 13, size);
      expect(data.subarray(13, 13 + size).equals(masked(plain.subarray(0, size)))).toBe(true);
    }
  });

  /** Each way of masking, by its size. */
  const WAYS = [10, 100, 5000];

  it.each(WAYS)('mask %i bytes of shared memory at every address, and touch nothing else', (size) => {
    for (let lead = 0; lead < 9; lead++) {
      const data = new Uint8Array(new SharedArrayBuffer(size + 20)).fill(0xee);
      const view = data.subarray(lead, lead + size).map((byte, i) => i & 0xff);
      data.set(view, lead);
      websocketUnmask(data.subarray(lead, lead + size), KEY);
      const expected = Buffer.concat([Buffer.alloc(lead, 0xee), masked(Buffer.from(view)), Buffer.alloc(20 - lead, 0xee)]);
      expect(Buffer.from(data).equals(expected)).toBe(true);
    }
  });

  it.each(WAYS)('leave %i bytes of memory that has been transferred alone', (size) => {
    const memory = new ArrayBuffer(size);
    const data = new Uint8Array(memory);
    structuredClone(memory, { transfer: [memory] });
    websocketUnmask(data, KEY);
    if (size > 10) expect(() => websocketMask(Buffer.alloc(size), KEY, data, 0, size)).toThrow(/detached|out of bounds/);
    expect(data).toHaveLength(0);
  });

  const itResizes = 'resize' in ArrayBuffer.prototype ? it : it.skip;
  itResizes.each(WAYS)('mask what there still is of %i bytes of memory that can be resized', (size) => {
    const memory = new ArrayBuffer(size * 2, { maxByteLength: size * 4 });
    const tracking = new Uint8Array(memory).fill(1);
    const fixed = new Uint8Array(memory, 0, size * 2);
    memory.resize(size);
    websocketUnmask(tracking, KEY);
    websocketUnmask(fixed, KEY);
    expect(Buffer.from(memory).equals(masked(Buffer.alloc(size, 1)))).toBe(true);
    memory.resize(size * 4);
    websocketUnmask(tracking.subarray(size), KEY);
    expect(Buffer.from(memory).subarray(size).equals(masked(Buffer.alloc(size * 3)))).toBe(true);
  });

  itResizes('mask shared memory that has grown', () => {
    const memory = new SharedArrayBuffer(100, { maxByteLength: 5000 });
    const data = new Uint8Array(memory);
    memory.grow(5000);
    websocketUnmask(data, KEY);
    expect(Buffer.from(memory).equals(masked(Buffer.alloc(5000)))).toBe(true);
  });
});
