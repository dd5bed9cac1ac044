// A gRPC server over byte handlers: listeners, routes, connections, drain.
// Invariants: a path has one handler; every stream gets a listener before `onStream` returns; close
// and drain resolve when the last socket is gone.
// Not here: what happens on a connection (transport/server-transport.ts), settings (server-options.ts).

import type { Duplex } from 'node:stream';
import { Status } from '../grpc/status.ts';
import {
  type ConnectionStats,
  connectionStats,
  type RuntimeStats,
} from '../transport/connection-stats.ts';
import { feedFromData } from '../transport/connector.ts';
import {
  DRAIN_GRACE_MS,
  defaultServerLimits,
  MAX_HEADER_LIST,
  MAX_MESSAGE_LENGTH_DEFAULT,
  resolveLimits,
  type ServerLimits,
} from '../transport/limits.ts';
import {
  type ListenAddress,
  Listener,
  type ListenTarget,
  type SocketNames,
} from '../transport/listener.ts';
import { windowOption } from '../transport/option-checks.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import { ServerTransport } from '../transport/server-transport.ts';
import { processWheel } from '../transport/timer-wheel.ts';
import { CallbackListener } from './callback-listener.ts';
import type { ServerContext } from './context.ts';
import { HandlerSlot } from './handler-slot.ts';
import { checkOptions, type ServerOptions } from './server-options.ts';
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

/** Serves a call with callbacks: the layer the other kinds stand on. */
export type CallHandler = (call: ServerCall, context: ServerContext) => ServerStreamListener;

/** What a callback handler holds of its call. `end` must be called, once, whatever happens. */
export interface ServerCall {
  /** False: wait for onWritable. The message must not change until it was written. */
  send(message: Uint8Array): boolean;
  /** Asks for so many more messages; nothing arrives unasked. */
  request(count: number): void;
  /** Ends the call with a status and the context's trailers. */
  end(code: Status, details?: string): void;
}

type Route =
  | { readonly kind: 'unary'; readonly handler: UnaryHandler }
  | { readonly kind: 'serverStreaming'; readonly handler: ServerStreamingHandler }
  | { readonly kind: 'clientStreaming'; readonly handler: ClientStreamingHandler }
  | { readonly kind: 'bidiStreaming'; readonly handler: BidiStreamingHandler }
  | { readonly kind: 'callbacks'; readonly handler: CallHandler };

interface LiveConnection {
  readonly transport: ServerTransport;
  readonly id: number;
  readonly names: SocketNames;
  readonly sinceMs: number;
}

/**
 * A gRPC server. Made with `createServer`; handlers first, then `listen`.
 * What a handler throws becomes the call's status; see `StatusError`.
 */
export class Server {
  private readonly options: ServerOptions;
  private readonly initialStreamWindow: number;
  private readonly initialConnectionWindow: number;
  private readonly limits: ServerLimits;
  private readonly routes: Map<string, Route>;
  private readonly listeners: Listener[];
  private readonly live: Set<LiveConnection>;
  private readonly onHandlerError: (error: unknown, path: string) => void;
  private readonly closeWaiters: (() => void)[];
  private stateNow: 'idle' | 'listening' | 'draining' | 'closed';
  private nextId: number;
  private readonly actedBefore: Record<string, number>;

  /** Use `createServer`. */
  constructor(options: ServerOptions = {}) {
    this.options = options;
    this.initialStreamWindow = windowOption('initialStreamWindow', options.initialStreamWindow);
    this.initialConnectionWindow = windowOption(
      'initialConnectionWindow',
      options.initialConnectionWindow,
    );
    checkOptions(options);
    this.limits = resolveLimits(defaultServerLimits, options.limits);
    if (options.limits?.handlers === undefined && Number.isFinite(this.limits.streams)) {
      this.limits.handlers = Math.max(this.limits.handlers, this.limits.streams);
    }
    this.routes = new Map();
    this.listeners = [];
    this.live = new Set();
    this.onHandlerError = options.onHandlerError ?? logHandlerError;
    this.closeWaiters = [];
    this.stateNow = 'idle';
    this.nextId = 1;
    this.actedBefore = {};
  }

  // Routes.

  /**
   * One request, one response.
   * @param path `/package.Service/Method`
   */
  unary(path: string, handler: UnaryHandler): this {
    return this.route(path, { kind: 'unary', handler });
  }

