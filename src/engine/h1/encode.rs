//! Response bytes on their way out: messages in the order of their requests (RFC 9112 §9.3.2), chunk framing (RFC 9112
//! §7.1), and what has to be told once bytes have left. It takes what JavaScript has formatted and knows no status codes.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Bits of a write's flags.
pub mod write_flags {
    /// The body part of the payload becomes a chunk.
    pub const CHUNKED: u32 = 1;
    /// The response ends here.
    pub const LAST: u32 = 2;
    /// The connection closes once everything up to here has left.
    pub const CLOSE: u32 = 4;
    /// An acknowledgement is wanted once everything up to here has left.
    pub const ACK: u32 = 8;
    /// With `LAST`: the payload brings the last chunk and the trailer section itself.
    pub const TRAILERS: u32 = 16;
}

use write_flags::{ACK, CHUNKED, CLOSE, LAST, TRAILERS};

/// Bytes from which an owned payload keeps its buffer; shorter ones are copied together, so that one system call sends many.
const OWN_BUFFER: usize = 8 * 1024;
/// A queue longer than this, in bytes, announces when it has become short again.
const HIGH_WATER: usize = 64 * 1024;
/// Bytes below which a queue that was over `HIGH_WATER` is short again.
const LOW_WATER: usize = 16 * 1024;
/// Gathering buffers of at most this many bytes are kept for the next response.
const KEPT_CAPACITY: usize = 64 * 1024;

/// What a write carries.
#[derive(Debug)]
pub enum Payload<'a> {
    /// Bytes to be copied.
    Borrowed(&'a [u8]),
    /// Bytes that may be moved.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Payload::Borrowed(bytes) => bytes,
            Payload::Owned(bytes) => bytes,
        }
    }
}

/// Bytes in order, gathered into few buffers.
#[derive(Debug, Default)]
struct Wire {
    /// Complete buffers, ahead of `tail`.
    buffers: VecDeque<Vec<u8>>,
    /// Where short pieces are gathered.
    tail: Vec<u8>,
    /// Bytes of the first buffer (or of `tail` when it is alone) that have left.
    sent: usize,
    /// Bytes that have not left.
    length: usize,
}

impl Wire {
    fn copy(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.length += bytes.len();
    }

    fn own(&mut self, bytes: Vec<u8>) {
        if bytes.len() < OWN_BUFFER {
            return self.copy(&bytes);
        }
        self.length += bytes.len();
        if !self.tail.is_empty() {
            self.buffers.push_back(std::mem::take(&mut self.tail));
        }
        self.buffers.push_back(bytes);
    }

    /// Frames `payload` behind its first `head_length` bytes, which stay as they are.
    fn frame(&mut self, flags: u32, head_length: usize, payload: Payload<'_>) {
        let head_length = head_length.min(payload.bytes().len());
        if flags & CHUNKED == 0 {
            match payload {
                Payload::Borrowed(bytes) => self.copy(bytes),
                Payload::Owned(bytes) => self.own(bytes),
            }
            return;
        }
        let (head, body) = payload.bytes().split_at(head_length);
        self.copy(head);
        if !body.is_empty() {
            // RFC 9112 §7.1: "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF"; a size of zero would end the body.
            let mut line = [0u8; 18];
            self.copy(chunk_line(body.len(), &mut line));
            match payload {
                Payload::Owned(bytes) if head_length == 0 => self.own(bytes),
                ref payload => self.copy(payload.bytes().get(head_length..).unwrap_or_default()),
            }
            self.copy(b"\r\n");
        }
        if flags & LAST != 0 && flags & TRAILERS == 0 {
            self.copy(b"0\r\n\r\n");
        }
    }

    fn append(&mut self, other: Wire) {
        for buffer in other.buffers {
            self.own(buffer);
        }
        self.own(other.tail);
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.sent;
        let mut n = 0;
        for buffer in self.buffers.iter().chain(std::iter::once(&self.tail)) {
            let rest = buffer.get(skip..).unwrap_or_default();
            skip = 0;
            if rest.is_empty() {
                continue;
            }
            let Some(slice) = slices.get_mut(n) else {
                break;
            };
            *slice = IoSlice::new(rest);
            n += 1;
        }
        n
    }

    fn advance(&mut self, n: usize) {
        self.length = self.length.saturating_sub(n);
        self.sent += n;
        while let Some(front) = self.buffers.front() {
            if self.sent < front.len() {
                return;
            }
            self.sent -= front.len();
            self.buffers.pop_front();
        }
        if self.sent >= self.tail.len() {
            self.sent = 0;
            if self.tail.capacity() > KEPT_CAPACITY {
                self.tail = Vec::new();
            } else {
                self.tail.clear();
            }
        }
    }
}

