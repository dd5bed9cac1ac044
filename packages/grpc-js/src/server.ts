// A gRPC server: services, ports, the end.
// Invariants: `handlers` is the one place that calls are looked up in; what cannot be done throws at
// once, what fails later is told to the callback.
// Not here: how calls are served (server-engine.ts), ports (server-ports.ts), options (server-options.ts).

import type { Duplex } from 'node:stream';
import { deprecate } from 'node:util';
import type { ChannelOptions } from './channel-options.ts';
import {
  registerChannelzSocket,
  type ServerRef,
  type SocketRef,
  serverRefOf,
  unregisterChannelzRef,
} from './channelz.ts';
import { Status } from './constants.ts';
import type { Deserialize, Serialize, ServiceDefinition } from './make-client.ts';
import { Metadata } from './metadata.ts';
import type {
  HandleCall,
  Handler,
  HandlerType,
  ServerStatusResponse,
  sendUnaryData,
} from './server-call.ts';
import { isServerCredentials, type ServerCredentials } from './server-credentials.ts';
import { ServerEngine } from './server-engine.ts';
import type { ServerInterceptor } from './server-interceptors.ts';
import { graceOf, ServerPorts } from './server-ports.ts';
import { tlsOf } from './server-tls.ts';
import { type SubchannelAddress, subchannelAddressToString } from './subchannel-address.ts';

// biome-ignore lint/suspicious/noExplicitAny: the published type
export type UntypedHandleCall = HandleCall<any, any>;

export interface UntypedServiceImplementation {
  [name: string]: UntypedHandleCall;
}

export interface ServerOptions extends ChannelOptions {
  interceptors?: ServerInterceptor[];
}

export interface ConnectionInjector {
  /** Serves a connection that came in elsewhere. */
  injectConnection(connection: Duplex): void;
  /** Ends those that were injected, gracefully, and after the grace at once. */
  drain(graceTimeMs: number): void;
  /** Takes no more, and ends those that were injected, gracefully. */
  destroy(): void;
}

const NOT_BOUND = 'server must be bound in order to start';

const warnOfStart: () => void = deprecate(
  () => {},
  'Calling start() is no longer necessary. It can be safely omitted.',
);

export class Server {
  private readonly handlers: Map<string, Handler<unknown, unknown>>;
  private readonly options: ServerOptions;
  private readonly interceptors: readonly ServerInterceptor[];
  private readonly channelzEnabled: boolean;
  private readonly engine: ServerEngine;
  /** Of credentials that have interceptors. */
  private readonly otherEngines: Map<ServerCredentials, ServerEngine>;
  private readonly ports: ServerPorts;
  private started: boolean;
  private shutdown: boolean;
  /** Connections may have come in, and may be there still. */
  private mayHaveConnections: boolean;

  constructor(options?: ServerOptions) {
    this.options = options ?? {};
    this.handlers = new Map();
    this.interceptors = this.options.interceptors ?? [];
    this.channelzEnabled = this.options['grpc.enable_channelz'] !== 0;
    this.engine = this.newEngine(this.interceptors);
    this.otherEngines = new Map();
    this.ports = new ServerPorts(this.options['grpc-node.tls_enable_trace'] === 1);
    this.started = false;
    this.shutdown = false;
    this.mayHaveConnections = false;
  }

  private newEngine(interceptors: readonly ServerInterceptor[]): ServerEngine {
    const engine = new ServerEngine(this.handlers, interceptors, this.options);
    // Shown unless told otherwise.
    if (!this.channelzEnabled) serverRefOf(engine.server, 'server', false);
    return engine;
  }

  // Services.

  addProtoService(): never {
    throw new Error('Not implemented. Use addService() instead');
  }