  /** One request, many responses, sent at the pace the client takes them. */
  serverStreaming(path: string, handler: ServerStreamingHandler): this {
    return this.route(path, { kind: 'serverStreaming', handler });
  }

  /** Many requests, one response. */
  clientStreaming(path: string, handler: ClientStreamingHandler): this {
    return this.route(path, { kind: 'clientStreaming', handler });
  }

  /** Many requests, many responses, independent of each other. */
  bidiStreaming(path: string, handler: BidiStreamingHandler): this {
    return this.route(path, { kind: 'bidiStreaming', handler });
  }

  /** A call of any kind with callbacks. */
  handle(path: string, handler: CallHandler): this {
    return this.route(path, { kind: 'callbacks', handler });
  }

  private route(path: string, route: Route): this {
    if (!/^\/[^/]+\/[^/]+$/.test(path)) {
      throw new TypeError(`path ${JSON.stringify(path)} is not "/package.Service/Method"`);
    }
    if (this.routes.has(path)) throw new Error(`${path} has a handler already`);
    this.routes.set(path, route);
    return this;
  }

  // Listening.

  /**
   * Listens on a TCP port (0 or none for a free one, host default all addresses) or a unix path.
   * May be called several times. Rejects with the system's error.
   */
  async listen(target: ListenTarget = {}): Promise<ListenAddress> {
    this.checkServing();
    const listener = new Listener(this.options.tls, (socket, names) => this.serve(socket, names));
    const address = await listener.listen(target);
    try {
      this.checkServing();
    } catch (error) {
      listener.close();
      throw error;
    }
    this.listeners.push(listener);
    this.stateNow = 'listening';
    return address;
  }

  private checkServing(): void {
    if (this.stateNow !== 'draining' && this.stateNow !== 'closed') return;
    throw new Error(`the server is ${this.stateNow}; make a new one`);
  }

  private serve(socket: Duplex, names: SocketNames): void {
    // Its TLS handshake ended after the listener was closed.
    if (this.stateNow === 'draining' || this.stateNow === 'closed') {
      socket.destroy();
      return;
    }
    const { options } = this;
    const transport = new ServerTransport(
      {
        onStream: (stream) => this.onStream(stream, transport, names.peer),
        onClosed: () => this.keepCounts(transport),
      },
      {
        socket,
        wheel: processWheel,
        schedule: setImmediate,
        limits: this.limits,
        maxHeaderList: options.maxHeaderListBytes ?? MAX_HEADER_LIST,
        maxReceiveMessageLength: options.maxReceiveMessageLength ?? MAX_MESSAGE_LENGTH_DEFAULT,
        initialStreamWindow: this.initialStreamWindow,
        initialConnectionWindow: this.initialConnectionWindow,
        staticWindows: options.staticWindows ?? false,
        keepalive: options.keepalive ?? {},
        minPingIntervalMs: options.minPingIntervalMs,
        permitPingsWithoutStream: options.permitPingsWithoutStream ?? false,
      },
    );
    const live = { transport, id: this.nextId, names, sinceMs: processWheel.now() };
    this.nextId += 1;
    this.live.add(live);
    socket.once('close', () => {
      this.live.delete(live);
      this.settleClosed();
    });
    feedFromData(socket, transport.connection.reader);
  }

  private onStream(stream: ServerStream, transport: ServerTransport, peer: string): void {
    const route = this.routes.get(stream.head.path);
    if (route === undefined) {
      stream.end(Status.UNIMPLEMENTED, `unknown method ${stream.head.path}`, []);
      transport.handlerDone();
      return;
    }
    switch (route.kind) {
      case 'unary': {
        const listener = new SingleRequestListener(stream, route.handler, undefined);
        listener.begin(this.slot(stream, transport, peer, listener));
        return;
      }
      case 'serverStreaming': {
        const listener = new SingleRequestListener(stream, undefined, route.handler);
        listener.begin(this.slot(stream, transport, peer, listener));
        return;
      }
      case 'clientStreaming': {
        const listener = new RequestStreamListener(stream);
        const slot = this.slot(stream, transport, peer, listener);
        listener.runClientStreaming(slot, route.handler);
        return;
      }
      case 'bidiStreaming': {
        const listener = new RequestStreamListener(stream);
        const slot = this.slot(stream, transport, peer, listener);
        listener.runBidi(slot, route.handler);
        return;
      }
      default:
        this.runCallbacks(stream, transport, peer, route.handler);
    }
  }

