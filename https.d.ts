/**
 * The face is node:https's, and so are its types: `createServer` and `Server` are turnout's, which know turnout's own options;
 * `shouldUpgradeCallback` works on every supported Node.
 */
import type * as http from 'node:http';
import type * as https from 'node:https';
import type * as turnout from './index.js';

export * from 'node:https';

type RequestClass = typeof http.IncomingMessage;
type ResponseClass<Request extends RequestClass> = typeof http.ServerResponse<InstanceType<Request>>;

/** node:https's options, and turnout's own. Connections are read by Node's `tls` on the JavaScript thread, so there is no `threads`. */
export interface ServerOptions<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends https.ServerOptions<Request, Response>,
    Pick<turnout.ServerOptions, 'catchUpgradeErrors'> {}

export interface ServerEventMap<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends https.ServerEventMap<Request, Response>,
    Pick<turnout.ServerEventMap<Request, Response>, 'upgradeError'> {}

export class Server<
  Request extends RequestClass = RequestClass,
  Response extends ResponseClass<Request> = typeof http.ServerResponse,
> extends https.Server<Request, Response> {
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