/// `size` in hexadecimal with CRLF, in `line`.
fn chunk_line(size: usize, line: &mut [u8; 18]) -> &[u8] {
    let mut at = 16;
    let mut rest = size;
    line[16] = b'\r';
    line[17] = b'\n';
    loop {
        at -= 1;
        line[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
        if rest == 0 || at == 0 {
            break;
        }
    }
    &line[at..]
}

/// A response that came before its turn.
#[derive(Debug, Default)]
struct Early {
    wire: Wire,
    payload: u64,
    ack: bool,
    complete: bool,
    close: bool,
}

/// The responses of one connection: those before their turn are held, the rest is on the wire or waits for it.
///
/// ```text
/// write(seq): seq < active → dropped (complete)    seq = active → wire    active < seq ≤ opened → held until active reaches it
/// ```
#[derive(Debug)]
pub struct ResponseQueue {
    wire: Wire,
    /// The request whose response is being sent.
    active: u32,
    /// The latest request; nothing can be answered beyond it.
    opened: u32,
    /// Responses behind the active one: the first is number `active + 1`.
    early: VecDeque<Early>,
    /// Bytes ever put on the wire's queue, framing included, and how many of them have left.
    queued: u64,
    left: u64,
    /// Payload bytes put on the wire's queue or dropped, and payload bytes held.
    payload: u64,
    held: u64,
    /// Where acknowledgements are wanted: value of `queued`, and of `payload` there.
    marks: VecDeque<(u64, u64)>,
    acknowledged: u64,
    was_high: bool,
    closing: bool,
}

impl Default for ResponseQueue {
    fn default() -> ResponseQueue {
        ResponseQueue::new()
    }
}

impl ResponseQueue {
    /// An empty queue; the first request is number 1.
    pub fn new() -> ResponseQueue {
        ResponseQueue {
            wire: Wire::default(),
            active: 1,
            opened: 0,
            early: VecDeque::new(),
            queued: 0,
            left: 0,
            payload: 0,
            held: 0,
            marks: VecDeque::new(),
            acknowledged: 0,
            was_high: false,
            closing: false,
        }
    }

    /// Request `seq` has been read and may be answered.
    pub fn opened(&mut self, seq: u32) {
        self.opened = seq;
    }

    /// Adds bytes to response `seq`: the first `head_length` as they are, the rest as `flags` ask. What comes for a response that
    /// is complete, for none, or behind `CLOSE` is dropped. Returns how many responses are now completely on the wire's queue.
    pub fn write(&mut self, seq: u32, flags: u32, head_length: usize, payload: Payload<'_>) -> u32 {
        let length = payload.bytes().len() as u64;
        if self.closing || seq < self.active || seq > self.opened {
            self.payload += length;
            self.mark(flags);
            return 0;
        }
        if seq > self.active {
            self.hold(seq, flags, head_length, payload);
            return 0;
        }
        let before = self.wire.length;
        self.wire.frame(flags, head_length, payload);
        self.queued += (self.wire.length - before) as u64;
        self.payload += length;
        self.mark(flags);
        self.was_high |= self.wire.length > HIGH_WATER;
        self.closing = flags & CLOSE != 0;
        if flags & LAST == 0 || self.closing {
            return u32::from(flags & LAST != 0);
        }
        self.active += 1;
        1 + self.promote()
    }

    /// Adds bytes outside any response, ahead of all that is held.
    pub fn write_now(&mut self, flags: u32, payload: Payload<'_>) {
        let length = payload.bytes().len();
        self.payload += length as u64;
        if !self.closing {
            self.wire.frame(0, length, payload);
            self.queued += length as u64;
            self.was_high |= self.wire.length > HIGH_WATER;
        }
        self.mark(flags);
    }

    fn mark(&mut self, flags: u32) {
        if flags & ACK != 0 {
            self.marks.push_back((self.queued, self.payload));
        }
    }

    fn hold(&mut self, seq: u32, flags: u32, head_length: usize, payload: Payload<'_>) {
        let at = (seq - self.active - 1) as usize;
        if self.early.len() <= at {
            self.early.resize_with(at + 1, Early::default);
        }
        let Some(early) = self.early.get_mut(at) else {
            return;
        };
        let length = payload.bytes().len() as u64;
        self.held += length;
        early.payload += length;
        early.ack |= flags & ACK != 0;
        if early.complete {
            return;
        }
        early.wire.frame(flags, head_length, payload);
        early.complete = flags & (LAST | CLOSE) != 0;
        early.close = flags & CLOSE != 0;
    }

    /// The active response is complete: what has been held for the next ones follows. Returns how many of those are complete.
    fn promote(&mut self) -> u32 {
        let mut complete = 0;
        while let Some(early) = self.early.pop_front() {
            self.queued += early.wire.length as u64;
            self.payload += early.payload;
            self.held -= early.payload;
            self.wire.append(early.wire);
            self.mark(if early.ack { ACK } else { 0 });
            self.closing = early.close;
            self.was_high |= self.wire.length > HIGH_WATER;
            complete += u32::from(early.complete);
            if !early.complete || early.close {
                break;
            }
            self.active += 1;
        }
        complete
    }

    /// Bytes that wait for the wire; what is held does not count.
    pub fn pending(&self) -> usize {
        self.wire.length
    }

    /// Whether a write with `CLOSE` has been queued: nothing can follow it.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Asks for an acknowledgement of what has been queued so far.
    pub fn want_ack(&mut self) {
        self.mark(ACK);
    }

    /// The bytes to write next, as far as `slices` have room; returns how many slices are in use.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.wire.slices(slices)
    }

    /// `n` bytes have left.
    pub fn advance(&mut self, n: usize) {
        self.wire.advance(n);
        self.left += n as u64;
    }

    /// The acknowledgement that is due, if any: payload bytes that have left.
    ///
    /// With everything on the wire's queue gone, what is held counts too: it cannot leave before its turn, and whoever writes the
    /// active response must not wait for it.
    pub fn acknowledge(&mut self) -> Option<u64> {
        let mut due = None;
        while let Some(&(at, payload)) = self.marks.front() {
            if at > self.left {
                break;
            }
            due = Some(payload);
            self.marks.pop_front();
        }
        if self.was_high && self.wire.length < LOW_WATER {
            self.was_high = false;
            due = Some(self.payload.saturating_sub(self.wire.length as u64));
        }
        let total = match due? {
            _ if self.wire.length == 0 => self.payload + self.held,
            total => total,
        };
        self.acknowledged = self.acknowledged.max(total);
        Some(self.acknowledged)
    }
}
