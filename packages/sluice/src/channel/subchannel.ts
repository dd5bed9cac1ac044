// One backend's connection as its users see it: connecting on its own task, backing off, ready, idle
// again when it drains.
// Invariants: at most one attempt and one current transport; draining transports finish by
// themselves; without users it retires. States as in gRPC's connectivity-semantics-and-api.md.
// Not here: who shares one (subchannel-pool.ts), when to connect (balancers/).

import type { Duplex } from 'node:stream';
import type { KeepaliveOptions } from '../transport/client-keepalive.ts';
import { ClientTransport } from '../transport/client-transport.ts';
import {
  type ClientTlsOptions,
  type ConnectAttempt,
  connectSocket,
  type Endpoint,
  endpointText,
} from '../transport/connector.ts';
import type { ClosingError } from '../transport/errors.ts';
import { type ClientLimits, CONNECT_TIMEOUT_MS } from '../transport/limits.ts';
import { namesOf, type SocketNames } from '../transport/listener.ts';
import type { Reader } from '../transport/reader.ts';
import type { TimerWheel, WheelTimer } from '../transport/timer-wheel.ts';
import { Backoff, type BackoffOptions, INITIAL_BACKOFF_MS } from './backoff.ts';

/** gRPC's connectivity states. */
export type ConnectivityState = 'IDLE' | 'CONNECTING' | 'READY' | 'TRANSIENT_FAILURE' | 'SHUTDOWN';

/** What a subchannel needs to make its connections. */
export interface SubchannelOptions {
  readonly endpoint: Endpoint;
  readonly authority: string;
  readonly secure: ClientTlsOptions | undefined;
  /** The name that the server's certificate has to carry, unless `secure` gives one; '' for none. */
  readonly serverName: string;
  readonly limits: ClientLimits;
  readonly userAgent: string;
  readonly wheel: TimerWheel;
  readonly connectTimeoutMs: number | undefined;
  readonly maxHeaderList: number;
  readonly maxReceiveMessageLength: number;
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  readonly staticWindows: boolean;
  readonly keepalive: KeepaliveOptions;
  readonly backoff: BackoffOptions;
}

/** Whoever uses a subchannel, once for each channel and address. */
export interface SubchannelUser {
  onState(): void;
  /** A call more may be admitted than a moment ago. */
  onCapacity(): void;
}

/** A live connection with what stats show of it. */
export interface LiveTransport {
  readonly transport: ClientTransport;
  readonly id: number;
  readonly names: SocketNames;
  readonly sinceMs: number;
}

/**
 * Connections in a row that were ready and of no use, after which the next one waits for a backoff: a
 * backend behind a load balancer that restarts its servers may send a client away more than once, one
 * that sends everybody away must not be stormed.
 */
const MAX_USELESS = 3;

let nextConnectionId = 1;

/**
 * Connects when told to; after a failure and its backoff it is IDLE again. Backoffs grow until a
 * connection was of use.
 */