  private slot(
    stream: ServerStream,
    transport: ServerTransport,
    peer: string,
    listener: ServerStreamListener & { over(): void },
  ): HandlerSlot {
    stream.listen(listener);
    return new HandlerSlot(stream, transport, peer, this.onHandlerError, () => listener.over());
  }

  private runCallbacks(
    stream: ServerStream,
    transport: ServerTransport,
    peer: string,
    handler: CallHandler,
  ): void {
    const listener = new CallbackListener();
    const slot = new HandlerSlot(stream, transport, peer, this.onHandlerError, (reason) =>
      listener.over(reason),
    );
    const call: ServerCall = {
      send: (message) => stream.send(message),
      request: (count) => stream.request(count),
      end: (code, details = '') => {
        stream.end(code, details, slot.context.trailerFields());
        slot.release();
      },
    };
    try {
      listener.begin(slot, handler(call, slot.context));
      if (!stream.isEnded) stream.listen(listener);
    } catch (error) {
      slot.fail(error);
    }
  }

  // The end.

  /**
   * Graceful: takes no new connections or calls, lets open calls finish, then closes.
   * @param graceMs after which what is still open is closed regardless; default 30,000
   */
  drain(graceMs: number = DRAIN_GRACE_MS): Promise<void> {
    if (!(graceMs >= 0)) throw new RangeError(`graceMs is ${graceMs}; it must be 0 ms or more`);
    if (this.stateNow !== 'closed') this.stateNow = 'draining';
    for (const listener of this.listeners) listener.close();
    for (const { transport } of this.live) transport.drain('the server is draining', graceMs);
    return this.whenClosed();
  }

  /** At once: open calls fail with UNAVAILABLE. */
  close(): Promise<void> {
    this.stateNow = 'closed';
    for (const listener of this.listeners) listener.close();
    for (const { transport } of this.live) transport.close('the server was closed');
    return this.whenClosed();
  }

  private whenClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.closeWaiters.push(resolve);
      this.settleClosed();
    });
  }

  private settleClosed(): void {
    if (this.live.size > 0 || this.closeWaiters.length === 0) return;
    this.stateNow = 'closed';
    for (const resolve of this.closeWaiters.splice(0)) resolve();
  }

  // Figures.

  /** Every queue, window and limit as it stands; cheap enough for ten times a second. */
  stats(): RuntimeStats {
    const connections: ConnectionStats[] = [];
    const limits: RuntimeStats['limits'] = {};
    for (const name of ['streams', 'handlers', 'queued-bytes', 'exposure-bytes'] as const) {
      limits[name] = { ...this.limitOf(name), depth: 0, acted: this.actedBefore[name] ?? 0 };
    }
    for (const { transport, id, names, sinceMs } of this.live) {
      const identity = { id, names, sinceMs, state: transport.state };
      connections.push(connectionStats(transport.connection, identity));
      for (const [name, depth] of transport.depths()) {
        const reading = limits[name];
        if (reading === undefined) continue;
        // Limits are per connection: the depth shown is that of the fullest one.
        reading.depth = Math.max(reading.depth, depth);
        reading.acted += transport.intake.acted[name];
      }
    }
    return { state: this.stateNow, waitingCalls: 0, oldestWaitMs: 0, limits, connections };
  }

  private limitOf(name: 'streams' | 'handlers' | 'queued-bytes' | 'exposure-bytes'): {
    value: number;
    unit: string;
  } {
    switch (name) {
      case 'streams':
        return { value: this.limits.streams, unit: 'streams' };
      case 'handlers':
        return { value: this.limits.handlers, unit: 'handlers' };
      case 'queued-bytes':
        return { value: this.limits.queuedBytes, unit: 'bytes' };
      default:
        return { value: this.limits.exposureBytes, unit: 'bytes' };
    }
  }

  private keepCounts(transport: ServerTransport): void {
    for (const [name, count] of Object.entries(transport.intake.acted)) {
      this.actedBefore[name] = (this.actedBefore[name] ?? 0) + count;
    }
    transport.intake.acted.streams = 0;
    transport.intake.acted.handlers = 0;
    transport.intake.acted['queued-bytes'] = 0;
    transport.intake.acted['exposure-bytes'] = 0;
  }
}

function logHandlerError(error: unknown, path: string): void {
  console.error(`the handler of ${path} failed:`, error);
}

/**
 * A server. Add handlers, then `listen`.
 * @throws RangeError for an option or a limit that is not understood
 */
export function createServer(options?: ServerOptions): Server {
  return new Server(options);
}
