// The connections to one backend where there may be several: which of them takes a call, and what
// takes the place of one that was lost.
// Invariants: the backend is READY while one of them is; further ones are made behind its back, one at
// a time, and an attempt that fails is repeated after a backoff and harms nobody; a call is refused
// only when none admits it. gRFC A105.
// Not here: the first connection (subchannel.ts), how many are wanted (connection-scaling.ts).

import type { AdmissionLimit } from '../transport/admission.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import { Backoff, type BackoffOptions, INITIAL_BACKOFF_MS } from './backoff.ts';
import { ConnectionScaling } from './connection-scaling.ts';
import type { ConnectionsSettings } from './connections-options.ts';
import type { Dial, DialResult, LiveTransport } from './dial.ts';

/** What a pool asks of its subchannel. */
export interface PoolHost {
  readonly wheel: TimerWheel;
  /** An attempt that was started. */
  dial(result: DialResult): Dial;
  /** Calls that wait for this backend look at it again. */
  tellCapacity(): void;
}

/** Connections of one subchannel that take calls; empty unless it is READY. */
export class ConnectionPool {
  readonly settings: ConnectionsSettings;
  /** Those that take calls, oldest first. */
  readonly current: LiveTransport[];
  /** So many of `current` are picked from; those behind are on trial. */
  inUse: number;
  /** Most calls that were open at a time, since somebody set it back. */
  peakCalls: number;
  private readonly host: PoolHost;
  private readonly backoff: Backoff;
  private readonly usefulAfterMs: number;
  private readonly scaling: ConnectionScaling | undefined;
  private wanted: number;
  private dial: Dial | undefined;
  private retry: WheelTimeout | undefined;

  constructor(settings: ConnectionsSettings, backoff: BackoffOptions, host: PoolHost) {
    this.settings = settings;
    this.current = [];
    this.inUse = 0;
    this.peakCalls = 0;
    this.host = host;
    this.backoff = new Backoff(backoff);
    this.usefulAfterMs = backoff.initialMs ?? INITIAL_BACKOFF_MS;
    this.wanted = 1;
    this.dial = undefined;
    this.retry = undefined;
    this.scaling =
      settings.policy === 'automatic' ? new ConnectionScaling(this, host.wheel) : undefined;
  }

  // Calls.

  /** The one with the fewest calls of those that admit one of so many bytes, or of all. */
  pick(bytes: number): ClientTransport | undefined {
    const { current, inUse } = this;
    let least: ClientTransport | undefined;
    let calls = 0;
    for (let i = 0; i < current.length; i += 1) {
      const transport = current[i]?.transport;
      if (transport === undefined) break;
      calls += transport.admission.openCalls;
      if (i < inUse && (least === undefined || isLess(transport, least))) least = transport;
    }
    if (calls >= this.peakCalls) this.peakCalls = calls + 1;
    if (least === undefined || least.admission.refuses(bytes) === undefined) return least;
    return this.admitting(bytes) ?? least;
  }

  private admitting(bytes: number): ClientTransport | undefined {
    let least: ClientTransport | undefined;
    for (let i = 0; i < this.inUse; i += 1) {
      const transport = this.current[i]?.transport;
      if (transport === undefined || transport.admission.refuses(bytes) !== undefined) continue;
      if (least === undefined || isLess(transport, least)) least = transport;
    }
    return least;
  }

  /** A call waits, or was refused, because of this limit; `undefined` when others wait before it. */
  onHeldBack(limit: AdmissionLimit | undefined): void {
    for (const { transport } of this.current) transport.notifyCapacity();
    if (limit !== undefined) this.scaling?.onHeldBack(limit);
  }

  /** Calls open on all of them. */
  get openCalls(): number {
    let calls = 0;
    for (const { transport } of this.current) calls += transport.admission.openCalls;
    return calls;
  }

  // Connections come and go.

  /** The subchannel is READY. */
  begin(first: LiveTransport): void {
    this.current.push(first);
    this.inUse = 1;
    this.wanted = this.settings.policy === 'fixed' ? this.settings.maxConnections : 1;
    this.fill();
  }