export class Subchannel implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  state: ConnectivityState;
  /** Takes new calls; undefined unless READY. */
  transport: ClientTransport | undefined;
  /** Why the last attempt or connection failed. */
  lastFailure: string;
  /** When the next attempt is due, ms on the wheel's clock; while in TRANSIENT_FAILURE. */
  retryAtMs: number;
  /** Every connection whose socket is open, draining ones included. */
  readonly live: Set<LiveTransport>;
  private readonly options: SubchannelOptions;
  private readonly onRetired: () => void;
  private users: readonly SubchannelUser[];
  /** Which user took room last: it is told of more behind the others. */
  private lastServed: number;
  private readonly backoff: Backoff;
  /** A connection that lasted for so long, ms, was of use. */
  private readonly usefulAfterMs: number;
  private readyAtMs: number;
  /** Connections since the last one of use. */
  private useless: number;
  private readonly closeWaiters: (() => void)[];
  private attempt: ConnectAttempt | undefined;
  private keepaliveMs: number | undefined;
  private handshaking: ClientTransport | undefined;

  /** @param onRetired the last user has left: nobody may be given this one any more */
  constructor(options: SubchannelOptions, onRetired: () => void) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.state = 'IDLE';
    this.transport = undefined;
    this.lastFailure = '';
    this.retryAtMs = 0;
    this.live = new Set();
    this.options = options;
    this.onRetired = onRetired;
    this.users = [];
    this.lastServed = 0;
    this.backoff = new Backoff(options.backoff);
    this.usefulAfterMs = options.backoff.initialMs ?? INITIAL_BACKOFF_MS;
    this.readyAtMs = 0;
    this.useless = 0;
    this.closeWaiters = [];
    this.attempt = undefined;
    this.keepaliveMs = options.keepalive.timeMs;
    this.handshaking = undefined;
  }

  /** The backend, as errors name it. */
  get name(): string {
    return endpointText(this.options.endpoint);
  }

  addUser(user: SubchannelUser): void {
    this.users = [...this.users, user];
  }

  /** Calls go on. The last to leave ends the subchannel: its connections close with their calls. */
  removeUser(user: SubchannelUser): void {
    this.users = this.users.filter((other) => other !== user);
    if (this.users.length === 0) this.retire();
  }

  /** True while anybody uses it. */
  get used(): boolean {
    return this.users.length > 0;
  }

  /** Starts connecting if nothing is under way. */
  connect(): void {
    if (this.state !== 'IDLE') return;
    this.startAttempt();
  }

  private retire(): void {
    if (this.state === 'SHUTDOWN') return;
    this.options.wheel.remove(this);
    this.attempt?.cancel();
    this.transport = undefined;
    this.handshaking = undefined;
    this.move('SHUTDOWN');
    this.onRetired();
    for (const { transport } of this.live) transport.drain('the connection is not needed any more');
  }

  /** The connect deadline or the backoff is over. */
  onTimer(): void {
    if (this.state === 'CONNECTING') {
      const ms = this.options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
      this.attempt?.cancel();
      const handshaking = this.handshaking;
      this.handshaking = undefined;
      const where = endpointText(this.options.endpoint);
      const waited = handshaking === undefined ? 'no connection to' : 'no HTTP/2 SETTINGS from';
      handshaking?.close('the handshake took too long');
      this.fail(`${waited} ${where} within ${ms} ms`);
    } else if (this.state === 'TRANSIENT_FAILURE') {
      this.move('IDLE');
    }
  }

  private startAttempt(): void {
    const { wheel, endpoint, secure, serverName, connectTimeoutMs } = this.options;
    this.move('CONNECTING');
    // Somebody who was told may have been the last user.
    if (this.state !== 'CONNECTING') return;
    wheel.add(this, wheel.now() + (connectTimeoutMs ?? CONNECT_TIMEOUT_MS));
    const named =
      secure === undefined || serverName === '' ? secure : { servername: serverName, ...secure };
    try {
      this.attempt = connectSocket(endpoint, named, {
        onSocket: (socket, feed) => this.onSocket(socket, feed),
        onFailure: (reason) => this.fail(reason),
      });
    } catch (error) {
      // TLS settings that node:tls cannot use: a certificate that is none, a key of another one.
      const why = error instanceof Error ? error.message : String(error);
      this.fail(`cannot connect to ${this.name}: ${why}`);
    }
  }

  private onSocket(socket: Duplex, feed: (reader: Reader) => void): void {
    this.attempt = undefined;
    const { options } = this;
    const transport = new ClientTransport(
      {
        onReady: () => this.onReady(transport),
        onCapacity: () => this.onCapacity(transport),
        onKeepaliveTime: (timeMs) => {
          this.keepaliveMs = timeMs;
        },
        onDraining: (reason) => this.onDraining(transport, reason),
        onClosed: (error) => {
          this.onClosed(transport, error);
        },
      },
      {
        ...options,
        keepalive: { ...options.keepalive, timeMs: this.keepaliveMs },
        socket,
        schedule: setImmediate,
        scheme: options.secure === undefined ? 'http' : 'https',
      },
    );
    this.handshaking = transport;
    const live = {
      transport,
      id: nextConnectionId,
      names: namesOf(socket),
      sinceMs: options.wheel.now(),
    };
    nextConnectionId += 1;
    this.live.add(live);
    socket.once('close', () => this.forget(live));
    feed(transport.connection.reader);
  }

  /** Resolves when the last socket is closed. */
  whenClosed(): Promise<void> {
    if (this.live.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.closeWaiters.push(resolve);
    });
  }

  private forget(live: LiveTransport): void {
    this.live.delete(live);
    if (this.live.size > 0) return;
    for (const resolve of this.closeWaiters.splice(0)) resolve();
  }

  private onReady(transport: ClientTransport): void {
    if (this.handshaking !== transport) return;
    this.handshaking = undefined;
    const { wheel } = this.options;
    wheel.remove(this);
    this.readyAtMs = wheel.now();
    this.transport = transport;
    this.move('READY');
  }

  // Whoever is told first may take all the room there is.
  private onCapacity({ admission }: ClientTransport): void {
    const { users } = this;
    const start = this.lastServed + 1;
    for (let i = 0; i < users.length; i += 1) {
      const at = (start + i) % users.length;
      const before = admission.openCalls;
      users[at]?.onCapacity();
      if (admission.openCalls > before) this.lastServed = at;
    }
  }

  private onDraining(transport: ClientTransport, reason: string): void {
    if (this.transport === transport) this.onLost(transport, reason);
  }

  /** The current connection takes no more calls. */
  private onLost(transport: ClientTransport, reason: string): void {
    const lastedMs = this.options.wheel.now() - this.readyAtMs;
    this.transport = undefined;
    if (transport.streamsEnded > 0 || lastedMs >= this.usefulAfterMs) {
      this.useless = 0;
      this.backoff.reset();
    } else {
      this.useless += 1;
    }
    if (this.useless > MAX_USELESS) {
      this.fail(reason);
      return;
    }
    this.lastFailure = reason;
    this.move('IDLE');
  }

  private onClosed(transport: ClientTransport, error: ClosingError): void {
    if (this.handshaking === transport) {
      this.handshaking = undefined;
      const where = endpointText(this.options.endpoint);
      this.fail(`the HTTP/2 handshake with ${where} failed: ${error.reason}${this.hint(error)}`);
    } else if (this.transport === transport) {
      this.onLost(transport, error.reason);
    }
  }

  // A server that asks for certificates, and one that speaks TLS, may close without a word.
  private hint(error: ClosingError): string {
    if (error.kind !== 'io' || error.cause !== undefined) return '';
    return this.options.secure === undefined
      ? '; does it speak TLS on this port?'
      : "; did it refuse this client's certificate?";
  }

  private fail(reason: string): void {
    this.attempt = undefined;
    if (this.state === 'SHUTDOWN') return;
    const { wheel } = this.options;
    this.lastFailure = reason;
    this.retryAtMs = wheel.now() + this.backoff.next();
    wheel.add(this, this.retryAtMs);
    this.move('TRANSIENT_FAILURE');
  }

  private move(state: ConnectivityState): void {
    this.state = state;
    for (const user of this.users) user.onState();
  }
}
