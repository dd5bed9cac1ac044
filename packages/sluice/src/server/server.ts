// A gRPC server: what users add handlers to and listen with; its connections, drain and close.
// Invariants: every stream gets a listener or a status before `onStream` returns; close and drain
// resolve when the last socket is gone.
// Not here: what happens on a connection (transport/server-transport.ts), routes (router.ts),
// settings (server-options.ts).
// Longer than 400 lines because it is the whole of what users call on a server, with its documentation.

import type { Duplex } from 'node:stream';
import type { Method, MethodKind } from '../grpc/method.ts';
import { Status } from '../grpc/status.ts';
import type { AnyService } from '../service/any-service.ts';
import { tellNoHandshake, tellNoRoom } from '../transport/connection-events.ts';
import type { RuntimeStats } from '../transport/connection-stats.ts';
import { feedFromData } from '../transport/connector.ts';
import { callEvents } from '../transport/diagnostics.ts';
import { LimitCounts } from '../transport/limit-counts.ts';
import {
  DRAIN_GRACE_MS,
  defaultServerLimits,
  MAX_HEADER_LIST,
  MAX_MESSAGE_LENGTH_DEFAULT,
  resolveLimits,
} from '../transport/limits.ts';
import {
  checkListenTarget,
  type ListenAddress,
  Listener,
  type ListenTarget,
  type ServerTlsOptions,
  type SocketNames,
} from '../transport/listener.ts';
import { memoryBudget } from '../transport/memory-budget.ts';
import { windowOption } from '../transport/option-checks.ts';
import { Peer } from '../transport/peer.ts';
import { refuseConnection } from '../transport/refused-connection.ts';
import { ResetWatch } from '../transport/reset-watch.ts';
import { ServerCallRecord } from '../transport/server-call-record.ts';
import type { ServerLimitOptions } from '../transport/server-limits.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import { ServerTransport } from '../transport/server-transport.ts';
import { processStallWatch, type StallSource } from '../transport/stall-watch.ts';
import { processWheel } from '../transport/timer-wheel.ts';
import { checkServerTls } from '../transport/tls-settings.ts';
import type { CallHandler } from './callback-listener.ts';
import { ConnectionInjector, type InjectorOptions } from './connection-injector.ts';
import { type EndSignal, onSignals } from './drain-signals.ts';
import { HandlerLoad } from './handler-load.ts';
import { type LiveServer, liveServers } from './live-servers.ts';
import { Router } from './router.ts';
import type { MethodOptions } from './served-method.ts';
import { explainServer, visitServerStalls } from './server-explanation.ts';
import { checkOptions, queueDelayOf, type ServerOptions } from './server-options.ts';
import { type LiveConnection, serverStats } from './server-stats.ts';
import type { ServiceHandlers } from './service-handlers.ts';
import type { BidiStreamingHandler, ClientStreamingHandler } from './streaming-handler.ts';
import type { ServerStreamingHandler, UnaryHandler } from './unary-handler.ts';

/**
 * A gRPC server. Made with `createServer`; handlers first, then `listen`, though handlers may be
 * added later too. What a handler throws becomes the call's status; see `StatusError`.
 *
 * A method is named by its path, `/package.Service/Method`, and its messages are bytes; or by a
 * `Method` of a service definition, and they are what its codecs take and give.
 */
export class Server {
  private readonly options: ServerOptions;
  private readonly initialStreamWindow: number;
  private readonly initialConnectionWindow: number;
  /** What the options made of the limits. */
  private readonly limitOptions: ServerLimitOptions;
  private readonly router: Router;
  private readonly load: HandlerLoad;
  private readonly listeners: Listener[];
  private readonly live: Set<LiveConnection>;
  private readonly entry: LiveServer;
  private readonly stallSource: StallSource;
  private readonly closeWaiters: (() => void)[];
  private drainListeners: readonly (() => void)[];
  /** Of limits, on connections that are closed and before there was one. */
  private readonly acted: LimitCounts;
  private readonly resets: ResetWatch;
  private tls: ServerTlsOptions | undefined;
  private stateNow: 'idle' | 'listening' | 'draining' | 'closed';
  private drainingSinceMs: number | undefined;

