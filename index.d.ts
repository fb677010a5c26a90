/**
 * The face is node:http's, so its types are those of @types/node: `createServer`, `Server`, `IncomingMessage`, `OutgoingMessage` and
 * `ServerResponse` are turnout's, everything else is node:http's own. `shouldUpgradeCallback` works on every supported Node.
 */
import type * as http from 'node:http';
import type { Duplex } from 'node:stream';

export * from 'node:http';

type RequestClass = typeof http.IncomingMessage;
type ResponseClass<Request extends RequestClass> = typeof http.ServerResponse<InstanceType<Request>>;

/** node:http's options, and turnout's own. */
export interface ServerOptions<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends http.ServerOptions<Request, Response> {
  /** How many threads move the server's bytes, 0 to 63; 0: the JavaScript thread's own loop. Default: `TURNOUT_THREADS`, `TURNOUT_DRIVER`, or 0. */
  threads?: number;
  /**
   * An error of a socket that 'upgrade' or 'connect' has handed over, and that has no 'error' listener, is the server's 'upgradeError'
   * instead of an uncaught exception. Default: false.
   */
  catchUpgradeErrors?: boolean;
}

export interface ServerEventMap<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends http.ServerEventMap<Request, Response> {
  /** See {@link ServerOptions.catchUpgradeErrors}; the stream is being destroyed. */
  upgradeError: [error: Error, stream: Duplex, request: InstanceType<Request>];
}

export class Server<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends http.Server<Request, Response> {
  constructor(requestListener?: http.RequestListener<Request, Response>);
  constructor(options: ServerOptions<Request, Response>, requestListener?: http.RequestListener<Request, Response>);
  on<E extends keyof ServerEventMap>(event: E, listener: (...args: ServerEventMap<Request, Response>[E]) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once<E extends keyof ServerEventMap>(event: E, listener: (...args: ServerEventMap<Request, Response>[E]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
  addListener<E extends keyof ServerEventMap>(event: E, listener: (...args: ServerEventMap<Request, Response>[E]) => void): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;
}

export function createServer<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
>(requestListener?: http.RequestListener<Request, Response>): Server<Request, Response>;
export function createServer<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
>(options: ServerOptions<Request, Response>, requestListener?: http.RequestListener<Request, Response>): Server<Request, Response>;

/**
 * Masks a WebSocket payload (RFC 6455 §5.3): writes `length` bytes of `source`, XORed with the four of `mask`, to `output` from `offset` on.
 * node:http does not have it; `ws` uses it where `http` does.
 */
export function websocketMask(source: Uint8Array, mask: Uint8Array, output: Uint8Array, offset: number, length: number): void;

/** Unmasks a WebSocket payload in place. */
export function websocketUnmask(buffer: Uint8Array, mask: Uint8Array): void;
