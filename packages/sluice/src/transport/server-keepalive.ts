// Keepalive and age of a server's connection (gRFC A9): pings a quiet client, and drains a
// connection that had no stream for too long or has lived long enough.
// Invariants: an age ends in a drain first and a close only after its grace; nothing counts as idle
// while our own gate is closed or the event loop stood still. Off until given: idle, age, grace.
// Not here: the client's pings (ping-policy.ts), what a drain does.
//
//   stopped -start-> serving -idle or age-> draining -grace-> stopped, close

import {
  CHECKS_PER_PERIOD,
  ClientKeepalive,
  isExcused,
  type KeepaliveCallbacks,
  type KeepaliveOptions,
} from './client-keepalive.ts';
import { MIN_SERVER_KEEPALIVE_TIME_MS, SERVER_KEEPALIVE_TIME_MS } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** What a server's keepalive asks of its connection. */
export interface ServerKeepaliveCallbacks extends KeepaliveCallbacks {
  /** Finish what is open, take nothing new (GOAWAY); `reason` is its debug data. */
  drain(reason: string): void;
}

/** Settings of a server's keepalive; times in milliseconds. */
export interface ServerKeepaliveOptions {
  /** Quiet time before a ping, at least 1 s; default 2 h (`grpc.keepalive_time_ms`). */
  readonly timeMs?: number | undefined;
  /** Wait for an answer; default 20 s (`grpc.keepalive_timeout_ms`). */
  readonly timeoutMs?: number | undefined;
  /** Time without streams before a drain; default Infinity (`grpc.max_connection_idle_ms`). */
  readonly maxIdleMs?: number | undefined;
  /** Age before a drain, +-10 %; default Infinity (`grpc.max_connection_age_ms`). */
  readonly maxAgeMs?: number | undefined;
  /** From that drain to a close; default Infinity (`grpc.max_connection_age_grace_ms`). */
  readonly maxAgeGraceMs?: number | undefined;
  /** Floor of `timeMs`; default 1 s. */
  readonly minTimeMs?: number | undefined;
}

/** Share by which an age is varied, so that connections made together do not end together. */
const AGE_JITTER = 0.1;

type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'serving'; idleSince: number; readonly ageEnd: number }
  | { readonly kind: 'draining' };

const STOPPED: State = { kind: 'stopped' };
const DRAINING: State = { kind: 'draining' };

/** One per server connection. */
export class ServerKeepalive implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly callbacks: ServerKeepaliveCallbacks;
  private readonly maxIdleMs: number;
  private readonly maxAgeMs: number;
  private readonly maxAgeGraceMs: number;
  /** The same machine as a client's, which pings without streams too. */
  private readonly liveness: ClientKeepalive;
  private state: State;
  private streamsChanged: boolean;

  /** @param random numbers in [0, 1), for the jitter of the age */
  constructor(
    wheel: TimerWheel,
    callbacks: ServerKeepaliveCallbacks,
    options: ServerKeepaliveOptions = {},
    random: () => number = Math.random,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.callbacks = callbacks;
    this.maxIdleMs = options.maxIdleMs ?? Number.POSITIVE_INFINITY;
    const maxAgeMs = options.maxAgeMs ?? Number.POSITIVE_INFINITY;
    this.maxAgeMs = maxAgeMs * (1 + AGE_JITTER * (2 * random() - 1));
    this.maxAgeGraceMs = options.maxAgeGraceMs ?? Number.POSITIVE_INFINITY;
    const liveness: KeepaliveOptions = {
      timeMs: options.timeMs ?? SERVER_KEEPALIVE_TIME_MS,
      minTimeMs: options.minTimeMs ?? MIN_SERVER_KEEPALIVE_TIME_MS,
      timeoutMs: options.timeoutMs,
      permitWithoutStream: true,
    };
    this.liveness = new ClientKeepalive(wheel, callbacks, liveness);
    this.state = STOPPED;
    this.streamsChanged = false;
  }

  /** The connection is up. */
  start(): void {
    if (this.state.kind !== 'stopped') return;
    this.liveness.start();
    const now = this.wheel.now();
    const state = { kind: 'serving', idleSince: now, ageEnd: now + this.maxAgeMs } as const;
    this.state = state;
    this.schedule(state, now);
  }

  /** The connection is closing; nothing is called from here on. */
  stop(): void {
    this.state = STOPPED;
    this.wheel.remove(this);
    this.liveness.stop();
  }

  /** Bytes were read, of whatever kind. */
  onRead(): void {
    this.liveness.onRead();
  }

  /** A PING acknowledgement came; true when it was one of these. */
  onPingAck(high: number, low: number): boolean {
    return this.liveness.onPingAck(high, low);
  }

  /** A stream opened or closed. */
  onStreamsChanged(): void {
    this.streamsChanged = true;
  }

  /** Called by the wheel. */
  onTimer(): void {
    const now = this.wheel.now();
    switch (this.state.kind) {
      case 'serving':
        this.check(this.state, now);
        return;
      case 'draining':
        this.stop();
        this.callbacks.close('max_age: the grace is over');
        return;
      case 'stopped':
        return;
    }
  }

  private check(state: State & { kind: 'serving' }, now: number): void {
    if (now >= state.ageEnd) {
      this.drain(now + this.maxAgeGraceMs, 'max_age');
      return;
    }
    // Requests may be waiting that we did not read or did not run for.
    const excused = isExcused(this.callbacks, this.wheelDeadline, now);
    if (this.streamsChanged || this.callbacks.hasStreams() || excused) {
      this.streamsChanged = false;
      state.idleSince = now;
    }
    if (now >= state.idleSince + this.maxIdleMs) {
      this.drain(Number.POSITIVE_INFINITY, 'max_idle');
      return;
    }
    this.schedule(state, now);
  }

  private drain(closeAt: number, reason: string): void {
    this.state = DRAINING;
    if (closeAt !== Number.POSITIVE_INFINITY) this.wheel.add(this, closeAt);
    this.callbacks.drain(reason);
  }

  private schedule(state: State & { kind: 'serving' }, now: number): void {
    const idleEnd = state.idleSince + this.maxIdleMs;
    const check = Math.min(idleEnd, now + this.maxIdleMs / CHECKS_PER_PERIOD);
    const next = Math.min(check, state.ageEnd);
    if (next !== Number.POSITIVE_INFINITY) this.wheel.add(this, next);
  }
}