  /** Use `createServer`. */
  constructor(options: ServerOptions = {}) {
    checkOptions(options);
    this.options = options;
    this.initialStreamWindow = windowOption('initialStreamWindow', options.initialStreamWindow);
    this.initialConnectionWindow = windowOption(
      'initialConnectionWindow',
      options.initialConnectionWindow,
    );
    const limits = resolveLimits(defaultServerLimits, options.limits);
    if (options.limits?.handlers === undefined && Number.isFinite(limits.streams)) {
      limits.handlers = Math.max(limits.handlers, limits.streams);
    }
    this.limitOptions = {
      limits,
      maxHeaderList: options.maxHeaderListBytes ?? MAX_HEADER_LIST,
      maxReceiveMessageLength: options.maxReceiveMessageLength ?? MAX_MESSAGE_LENGTH_DEFAULT,
    };
    this.router = new Router(options.interceptors ?? [], {
      maxSendMessageLength: options.maxSendMessageLength,
      compress: options.compress,
    });
    this.load = new HandlerLoad(
      limits.totalHandlers,
      options.shed,
      queueDelayOf(options.shedQueueDelay),
      options.onHandlerError,
    );
    this.listeners = [];
    this.live = new Set();
    this.entry = { server: this, connections: this.live, load: this.load };
    this.stallSource = { visitStalls: (visit) => visitServerStalls(this.live, visit) };
    this.drainingSinceMs = undefined;
    this.closeWaiters = [];
    this.drainListeners = [];
    this.acted = new LimitCounts();
    this.resets = new ResetWatch();
    this.tls = options.tls;
    this.stateNow = 'idle';
  }

  // Handlers.

  /**
   * The handlers of a service, by the local names of its methods: a plain object, or an instance of
   * a class (which stays their `this`). A method without a handler answers UNIMPLEMENTED.
   * @throws TypeError for a name that the service does not have; Error for a path that has a handler
   */
  add<S extends AnyService>(
    service: S,
    handlers: ServiceHandlers<S>,
    options?: MethodOptions,
  ): this {
    this.router.addService(service, handlers, options);
    return this;
  }

  /** One request, one response. */
  unary(path: string, handler: UnaryHandler, options?: MethodOptions): this;
  unary<I, O>(method: Method<I, O>, handler: UnaryHandler<I, O>, options?: MethodOptions): this;
  unary<I, O>(
    target: string | Method<I, O>,
    handler: UnaryHandler<I, O>,
    options?: MethodOptions,
  ): this {
    this.router.addUnary(target, handler, options);
    return this;
  }

