// One backend's connection as its users see it: connecting on its own task, backing off, ready, idle
// again when it drains.
// Invariants: at most one attempt of its own and, without a pool, one current transport; draining
// transports finish by themselves; without users it retires. States as in gRPC's
// connectivity-semantics-and-api.md.
// Not here: who shares one (subchannel-pool.ts), when to connect (balancers/), an attempt (dial.ts),
// further connections (connection-pool.ts).

import type { AdmissionLimit, LimitReading } from '../transport/admission.ts';
import type { KeepaliveOptions } from '../transport/client-keepalive.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import type { ConcurrencySettings } from '../transport/concurrency-limiter.ts';
import { type ClientTlsOptions, type Endpoint, endpointText } from '../transport/connector.ts';
import { countLimit } from '../transport/limit-table.ts';
import type { ClientLimits } from '../transport/limits.ts';
import { memoryBudget } from '../transport/memory-budget.ts';
import type { TimerWheel, WheelTimer } from '../transport/timer-wheel.ts';
import { Backoff, type BackoffOptions, INITIAL_BACKOFF_MS } from './backoff.ts';
import { ConnectionPool, type PoolHost } from './connection-pool.ts';
import type { ConnectionsSettings } from './connections-options.ts';
import { type ConnectionOwner, Dial, type DialResult, type LiveTransport } from './dial.ts';

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
  /** Of `adaptiveConcurrency`; none where it is off. */
  readonly concurrency?: ConcurrencySettings | undefined;
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
  readonly connections: ConnectionsSettings;
}

/** Whoever uses a subchannel, once for each channel and address. */
export interface SubchannelUser {
  onState(): void;
  /** A call more may be admitted than a moment ago. */
  onCapacity(): void;
}

/**
 * Connections in a row that were ready and of no use, after which the next one waits for a backoff: a
 * backend behind a load balancer that restarts its servers may send a client away more than once, one
 * that sends everybody away must not be stormed.
 */
const MAX_USELESS = 3;

/**
 * Connects when told to; after a failure and its backoff it is IDLE again. Backoffs grow until a
 * connection was of use.
 */
export class Subchannel implements WheelTimer, ConnectionOwner, PoolHost {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  state: ConnectivityState;
  /** Takes new calls; undefined unless READY. Of a pool, the one that has been there longest. */
  transport: ClientTransport | undefined;
  /** Undefined where one connection is all there may be. */
  readonly pool: ConnectionPool | undefined;
  /** Why the last attempt or connection failed. */
  lastFailure: string;
  /** When the next attempt is due, ms on the wheel's clock; while in TRANSIENT_FAILURE. */
  retryAtMs: number;
  /** Every connection whose socket is open, draining ones included. */
  readonly live: Set<LiveTransport>;
  /** What limits did on connections that are closed. */
  readonly actedBefore: Map<string, LimitReading>;
  /** Connections that were made, and of those the ones that are closed. */
  opened: number;
  closed: number;
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
  private attempt: Dial | undefined;
  private keepaliveMs: number | undefined;

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
    this.actedBefore = new Map();
    this.opened = 0;
    this.closed = 0;
    this.options = options;
    const { connections } = options;
    this.pool =
      connections.policy === 'single'
        ? undefined
        : new ConnectionPool(connections, options.backoff, this);
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

  get wheel(): TimerWheel {
    return this.options.wheel;
  }

  /** Connections that there may be. */
  get maxConnections(): number {
    return this.options.connections.maxConnections;
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
    this.wheel.remove(this);
    this.attempt?.cancel();
    this.pool?.stop();
    this.transport = undefined;
    this.move('SHUTDOWN');
    this.onRetired();
    for (const { transport } of this.live) transport.drain('the connection is not needed any more');
  }

  /** The backoff is over. */
  onTimer(): void {
    if (this.state === 'TRANSIENT_FAILURE') this.move('IDLE');
  }

  private startAttempt(): void {
    this.move('CONNECTING');
    // Somebody who was told may have been the last user.
    if (this.state !== 'CONNECTING') return;
    const attempt = new Dial(this.options, this, {
      onReady: (live) => this.onReady(live),
      onFailed: (reason) => this.fail(reason),
    });
    this.attempt = attempt;
    attempt.start(this.keepaliveMs);
  }

  // PoolHost.

  dial(result: DialResult): Dial {
    const dial = new Dial(this.options, this, result);
    dial.start(this.keepaliveMs);
    return dial;
  }

  tellCapacity(): void {
    const first = this.transport;
    if (first !== undefined) this.onCapacity(first);
  }

  // Calls.

  /** The connection for a call of so many bytes: one that admits it, if any does. */
  connectionFor(bytes: number): ClientTransport | undefined {
    return this.pool === undefined ? this.transport : this.pool.pick(bytes);
  }

  /** A call found no room on `transport`; its user hears when there may be some. */
  onHeldBack(transport: ClientTransport, limit: AdmissionLimit | undefined): void {
    if (this.pool === undefined) transport.notifyCapacity();
    else this.pool.onHeldBack(limit);
  }

  // ConnectionOwner.

  onSocketOpen(live: LiveTransport): void {
    this.live.add(live);
    this.opened += 1;
  }

  onSocketClosed(live: LiveTransport): void {
    this.live.delete(live);
    for (const [name, reading] of Object.entries(live.transport.limitReadings())) {
      this.keepActed(name, reading);
    }
    this.closed += 1;
    if (this.live.size > 0) return;
    for (const resolve of this.closeWaiters.splice(0)) resolve();
  }

  onNoRoom(): void {
    countLimit('memory-budget');
    const { limitBytes: value, usedBytes: depth } = memoryBudget.reading();
    this.keepActed('memory-budget', { value, unit: 'bytes', depth, acted: 1 });
  }

  private keepActed(name: string, reading: LimitReading): void {
    const before = this.actedBefore.get(name)?.acted ?? 0;
    this.actedBefore.set(name, { ...reading, acted: before + reading.acted });
  }

  onKeepaliveTime(timeMs: number): void {
    this.keepaliveMs = timeMs;
  }

  /** Resolves when the last socket is closed. */
  whenClosed(): Promise<void> {
    if (this.live.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.closeWaiters.push(resolve);
    });
  }

  private onReady(live: LiveTransport): void {
    this.attempt = undefined;
    this.readyAtMs = this.wheel.now();
    this.transport = live.transport;
    this.pool?.begin(live);
    this.move('READY');
  }

  // Whoever is told first may take all the room there is.
  onCapacity({ admission }: ClientTransport): void {
    const { users, pool } = this;
    const start = this.lastServed + 1;
    for (let i = 0; i < users.length; i += 1) {
      const at = (start + i) % users.length;
      const { openCalls: before } = pool ?? admission;
      users[at]?.onCapacity();
      if ((pool ?? admission).openCalls > before) this.lastServed = at;
    }
  }

  onLost(live: LiveTransport, reason: string): void {
    this.pool?.remove(live);
    if (this.transport !== live.transport) return;
    this.transport = this.pool?.current[0]?.transport;
    if (this.transport === undefined) this.onLastLost(live.transport, reason);
  }

  /** No connection is left that takes calls. */
  private onLastLost(transport: ClientTransport, reason: string): void {
    const lastedMs = this.options.wheel.now() - this.readyAtMs;
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