  /** @throws Error for what is no service, one without methods, and a method that is served already */
  addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    if (!isObject(service) || !isObject(implementation)) {
      throw new Error('addService() requires two objects as arguments');
    }
    const names = Object.keys(service);
    if (names.length === 0) throw new Error('Cannot add an empty service to a server');
    for (const name of names) {
      const method = service[name];
      if (method === undefined) continue;
      const type = typeOf(method);
      const { path, originalName } = method;
      let own = implementation[name];
      if (own === undefined && typeof originalName === 'string') own = implementation[originalName];
      const handler = own === undefined ? missing(type, name) : own.bind(implementation);
      const { responseSerialize, requestDeserialize } = method;
      if (!this.register(path, handler, responseSerialize, requestDeserialize, type)) {
        throw new Error(`Method handler for ${path} already provided.`);
      }
    }
  }

  removeService(service: ServiceDefinition): void {
    if (!isObject(service)) throw new Error('removeService() requires object as argument');
    for (const name of Object.keys(service)) {
      const method = service[name];
      if (method !== undefined) this.unregister(method.path);
    }
  }

  /** @returns false when the name has a handler already, which stays */
  register<RequestType, ResponseType>(
    name: string,
    handler: HandleCall<RequestType, ResponseType>,
    serialize: Serialize<ResponseType>,
    deserialize: Deserialize<RequestType>,
    type: string,
  ): boolean {
    if (this.handlers.has(name)) return false;
    // The type says which of its forms the handler has.
    const entry = { func: handler, serialize, deserialize, type, path: name };
    this.handlers.set(name, entry as unknown as Handler<unknown, unknown>);
    return true;
  }

  /** @returns whether there was a handler */
  unregister(name: string): boolean {
    return this.handlers.delete(name);
  }

  // Ports.

  bind(_port: string, _creds: ServerCredentials): never {
    throw new Error('Not implemented. Use bindAsync() instead');
  }

  addHttp2Port(): never {
    throw new Error('Not yet implemented');
  }

  /**
   * Listens on all addresses that `port` stands for: "host:port", "[::]:port", "unix:path"; port 0 is
   * a free one. The callback has the number.
   * @throws Error or TypeError for arguments that cannot work, and once the server is shut down
   */
  bindAsync(
    port: string,
    creds: ServerCredentials,
    callback: (error: Error | null, port: number) => void,
  ): void {
    if (this.shutdown) throw new Error('bindAsync called after shutdown');
    if (typeof port !== 'string') throw new TypeError('port must be a string');
    checkCredentials(creds);
    if (typeof callback !== 'function') throw new TypeError('callback must be a function');
    this.mayHaveConnections = true;
    this.ports.bind(port, creds, () => this.engineOf(creds), callback);
  }

  private engineOf(credentials: ServerCredentials): ServerEngine {
    const own = credentials._getInterceptors?.() ?? [];
    if (own.length === 0) return this.engine;
    let engine = this.otherEngines.get(credentials);
    if (engine === undefined) {
      engine = this.newEngine([...own, ...this.interceptors]);
      this.otherEngines.set(credentials, engine);
    }
    return engine;
  }

  /**
   * Gives a port up that was bound, or is being bound; its connections end gracefully. Of port 0, the
   * number that it came to is the port's.
   */
  unbind(port: string): void {
    this.ports.unbind(port);
  }

  /** Ends the connections of a port gracefully, and after the grace at once. It listens still. */
  drain(port: string, graceTimeMs: number): void {
    this.ports.drain(port, graceTimeMs);
  }

  /** For connections that come in otherwise than through a port. */
  createConnectionInjector(credentials: ServerCredentials): ConnectionInjector {
    checkCredentials(credentials);
    if (this.shutdown) return CLOSED_INJECTOR;
    this.mayHaveConnections = true;
    const tls = tlsOf(credentials, false);
    const injector = this.engineOf(credentials).server.injector({ tls });
    return {
      injectConnection: (connection) => injector.inject(connection),
      drain: (graceTimeMs) => injector.drain(graceOf(graceTimeMs)),
      destroy: () => {
        injector.close();
        injector.drain(Number.POSITIVE_INFINITY);
      },
    };
  }

  protected experimentalCreateConnectionInjectorWithChannelzRef(
    credentials: ServerCredentials,
    _channelzRef: SocketRef,
    _ownsChannelzRef = false,
  ): ConnectionInjector {
    return this.createConnectionInjector(credentials);
  }

  protected experimentalRegisterListenerToChannelz(boundAddress: SubchannelAddress): SocketRef {
    return registerChannelzSocket(
      subchannelAddressToString(boundAddress),
      () => ({ ...NO_FIGURES, localAddress: boundAddress }),
      this.channelzEnabled,
    );
  }

  protected experimentalUnregisterListenerFromChannelz(channelzRef: SocketRef): void {
    unregisterChannelzRef(channelzRef);
  }

  /**
   * Does nothing but check.
   * @deprecated No longer needed as of version 1.10.x
   */
  start(): void {
    warnOfStart();
    if (!this.ports.isListening) throw new Error(NOT_BOUND);
    if (this.started) throw new Error('server is already started');
    this.started = true;
  }

  // The end.

  /** Ends all connections at once. */
  forceShutdown(): void {
    this.shutdown = true;
    this.ports.end();
    void this.ended(this.engines().map(({ server }) => server.close({ cancelCalls: true })));
  }

  /** Takes no more calls; the callback comes once those that are open have ended. */
  tryShutdown(callback: (error?: Error) => void): void {
    this.shutdown = true;
    this.ports.end();
    if (!this.mayHaveConnections) {
      callback();
      return;
    }
    const ends = this.engines().map(({ server }) => server.drain(Number.POSITIVE_INFINITY));
    // What a callback throws belongs to the process, not to a promise.
    void this.ended(ends).then(() => process.nextTick(callback));
  }

  private async ended(ends: Promise<void>[]): Promise<void> {
    await Promise.all(ends);
    this.mayHaveConnections = false;
  }

  private engines(): ServerEngine[] {
    return [this.engine, ...this.otherEngines.values()];
  }

  /** Of no meaning when channelz is off. */
  getChannelzRef(): ServerRef {
    return serverRefOf(this.engine.server, 'server', this.channelzEnabled);
  }
}

