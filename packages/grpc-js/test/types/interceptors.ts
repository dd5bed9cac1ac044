// A program written for @grpc/grpc-js: interceptors of clients and servers, by objects, by builders and by
// implementing the interfaces. It is compiled, never run.

import {
  type CallOptions,
  Client,
  credentials,
  type FullResponder,
  type FullServerListener,
  InterceptingCall,
  type InterceptingListener,
  type Interceptor,
  InterceptorConfigurationError,
  type InterceptorOptions,
  type InterceptorProvider,
  type Listener,
  ListenerBuilder,
  type Metadata,
  type NextCall,
  type Requester,
  RequesterBuilder,
  type Responder,
  ResponderBuilder,
  Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
  StatusBuilder,
  type StatusObject,
  status,
} from '@grpc/grpc-js';

/** As Temporal's client and many others do it. */
export const tenant: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      metadata.set('x-tenant', 'a');
      next(metadata, {
        onReceiveMetadata(header, forward) {
          forward(header);
        },
        onReceiveMessage(message, forward) {
          forward(message);
        },
        onReceiveStatus(end, forward) {
          forward({ ...end, details: `${end.details}!` });
        },
      });
    },
    sendMessage(message, next) {
      next(message);
    },
    halfClose(next) {
      next();
    },
    cancel(next) {
      next();
    },
  });

export const built: Interceptor = (options: InterceptorOptions, nextCall: NextCall) => {
  const { path, requestStream, responseStream } = options.method_definition;
  const listener: Listener = new ListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => next(metadata))
    .withOnReceiveMessage((message, next) => next(message))
    .withOnReceiveStatus((end: StatusObject, next) =>
      next(
        Object.assign(end, new StatusBuilder().withCode(status.ABORTED).withDetails(path).build()),
      ),
    )
    .build();
  const requester: Requester = new RequesterBuilder()
    .withStart((metadata, _listener, next) => next(metadata, listener))
    .withSendMessage((message, next) => next(message))
    .withHalfClose((next) => next())
    .withCancel((next) => next())
    .build();
  if (requestStream || responseStream) return new InterceptingCall(nextCall(options));
  return new InterceptingCall(nextCall({ ...options, deadline: Date.now() + 100 }), requester);
};

/** A retry by hand, which keeps what was sent and starts another call. */
export const again: Interceptor = (options, nextCall) => {
  let kept: unknown;
  let header: Metadata;
  return new InterceptingCall(nextCall(options), {
    start(metadata, listener: InterceptingListener, next) {
      header = metadata;
      next(metadata, {
        onReceiveStatus(end, forward) {
          if (end.code === status.OK) return forward(end);
          const call = nextCall(options);
          call.start(header, {
            onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
            onReceiveMessage: (message) => listener.onReceiveMessage(message),
            onReceiveStatus: (last) => forward(last),
          });
          call.sendMessage(kept);
          call.sendMessageWithContext({ flags: 1, callback: () => {} }, kept);
          call.halfClose();
          call.startRead();
          call.cancelWithStatus(status.CANCELLED, call.getPeer());
        },
      });
    },
    sendMessage(message: unknown, next) {
      kept = message;
      next(message);
    },
  });
};

export const provider: InterceptorProvider = (method) =>
  method.path.startsWith('/a.') ? tenant : built;

export const mixed: CallOptions = { interceptors: [tenant, again], interceptor_providers: [] };

export function misused(): Client | string {
  try {
    return new Client('localhost:1', credentials.createInsecure(), {
      interceptors: [tenant],
      interceptor_providers: [provider],
    });
  } catch (error) {
    if (error instanceof InterceptorConfigurationError) return error.message;
    throw error;
  }
}

export const fullListener: FullServerListener = {
  onReceiveMetadata: (metadata, next) => next(metadata),
  onReceiveMessage: (message, next) => next(message),
  onReceiveHalfClose: (next) => next(),
  onCancel: () => {},
};

export const fullResponder: FullResponder = {
  start: (next) => next(fullListener),
  sendMetadata: (metadata, next) => next(metadata),
  sendMessage: (message, next) => next(message),
  sendStatus: (end, next) => next({ code: end.code, details: end.details, metadata: null }),
};

export const authenticate: ServerInterceptor = (method, call: ServerInterceptingCallInterface) => {
  const listener: ServerListener = new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      if (metadata.get('authorization').length > 0) return next(metadata);
      call.sendStatus({ code: status.UNAUTHENTICATED, details: method.path });
    })
    .withOnReceiveMessage((message, next) => next(message))
    .withOnReceiveHalfClose((next) => next())
    .withOnCancel(() => {})
    .build();
  const responder: Responder = new ResponderBuilder()
    .withStart((next) => next(listener))
    .withSendMetadata((metadata, next) => next(metadata))
    .withSendMessage((message, next) => next(message))
    .withSendStatus((end, next) => next(end))
    .build();
  const { remoteAddress, remotePort } = call.getConnectionInfo();
  const peer = `${call.getPeer()} ${remoteAddress}:${remotePort} ${call.getHost()}`;
  if (peer === '' || call.getDeadline() === 0) return new ServerInterceptingCall(call);
  call.getMetricsRecorder().recordQpsMetric(1);
  return new ServerInterceptingCall(call, responder);
};

export const server: Server = new Server({ interceptors: [authenticate] });

/** A call of one's own, as test doubles have it. */
export class Wrapped implements ServerInterceptingCallInterface {
  private readonly inner: ServerInterceptingCallInterface;

  constructor(inner: ServerInterceptingCallInterface) {
    this.inner = inner;
  }

  start(listener: Parameters<ServerInterceptingCallInterface['start']>[0]): void {
    this.inner.start(listener);
  }
  sendMetadata(metadata: Metadata): void {
    this.inner.sendMetadata(metadata);
  }
  sendMessage(message: unknown, callback: () => void): void {
    this.inner.sendMessage(message, callback);
  }
  sendStatus(end: Parameters<ServerInterceptingCallInterface['sendStatus']>[0]): void {
    this.inner.sendStatus(end);
  }
  startRead(): void {
    this.inner.startRead();
  }
  getPeer(): string {
    return this.inner.getPeer();
  }
  getDeadline(): ReturnType<ServerInterceptingCallInterface['getDeadline']> {
    return this.inner.getDeadline();
  }
  getHost(): string {
    return this.inner.getHost();
  }
  getAuthContext(): ReturnType<ServerInterceptingCallInterface['getAuthContext']> {
    return this.inner.getAuthContext();
  }
  getConnectionInfo(): ReturnType<ServerInterceptingCallInterface['getConnectionInfo']> {
    return this.inner.getConnectionInfo();
  }
  getMetricsRecorder(): ReturnType<ServerInterceptingCallInterface['getMetricsRecorder']> {
    return this.inner.getMetricsRecorder();
  }
}
