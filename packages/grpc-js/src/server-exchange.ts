// How a handler is run for a call: one class for methods with one request, one for streams of them.
// Invariants: a handler of one request runs once its request and its half-close are here; what it
// throws ends its call with UNKNOWN; a callback counts once.
// Not here: the call below (server-base-call.ts), the handlers' map (server.ts).

import { Status } from './constants.ts';
import type { Metadata } from './metadata.ts';
import { BaseServerInterceptingCall } from './server-base-call.ts';
import type {
  BidiStreamingHandler,
  ClientStreamingHandler,
  Handler,
  ServerStreamingHandler,
  sendUnaryData,
  UnaryHandler,
} from './server-call.ts';
import {
  getServerInterceptingCall,
  type InterceptingServerListener,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from './server-interceptors.ts';
import { serverErrorToStatus, thrownStatus } from './server-status.ts';
import {
  EndsCall,
  ServerDuplexStreamImpl,
  ServerUnaryCallImpl,
  ServerWritableStreamImpl,
} from './server-surfaces.ts';

/** Reads of a method with one request: the request, and the half-close or a request too many. */
const SINGLE_REQUEST_READS = 2;

/** Runs a handler behind the interceptors, or behind none. */
export function runHandler(
  base: BaseServerInterceptingCall,
  handler: Handler<unknown, unknown>,
  interceptors: readonly ServerInterceptor[],
): void {
  const isBare = interceptors.length === 0;
  const call = isBare ? base : getServerInterceptingCall(interceptors, base, handler);
  const exchange = exchangeOf(call, handler);
  if (exchange === null) {
    const details = `Unknown handler type: ${handler.type}`;
    call.sendStatus({ code: Status.INTERNAL, details, metadata: null });
  } else if (isBare) {
    base.listen(exchange, exchange.isSingleRequest ? SINGLE_REQUEST_READS : 0);
    exchange.begin(null);
  } else {
    call.start(exchange);
  }
}

interface Exchange extends InterceptingServerListener {
  readonly isSingleRequest: boolean;
  /** @param metadata null: the call has them when they are asked for */
  begin(metadata: Metadata | null): void;
}

/** Null for a type that none of `register`'s is. */
function exchangeOf(
  call: ServerInterceptingCallInterface,
  handler: Handler<unknown, unknown>,
): Exchange | null {
  switch (handler.type) {
    case 'unary':
    case 'serverStream':
      return new SingleRequestExchange(call, handler);
    case 'clientStream':
    case 'bidi':
      return new RequestStreamExchange(call, handler);
    default:
      return null;
  }
}

/** Of a method with one request, which runs once it is whole. */
class SingleRequestExchange implements Exchange {
  readonly isSingleRequest = true;
  private readonly call: ServerInterceptingCallInterface;
  private readonly handler:
    | UnaryHandler<unknown, unknown>
    | ServerStreamingHandler<unknown, unknown>;
  private metadata: Metadata | null;
  private request: unknown;
  private hasRequest: boolean;
  private surface:
    | ServerUnaryCallImpl<unknown, unknown>
    | ServerWritableStreamImpl<unknown, unknown>
    | null;

  constructor(
    call: ServerInterceptingCallInterface,
    handler: UnaryHandler<unknown, unknown> | ServerStreamingHandler<unknown, unknown>,
  ) {
    this.call = call;
    this.handler = handler;
    this.metadata = null;
    this.request = undefined;
    this.hasRequest = false;
    this.surface = null;
  }

  begin(metadata: Metadata | null): void {
    this.metadata = metadata;
    this.call.startRead();
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.begin(metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.hasRequest) {
      refuseSecond(this.call, this.handler.path);
      return;
    }
    this.hasRequest = true;
    this.request = message;
    this.call.startRead();
  }

  onReceiveHalfClose(): void {
    const { call, handler, metadata, request } = this;
    if (!this.hasRequest) {
      refuseNone(call, handler.path);
      return;
    }
    try {
      if (handler.type === 'unary') {
        const surface = new ServerUnaryCallImpl(handler.path, call, metadata, request);
        this.surface = surface;
        handler.func(surface, respondWith(call));
      } else {
        const surface = new ServerWritableStreamImpl(handler.path, call, metadata, request);
        this.surface = surface;
        handler.func(surface);
      }
    } catch {
      call.sendStatus(thrownStatus());
    }
  }

  onCancel(): void {
    const { surface } = this;
    if (surface === null) return;
    surface.cancelled = true;
    surface.emit('cancelled', 'cancelled');
    if (surface instanceof ServerWritableStreamImpl) surface.destroy();
  }
}

/** Of a method with a stream of requests, which runs at once. */
class RequestStreamExchange implements Exchange {
  readonly isSingleRequest = false;
  private readonly call: ServerInterceptingCallInterface;
  private readonly handler:
    | ClientStreamingHandler<unknown, unknown>
    | BidiStreamingHandler<unknown, unknown>;
  private surface: ServerDuplexStreamImpl<unknown, unknown> | null;

  constructor(
    call: ServerInterceptingCallInterface,
    handler: ClientStreamingHandler<unknown, unknown> | BidiStreamingHandler<unknown, unknown>,
  ) {
    this.call = call;
    this.handler = handler;
    this.surface = null;
  }

  begin(metadata: Metadata | null): void {
    const { call, handler } = this;
    // That of a client stream can be written too, as the original's, and ends the call by its answer.
    const ends = handler.type === 'clientStream' ? EndsCall.byAnswer : EndsCall.byStream;
    const surface = new ServerDuplexStreamImpl<unknown, unknown>(
      handler.path,
      call,
      metadata,
      ends,
    );
    this.surface = surface;
    try {
      if (handler.type === 'clientStream') handler.func(surface, respondWith(call));
      else handler.func(surface);
    } catch {
      call.sendStatus(thrownStatus());
    }
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.begin(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.surface?.push(message);
  }

  onReceiveHalfClose(): void {
    if (this.surface !== null) setImmediate(endMessages, this.surface);
  }

  onCancel(): void {
    const { surface } = this;
    if (surface === null) return;
    surface.cancelled = true;
    surface.emit('cancelled', 'cancelled');
    surface.destroy();
  }
}

/** Later than the last message by a turn: what its listener does in promises comes before the end. */
function endMessages(surface: ServerDuplexStreamImpl<unknown, unknown>): void {
  surface.push(null);
}

function respondWith(call: ServerInterceptingCallInterface): sendUnaryData<unknown> {
  return (error, value, trailer, flags) => {
    if (error) {
      call.sendStatus(serverErrorToStatus(error, trailer));
    } else if (call instanceof BaseServerInterceptingCall) {
      call.reply(value, trailer, flags ?? 0);
    } else {
      call.sendMessage(value, () => {
        call.sendStatus({ code: Status.OK, details: 'OK', metadata: trailer ?? null });
      });
    }
  };
}

function refuseSecond(call: ServerInterceptingCallInterface, path: string): void {
  const details = `Received a second request message for server streaming method ${path}`;
  call.sendStatus({ code: Status.UNIMPLEMENTED, details, metadata: null });
}

function refuseNone(call: ServerInterceptingCallInterface, path: string): void {
  const details = `Received no request message for server streaming method ${path}`;
  call.sendStatus({ code: Status.UNIMPLEMENTED, details, metadata: null });
}