  /** One request, many responses, sent at the pace the client takes them. */
  serverStreaming(path: string, handler: ServerStreamingHandler, options?: MethodOptions): this;
  serverStreaming<I, O>(
    method: Method<I, O>,
    handler: ServerStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this;
  serverStreaming<I, O>(
    target: string | Method<I, O>,
    handler: ServerStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this {
    this.router.addServerStreaming(target, handler, options);
    return this;
  }

  /** Many requests, one response. */
  clientStreaming(path: string, handler: ClientStreamingHandler, options?: MethodOptions): this;
  clientStreaming<I, O>(
    method: Method<I, O>,
    handler: ClientStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this;
  clientStreaming<I, O>(
    target: string | Method<I, O>,
    handler: ClientStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this {
    this.router.addClientStreaming(target, handler, options);
    return this;
  }

  /** Many requests, many responses, independent of each other. */
  bidiStreaming(path: string, handler: BidiStreamingHandler, options?: MethodOptions): this;
  bidiStreaming<I, O>(
    method: Method<I, O>,
    handler: BidiStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this;
  bidiStreaming<I, O>(
    target: string | Method<I, O>,
    handler: BidiStreamingHandler<I, O>,
    options?: MethodOptions,
  ): this {
    this.router.addBidiStreaming(target, handler, options);
    return this;
  }

  /** A call of any kind with callbacks and bytes. */
  handle(
    target: string | { readonly path: string },
    handler: CallHandler,
    options?: MethodOptions,
  ): this {
    const path = typeof target === 'string' ? target : target.path;
    this.router.addCallbacks(path, handler, options);
    return this;
  }

  /**
   * Serves the calls that nothing else serves, in place of UNIMPLEMENTED: a proxy, for instance.
   * One per server.
   */
  fallback(handler: CallHandler): this {
    this.router.setFallback(handler);
    return this;
  }

  /** The services that were added, in that order. */
  get services(): readonly AnyService[] {
    return this.router.services;
  }

  // Listening.

  /**
   * Listens on a TCP port (0 or none for a free one, host default all addresses) or a unix path;
   * with TLS settings of its own where they are given (`false` for plain text), else the server's.
   * May be called several times. Rejects with the system's error, which names the address.
   */
  async listen(target: ListenTarget = {}): Promise<ListenAddress> {
    this.checkServing();
    checkListenTarget(target);
    const secure = this.tls;
    const listener = this.newListener(target.tls);
    const address = await listener.listen(target);
    try {
      this.checkServing();
    } catch (error) {
      listener.close();
      throw error;
    }
    // They may have changed meanwhile.
    if (this.tls !== undefined && this.tls !== secure) listener.follow(this.tls);
    this.listening(listener);
    return address;
  }

  /**
   * For connections that come in otherwise than through a port of this server's: a tunnel, a socket
   * that another process accepted, a pair of streams.
   * @throws TypeError for TLS settings that cannot work; Error once the server drains or is closed
   */
  injector(options: InjectorOptions = {}): ConnectionInjector {
    this.checkServing();
    if (options.tls !== false) checkServerTls(options.tls);
    const listener = this.newListener(options.tls);
    listener.open();
    this.listening(listener);
    const isOwn = (one: Listener): boolean => one === listener;
    return new ConnectionInjector(
      listener,
      (graceMs) => this.drainOf(isOwn, graceMs),
      () => this.closeListener(isOwn),
    );
  }

  private newListener(tls: ServerTlsOptions | false | undefined): Listener {
    const secure = tls === undefined ? this.tls : tls === false ? undefined : tls;
    const listener: Listener = new Listener(secure, tls !== undefined, {
      onSocket: (socket, names) => this.serve(socket, names, listener),
      onRefused: (limit, names) => this.noteRefused(limit, names),
    });
    return listener;
  }

  private listening(listener: Listener): void {
    this.listeners.push(listener);
    this.stateNow = 'listening';
    liveServers.add(this.entry);
  }

  /**
   * Takes no new connections at an address that `listen` answered; those that came in there go on,
   * until `drainFrom`. @returns whether it listened there
   */
  unlisten(address: ListenAddress): boolean {
    return this.closeListener(isAt(address));
  }

  private closeListener(isOne: (listener: Listener) => boolean): boolean {
    const at = this.listeners.findIndex(isOne);
    if (at < 0) return false;
    for (const listener of this.listeners.splice(at, 1)) listener.close();
    return true;
  }

  /**
   * Ends the connections that came in at an address, gracefully: they take no new calls, and close
   * behind the open ones. The server goes on, and listens there still.
   * @param graceMs after which what is still open is closed regardless; default 30,000
   * @throws RangeError for a negative grace
   */
  drainFrom(address: ListenAddress, graceMs: number = DRAIN_GRACE_MS): void {
    this.drainOf(isAt(address), graceMs);
  }

  private drainOf(isOrigin: (listener: Listener) => boolean, graceMs: number): void {
    checkGrace(graceMs);
    for (const { transport, listener } of this.live) {
      if (isOrigin(listener)) transport.drain('the server is draining', graceMs);
    }
  }

  /** Where it listens, in the order of `listen`; empty once it drains. */
  get addresses(): readonly ListenAddress[] {
    if (this.stateNow === 'draining' || this.stateNow === 'closed') return [];
    return this.listeners.filter((one) => !one.isUnbound).map((one) => one.address);
  }

  /**
   * New certificates, and what else is given (`ca`, `minVersion`), for connections that are yet to
   * come; those that are open go on, and so does what is not given. Listeners with TLS settings of
   * their own keep them. Whether clients must show a certificate cannot change.
   * @throws Error of node:tls when key and certificate do not fit; all stays as it was then
   */
  setCertificates(tls: Omit<ServerTlsOptions, 'requestCert' | 'rejectUnauthorized'>): void {
    if (this.tls === undefined) {
      throw new Error('the server has no TLS settings to change; make it with options.tls');
    }
    this.tls = Listener.changed(this.tls, tls);
    for (const listener of this.listeners) listener.follow(this.tls);
  }

  private checkServing(): void {
    if (this.stateNow !== 'draining' && this.stateNow !== 'closed') return;
    throw new Error(`the server is ${this.stateNow}; make a new one`);
  }

  private serve(socket: Duplex, names: SocketNames, listener: Listener): void {
    // Its TLS handshake ended after the listener was closed.
    if (!listener.isOpen) {
      socket.destroy();
      return;
    }
    if (!memoryBudget.takesConnection()) {
      this.noteRefused('memory-budget', names);
      refuseConnection(socket, processWheel, memoryBudget.fullText);
      return;
    }
    const { options } = this;
    const peer = new Peer(names.peer, socket, names.local);
    const transport = new ServerTransport(
      {
        onStream: (stream) => this.onStream(stream, transport, peer),
        onClosed: () => this.acted.take(transport.connection.limits.acted),
      },
      {
        socket,
        wheel: processWheel,
        schedule: setImmediate,
        ...this.limitOptions,
        initialStreamWindow: this.initialStreamWindow,
        initialConnectionWindow: this.initialConnectionWindow,
        staticWindows: options.staticWindows ?? false,
        keepalive: options.keepalive ?? {},
        minPingIntervalMs: options.minPingIntervalMs,
        permitPingsWithoutStream: options.permitPingsWithoutStream ?? false,
        resets: this.resets,
      },
    );
    const { id, sinceMs } = transport.connection;
    const live = { transport, id, names, sinceMs, listener };
    this.live.add(live);
    processStallWatch.add(this.stallSource);
    socket.once('close', () => {
      this.live.delete(live);
      this.acted.take(transport.connection.limits.acted);
      if (this.live.size === 0) processStallWatch.remove(this.stallSource);
      this.settleClosed();
    });
    feedFromData(socket, transport.connection.reader);
  }

  /** A limit ended a connection before HTTP/2 began on it. */
  private noteRefused(limit: 'memory-budget' | 'handshake-timeout', names: SocketNames): void {
    this.acted.add(limit);
    if (limit === 'memory-budget') tellNoRoom('server', names.peer);
    else tellNoHandshake(names.peer);
  }

  private onStream(stream: ServerStream, transport: ServerTransport, peer: Peer): void {
    const route = this.router.find(stream.head.path);
    if (callEvents.hasSubscribers) {
      this.record(stream, route?.method.kind);
      // Whoever heard of it may have closed the server.
      if (stream.isEnded) {
        transport.handlerDone(stream);
        return;
      }
    }
    if (route === undefined) {
      stream.end(Status.UNIMPLEMENTED, `unknown method ${stream.head.path}`, []);
      transport.handlerDone(stream);
      return;
    }
    const refusal = this.load.refusal(stream, peer);
    if (refusal === undefined) {
      route.serve(stream, transport, peer, this.load);
    } else {
      stream.end(refusal.code, refusal.details, refusal.metadata.toFields());
      transport.handlerDone(stream);
    }
  }

  private record(stream: ServerStream, kind: MethodKind | undefined): void {
    const registered = this.router.isRegistered(stream.head.path);
    const record = new ServerCallRecord(stream, kind, registered);
    stream.out.record = record;
    record.start();
  }

  // The end.

  /** Calls `listener`, which must not throw, once: as the server begins to drain, or closes. */
  onDraining(listener: () => void): this {
    this.drainListeners = [...this.drainListeners, listener];
    return this;
  }

  private tellDraining(): void {
    const listeners = this.drainListeners;
    this.drainListeners = [];
    for (const listener of listeners) listener();
  }

  /**
   * Graceful: takes no new connections or calls, lets open calls finish, then closes.
   * @param graceMs after which what is still open is closed regardless; default 30,000
   */
  drain(graceMs: number = DRAIN_GRACE_MS): Promise<void> {
    checkGrace(graceMs);
    if (this.stateNow !== 'closed') this.stateNow = 'draining';
    this.drainingSinceMs ??= processWheel.now();
    this.tellDraining();
    for (const listener of this.listeners) listener.close();
    for (const { transport } of this.live) transport.drain('the server is draining', graceMs);
    return this.whenClosed();
  }

  /**
   * Drains on the first of these signals and closes at once on the next: the one line that a
   * deployment needs. The process ends by itself afterwards if nothing else holds it.
   * @param options.graceMs as of `drain`
   * @throws TypeError for another signal
   * @returns resolves when the server is closed, by a signal or otherwise
   */
  drainOn(
    signals: EndSignal | readonly EndSignal[] = ['SIGTERM', 'SIGINT'],
    options: { readonly graceMs?: number } = {},
  ): Promise<void> {
    const graceMs = options.graceMs ?? DRAIN_GRACE_MS;
    checkGrace(graceMs);
    const off = onSignals(signals, {
      drain: () => void this.drain(graceMs),
      close: () => void this.close(),
    });
    return this.whenClosed().then(off);
  }

  /**
   * At once: open calls fail with UNAVAILABLE.
   * @param options.cancelCalls each of them is reset with CANCEL before: their callers see CANCELLED,
   *   which is not taken for worth a retry; default false
   */
  close(options: { readonly cancelCalls?: boolean } = {}): Promise<void> {
    const cancelCalls = options.cancelCalls ?? false;
    this.stateNow = 'closed';
    this.tellDraining();
    for (const listener of this.listeners) listener.close();
    for (const { transport } of this.live) {
      if (cancelCalls) transport.cancelStreams();
      transport.close('the server was closed');
    }
    return this.whenClosed();
  }

  /** Resolves when the last connection is gone, after `drain` or `close`. */
  private whenClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.closeWaiters.push(resolve);
      this.settleClosed();
    });
  }

  private settleClosed(): void {
    if (this.stateNow !== 'draining' && this.stateNow !== 'closed') return;
    if (this.live.size > 0) return;
    this.stateNow = 'closed';
    liveServers.delete(this.entry);
    for (const resolve of this.closeWaiters.splice(0)) resolve();
  }

  // Figures.

  /** Every queue, window and limit as it stands; cheap enough for ten times a second. */
  stats(): RuntimeStats {
    return serverStats(this.stateNow, this.live, this.limitOptions, this.acted, this.load);
  }

  /**
   * What the calls of this server wait for now, since when, and what would release them: a sentence for
   * each of the ten connections that are worst off, told by the call that is worst off there. For
   * people: the words may change. What one call waits for: `ServerContext.explain`.
   */
  explain(): string {
    const { drainingSinceMs: sinceMs } = this;
    const drainingMs = sinceMs === undefined ? undefined : processWheel.now() - sinceMs;
    return explainServer(this.stateNow, this.live, drainingMs);
  }
}

// Where a connection came in, by the address that `listen` answered.
function isAt(address: ListenAddress): (listener: Listener) => boolean {
  return (listener) => {
    const own = listener.address;
    return own.address === address.address && own.port === address.port && !listener.isUnbound;
  };
}

function checkGrace(graceMs: number): void {
  if (!(graceMs >= 0)) throw new RangeError(`graceMs is ${graceMs}; it must be 0 ms or more`);
}

/**
 * A server. Add handlers, then `listen`.
 * @throws TypeError or RangeError for an option or a limit that is not understood
 */
export function createServer(options?: ServerOptions): Server {
  return new Server(options);
}
