/**
 * The face is node:http's, so its types are those of @types/node: `createServer`, `Server`, `IncomingMessage`, `OutgoingMessage` and
 * `ServerResponse` are turnout's, everything else is node:http's own. `shouldUpgradeCallback` works on every supported Node.
 */
export * from 'node:http';

/**
 * Masks a WebSocket payload (RFC 6455 §5.3): writes `length` bytes of `source`, XORed with the four of `mask`, to `output` from `offset` on.
 * node:http does not have it; `ws` uses it where `http` does.
 */
export function websocketMask(source: Uint8Array, mask: Uint8Array, output: Uint8Array, offset: number, length: number): void;

/** Unmasks a WebSocket payload in place. */
export function websocketUnmask(buffer: Uint8Array, mask: Uint8Array): void;