/** Of a server that was shut down. */
const CLOSED_INJECTOR: ConnectionInjector = {
  injectConnection(connection) {
    connection.destroy();
  },
  drain() {},
  destroy() {},
};

const NO_FIGURES = {
  localAddress: null,
  remoteAddress: null,
  security: null,
  remoteName: null,
  streamsStarted: 0,
  streamsSucceeded: 0,
  streamsFailed: 0,
  messagesSent: 0,
  messagesReceived: 0,
  keepAlivesSent: 0,
  lastLocalStreamCreatedTimestamp: null,
  lastRemoteStreamCreatedTimestamp: null,
  lastMessageSentTimestamp: null,
  lastMessageReceivedTimestamp: null,
  localFlowControlWindow: null,
  remoteFlowControlWindow: null,
};

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function checkCredentials(credentials: unknown): void {
  if (isServerCredentials(credentials)) return;
  throw new TypeError('creds must be a ServerCredentials object');
}

function typeOf(method: { requestStream: boolean; responseStream: boolean }): HandlerType {
  if (method.requestStream) return method.responseStream ? 'bidi' : 'clientStream';
  return method.responseStream ? 'serverStream' : 'unary';
}

// Handlers of methods that the implementation lacks.
function missing(type: HandlerType, name: string): UntypedHandleCall {
  const status = (): ServerStatusResponse => ({
    code: Status.UNIMPLEMENTED,
    details: `The server does not implement the method ${name}`,
    metadata: new Metadata(),
  });
  if (type === 'unary' || type === 'clientStream') {
    return (_call: unknown, callback: sendUnaryData<unknown>) => callback(status(), null);
  }
  return (call: { emit(event: string, error: unknown): boolean }) => {
    call.emit('error', status());
  };
}
