// What runs around the handlers of a server: the types, and the chain.
// Invariants: the chain is put around a handler when it is registered, so a server without
// interceptors has none of this in its calls; it runs for every call that reaches a handler, the
// callback kind and the fallback included. The first interceptor is the outermost.
// Not here: how a chain and a handler of each kind are joined (intercepted-handlers.ts).

import type { Metadata } from '../grpc/metadata.ts';
import type { MethodInfo, ServerContext } from './context.ts';

/** A call with one request and one response. */
export interface UnaryServerRequest {
  readonly stream: false;
  readonly method: MethodInfo;
  /** What the handler is given; metadata, peer, deadline and signal are here. */
  readonly context: ServerContext;
  /** The request: bytes where the method was registered by its path, else decoded. */
  readonly message: unknown;
}

/** A call of any other kind; one message is an iterable of one. */
export interface StreamServerRequest {
  readonly stream: true;
  readonly method: MethodInfo;
  readonly context: ServerContext;
  /** The requests; read at the pace of whoever iterates. */
  readonly message: AsyncIterable<unknown>;
}

/** A call on its way to its handler. */
export type ServerRequest = UnaryServerRequest | StreamServerRequest;

/** The answer to a unary call. */
export interface UnaryServerResponse {
  readonly stream: false;
  /** Response headers; changes count until the answer is sent. */
  readonly header: Metadata;
  /** The response: bytes where the method was registered by its path. */
  readonly message: unknown;
  /** Trailers; changes count until the call ends. */
  readonly trailer: Metadata;
}

/** The answer to a call of any other kind. */
export interface StreamServerResponse {
  readonly stream: true;
  /** Response headers; changes count until the first message is sent. */
  readonly header: Metadata;
  /** The responses; taken at the pace of the client. */
  readonly message: AsyncIterable<unknown>;
  /** Trailers; changes count until the call ends. */
  readonly trailer: Metadata;
}

/** An answer on its way to the client. */
export type ServerResponse = UnaryServerResponse | StreamServerResponse;

/** The rest of the chain, with the handler at its end. */
export type NextHandler = (request: ServerRequest) => Promise<ServerResponse>;

/**
 * Runs around handlers: may answer by itself, throw a `StatusError`, hand on another request, or
 * change the answer. `next` may be called once for each answer that is wanted.
 */
export type ServerInterceptor = (
  request: ServerRequest,
  next: NextHandler,
) => Promise<ServerResponse>;

/** Runs the chain from `at` on, and the handler behind it. */
export async function runChain(
  interceptors: readonly ServerInterceptor[],
  at: number,
  request: ServerRequest,
  last: NextHandler,
): Promise<ServerResponse> {
  const interceptor = interceptors[at];
  if (interceptor === undefined) return last(request);
  return interceptor(request, (inner) => runChain(interceptors, at + 1, inner, last));
}