  /** Nothing is under way, and one more may be. */
  get mayGrow(): boolean {
    const { current, wanted, settings } = this;
    const isQuiet = this.dial === undefined && this.retry === undefined;
    return isQuiet && wanted === current.length && wanted < settings.maxConnections;
  }

  /** Opens one more. */
  grow(): void {
    this.wanted = this.current.length + 1;
    this.fill();
  }

  /** Keeps the oldest and, of the others, those with the most calls; open calls go on. */
  shrinkTo(count: number): void {
    const [oldest, ...others] = this.current;
    if (oldest === undefined || count > others.length) return;
    this.wanted = count;
    this.dial?.cancel();
    this.dial = undefined;
    others.sort((a, b) => b.transport.admission.openCalls - a.transport.admission.openCalls);
    const given = new Set(others.slice(count - 1));
    this.keep((live) => !given.has(live));
    for (const { transport } of given) transport.drain('fewer connections are enough');
  }

  /** Keeps the oldest so many: those behind them were on trial. */
  dropFrom(count: number): void {
    const given = this.current.slice(count);
    this.wanted = Math.min(this.wanted, count);
    this.keep((live) => !given.includes(live));
    for (const { transport } of given) transport.drain('it brought nothing');
  }

  private keep(keeps: (live: LiveTransport) => boolean): void {
    const kept = this.current.filter(keeps);
    this.current.splice(0, this.current.length, ...kept);
    this.inUse = Math.min(this.inUse, kept.length);
  }

  /** One was lost, if it is of these. */
  remove(live: LiveTransport): void {
    if (!this.current.includes(live)) return;
    this.keep((other) => other !== live);
    this.scaling?.onLost();
    if (this.current.length === 0) {
      this.stop();
      return;
    }
    // A server that sends every one away must not be stormed.
    const lastedMs = this.host.wheel.now() - live.sinceMs;
    if (live.transport.streamsEnded === 0 && lastedMs < this.usefulAfterMs) this.waitToRetry();
    else this.fill();
  }

  /** Nobody uses it any more, or the last one was lost. */
  stop(): void {
    this.scaling?.stop();
    this.dial?.cancel();
    this.dial = undefined;
    this.retry?.cancel();
    this.retry = undefined;
    this.current.length = 0;
    this.inUse = 0;
    this.wanted = 1;
  }

  private fill(): void {
    const { current, wanted, dial, retry, host } = this;
    const isUnderWay = dial !== undefined || retry !== undefined;
    if (isUnderWay || current.length === 0 || current.length >= wanted) return;
    let isOver = false;
    const made = host.dial({
      onReady: (live) => {
        isOver = true;
        this.onReady(live);
      },
      onFailed: () => {
        isOver = true;
        this.onFailed();
      },
    });
    if (!isOver) this.dial = made;
  }

  private onReady(live: LiveTransport): void {
    this.dial = undefined;
    this.backoff.reset();
    this.current.push(live);
    this.inUse = this.current.length;
    this.scaling?.onGrown();
    this.fill();
    this.host.tellCapacity();
  }

  private onFailed(): void {
    this.dial = undefined;
    // Calls that are still held back ask again.
    if (this.scaling !== undefined) this.wanted = this.current.length;
    this.waitToRetry();
  }

  private waitToRetry(): void {
    this.retry?.cancel();
    this.retry = new WheelTimeout(this.host.wheel, this.backoff.next(), () => {
      this.retry = undefined;
      this.fill();
    });
  }

  /** Picks from so many of them from now on. */
  use(count: number): void {
    const grows = count > this.inUse;
    this.inUse = Math.max(1, Math.min(count, this.current.length));
    if (grows) this.host.tellCapacity();
  }

  /** Calls that wait look again, and say so if they are still held back. */
  lookAgain(): void {
    this.host.tellCapacity();
  }
}

function isLess(one: ClientTransport, other: ClientTransport): boolean {
  const more = one.admission.openCalls - other.admission.openCalls;
  return more === 0 ? queued(one) < queued(other) : more < 0;
}

function queued(transport: ClientTransport): number {
  return transport.loopy.buffer.bytes + transport.socketBytes;
}
