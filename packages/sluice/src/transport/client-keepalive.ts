// Keepalive: whether the peer of a quiet connection is still there (gRFC A8). A PING goes out when
// nothing was read for `timeMs`; when nothing is read for `timeoutMs` after it, the peer is gone.
// Invariants: anything read proves life; silence never counts against the peer while our own gate
// is closed or the event loop stood still; without streams no ping is sent unless permitted.
// Also used by server-keepalive.ts. Not here: GOAWAY, backoff, the doubled time's next connection.
//
//   stopped -start-> watching -quiet-> awaiting -silent-> stopped, close
//                     ^    ^ |              |
//                     |    | no streams     anything read
//                     |    v                |
//                     |  dormant -stream-> awaiting
//                     +---------------------+

import { KEEPALIVE_TIMEOUT_MS, MIN_KEEPALIVE_TIME_MS } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** What keepalive asks of its connection. */
export interface KeepaliveCallbacks {
  /** Writes a PING with this payload, as two uint32. */
  sendPing(high: number, low: number): void;
  /** The peer is gone: close the connection, its calls end UNAVAILABLE. */
  close(reason: string): void;
  hasStreams(): boolean;
  /** Whether we are the ones who do not read. */
  gateClosed(): boolean;
}

/** Settings of keepalive; times in milliseconds. */
export interface KeepaliveOptions {
  /** Quiet time before a ping, at least 10 s; default Infinity, off (`grpc.keepalive_time_ms`). */
  readonly timeMs?: number | undefined;
  /** Wait for an answer; default 20 s (`grpc.keepalive_timeout_ms`). */
  readonly timeoutMs?: number | undefined;
  /** Ping without streams too; default false (`grpc.keepalive_permit_without_calls`). */
  readonly permitWithoutStream?: boolean | undefined;
  /** Floor of `timeMs`; default 10 s. A server's is 1 s. */
  readonly minTimeMs?: number | undefined;
}

/** A timer that fires this late, in ms, tells of a stalled event loop, not of a silent peer. */
const STALL_MS = 1_000;
/**
 * Checks per quiet time: a read only sets a flag, so the last one is known to within this part of
 * the time, and a dead peer is found at most that much later.
 */
export const CHECKS_PER_PERIOD = 16;

/** First four bytes of a keepalive ping ("keep"); the last four are a number counted up. */
export const KEEPALIVE_PING_HIGH = 0x6b656570;

type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'dormant' }
  | { readonly kind: 'watching'; quietSince: number }
  | { readonly kind: 'awaiting'; readonly ping: number };

const STOPPED: State = { kind: 'stopped' };
const DORMANT: State = { kind: 'dormant' };

/** One per connection; off unless a time is given, and then costs one flag per read. */
export class ClientKeepalive implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly callbacks: KeepaliveCallbacks;
  private readonly timeoutMs: number;
  private readonly permitWithoutStream: boolean;
  private quietMs: number;
  private state: State;
  private read: boolean;
  private pings: number;

  constructor(wheel: TimerWheel, callbacks: KeepaliveCallbacks, options: KeepaliveOptions = {}) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.callbacks = callbacks;
    this.timeoutMs = options.timeoutMs ?? KEEPALIVE_TIMEOUT_MS;
    this.permitWithoutStream = options.permitWithoutStream ?? false;
    this.quietMs = Math.max(
      options.timeMs ?? Number.POSITIVE_INFINITY,
      options.minTimeMs ?? MIN_KEEPALIVE_TIME_MS,
    );
    this.state = STOPPED;
    this.read = false;
    this.pings = 0;
  }

  /** The connection is up. */
  start(): void {
    if (this.state.kind !== 'stopped' || this.quietMs === Number.POSITIVE_INFINITY) return;
    this.watch(this.wheel.now());
  }

  /** The connection is closing; nothing is called from here on. */
  stop(): void {
    this.state = STOPPED;
    this.wheel.remove(this);
  }

  /** Bytes were read, of whatever kind. */
  onRead(): void {
    this.read = true;
  }

  /** A PING acknowledgement came; true when it was one of these. */
  onPingAck(high: number, low: number): boolean {
    if (high !== KEEPALIVE_PING_HIGH) return false;
    if (this.state.kind === 'awaiting' && this.state.ping === low) this.watch(this.wheel.now());
    return true;
  }

  /** The number of streams may have gone from or to 0. */
  onStreamsChanged(): void {
    // Dormancy began after a whole quiet time: whether the peer is there is the first question.
    if (this.state.kind === 'dormant' && this.callbacks.hasStreams()) this.ping();
  }

  /**
   * The peer found our pings too frequent (GOAWAY too_many_pings): doubles the time and answers the
   * new one, in ms, which is for the connections that follow as well.
   */
  doubleTime(): number {
    this.quietMs *= 2;
    return this.quietMs;
  }

  /** Called by the wheel. */
  onTimer(): void {
    const now = this.wheel.now();
    switch (this.state.kind) {
      case 'watching':
        this.check(this.state, now);
        return;
      case 'awaiting':
        this.expire(now);
        return;
      case 'stopped':
      case 'dormant':
        return;
    }
  }

  private watch(quietSince: number): void {
    this.read = false;
    this.state = { kind: 'watching', quietSince };
    this.wheel.add(this, quietSince + this.quietMs / CHECKS_PER_PERIOD);
  }

  private check(state: { quietSince: number }, now: number): void {
    if (this.read || this.excused(now)) {
      this.read = false;
      state.quietSince = now;
    }
    const quietEnd = state.quietSince + this.quietMs;
    if (now < quietEnd) {
      this.wheel.add(this, Math.min(quietEnd, now + this.quietMs / CHECKS_PER_PERIOD));
    } else if (this.permitWithoutStream || this.callbacks.hasStreams()) {
      this.ping();
    } else {
      this.state = DORMANT;
    }
  }

  private ping(): void {
    this.pings = (this.pings + 1) >>> 0;
    this.read = false;
    this.state = { kind: 'awaiting', ping: this.pings };
    this.wheel.add(this, this.wheel.now() + this.timeoutMs);
    this.callbacks.sendPing(KEEPALIVE_PING_HIGH, this.pings);
  }

  private expire(now: number): void {
    if (this.read) {
      this.watch(now);
    } else if (this.excused(now)) {
      this.wheel.add(this, now + this.timeoutMs);
    } else {
      this.state = STOPPED;
      this.callbacks.close(
        `keepalive: the peer sent nothing for ${this.timeoutMs} ms after a ping`,
      );
    }
  }

  private excused(now: number): boolean {
    return isExcused(this.callbacks, this.wheelDeadline, now);
  }
}

/** Whether the silence is ours at a timer that was due at `dueMs`: we did not read, or did not run. */
export function isExcused(callbacks: KeepaliveCallbacks, dueMs: number, nowMs: number): boolean {
  return callbacks.gateClosed() || nowMs - dueMs > STALL_MS;
}
