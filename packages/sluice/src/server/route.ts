// How the handler of a method is run for a call, one class per kind.
// Invariant: every stream has a listener, or a status, when `serve` returns, and its slot is given
// back exactly once. Not here: which route a call takes (router.ts).

import type { Peer } from '../transport/peer.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import { CallbackListener, type CallHandler } from './callback-listener.ts';
import type { MethodInfo } from './context.ts';
import type { HandlerLoad } from './handler-load.ts';
import { HandlerSlot } from './handler-slot.ts';
import type { ServedMethod } from './served-method.ts';
import {
  type BidiStreamingHandler,
  type ClientStreamingHandler,
  RequestStreamListener,
} from './streaming-handler.ts';
import {
  type ServerStreamingHandler,
  SingleRequestListener,
  type UnaryHandler,
} from './unary-handler.ts';

/** A method and its handler. */
export interface Route {
  readonly path: string;
  readonly method: MethodInfo;
  /** Runs the handler for a call. */
  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void;
}

/** One request, one response. */
export class UnaryRoute<I, O> implements Route {
  readonly path: string;
  readonly method: ServedMethod<I, O>;
  private readonly handler: UnaryHandler<I, O>;

  constructor(method: ServedMethod<I, O>, handler: UnaryHandler<I, O>) {
    this.path = method.path;
    this.method = method;
    this.handler = handler;
  }

  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void {
    const listener = new SingleRequestListener<I, O>(stream, this.handler, undefined);
    const slot = new HandlerSlot(this.method, stream, transport, peer, load, listener);
    slot.timed = load.queueDelay?.begin(this.path);
    listener.begin(slot);
  }
}

/** One request, many responses. */
export class ServerStreamingRoute<I, O> implements Route {
  readonly path: string;
  readonly method: ServedMethod<I, O>;
  private readonly handler: ServerStreamingHandler<I, O>;

  constructor(method: ServedMethod<I, O>, handler: ServerStreamingHandler<I, O>) {
    this.path = method.path;
    this.method = method;
    this.handler = handler;
  }

  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void {
    const listener = new SingleRequestListener<I, O>(stream, undefined, this.handler);
    listener.begin(new HandlerSlot(this.method, stream, transport, peer, load, listener));
  }
}

/** Many requests, one response. */
export class ClientStreamingRoute<I, O> implements Route {
  readonly path: string;
  readonly method: ServedMethod<I, O>;
  private readonly handler: ClientStreamingHandler<I, O>;

  constructor(method: ServedMethod<I, O>, handler: ClientStreamingHandler<I, O>) {
    this.path = method.path;
    this.method = method;
    this.handler = handler;
  }

  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void {
    const listener = new RequestStreamListener<I, O>(stream);
    const slot = new HandlerSlot(this.method, stream, transport, peer, load, listener);
    listener.runClientStreaming(slot, this.handler);
  }
}

/** Many requests, many responses. */
export class BidiStreamingRoute<I, O> implements Route {
  readonly path: string;
  readonly method: ServedMethod<I, O>;
  private readonly handler: BidiStreamingHandler<I, O>;

  constructor(method: ServedMethod<I, O>, handler: BidiStreamingHandler<I, O>) {
    this.path = method.path;
    this.method = method;
    this.handler = handler;
  }

  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void {
    const listener = new RequestStreamListener<I, O>(stream);
    const slot = new HandlerSlot(this.method, stream, transport, peer, load, listener);
    listener.runBidi(slot, this.handler);
  }
}

/** A call of any kind, in callbacks. */
export class CallbackRoute implements Route {
  readonly path: string;
  readonly method: ServedMethod<Buffer, Uint8Array>;
  private readonly handler: CallHandler;

  constructor(method: ServedMethod<Buffer, Uint8Array>, handler: CallHandler) {
    this.path = method.path;
    this.method = method;
    this.handler = handler;
  }

  serve(stream: ServerStream, transport: ServerTransport, peer: Peer, load: HandlerLoad): void {
    const listener = new CallbackListener();
    const slot = new HandlerSlot(this.method, stream, transport, peer, load, listener);
    listener.run(slot, this.handler);
  }
}
