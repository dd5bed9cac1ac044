// Calls in flight on one client connection, held to what the server answers without a queue.
// Invariants: `inFlight` counts admitted calls whose answer is awaited, each once; only calls that
// began within a window tell of it, so no cut is made twice for the same queue.
// A call is in flight until its response headers. One that goes on sending is a stream, which lasts
// as long as its caller likes: it is not counted. Not here: the algorithm (gradient-limit.ts).

import { Status } from '../grpc/status.ts';
import { GradientLimit } from './gradient-limit.ts';
import { eventLoopIdleMs, type IdleTime } from './loop-stalls.ts';

/** A limit of calls in flight that follows what the server can do. */
export interface AdaptiveConcurrencyOptions {
  /** Calls in flight to begin with; default 20. */
  readonly initial?: number;
  /** Calls in flight that are let through in any case; default 4. */
  readonly min?: number;
  /** Calls in flight at most; default `limits.openCalls`. */
  readonly max?: number;
  /**
   * Milliseconds of queue at the server to aim at, beside half of the latency without load; default
   * 4. More of it keeps a server busy whose answers come in bursts, and makes each one slower.
   */
  readonly queueMs?: number;
}

/** What a connection's limiter is made of. */
export type ConcurrencySettings = Required<AdaptiveConcurrencyOptions>;

const DEFAULT_INITIAL = 20;
const DEFAULT_MIN = 4;
const DEFAULT_QUEUE_MS = 4;

/** Milliseconds that a window lasts at least. */
const WINDOW_MS = 50;

/** Calls that a window needs, fewer while the limit lets so few through. */
const MOST_NEEDED = 32;
const FEWEST_NEEDED = 10;

/** Latencies that are kept of a window; a median of more is no better. */
const KEPT = 128;

/** Milliseconds of a turn of our event loop that the server is not blamed for: a longer one is rare. */
const MOST_OWN_MS = 50;

/** A stream that the limiter does not count, or no more. */
export const NOT_IN_FLIGHT = -1;
/** Counted, its HEADERS are not written yet. */
export const NOT_WRITTEN = -2;

/** Fills in what a user left out. */
export function concurrencySettings(
  options: AdaptiveConcurrencyOptions,
  openCalls: number,
): ConcurrencySettings {
  const max = options.max ?? openCalls;
  const min = options.min ?? Math.min(DEFAULT_MIN, max);
  const initial = options.initial ?? Math.max(min, Math.min(DEFAULT_INITIAL, max));
  return { initial, min, max, queueMs: options.queueMs ?? DEFAULT_QUEUE_MS };
}

/** Ends of calls that an overloaded server causes. */
function isDrop(code: Status): boolean {
  return (
    code === Status.DEADLINE_EXCEEDED ||
    code === Status.RESOURCE_EXHAUSTED ||
    code === Status.UNAVAILABLE
  );
}

export class ConcurrencyLimiter {
  /** Calls in flight now. */
  inFlight: number;
  /** Calls that may be. */
  limit: number;
  private readonly gradient: GradientLimit;
  private readonly idle: IdleTime;
  private readonly latencies: Float64Array;
  private fromMs: number;
  private idleFromMs: number;
  private answers: number;
  private drops: number;
  /** Turns of the event loop in which answers came. */
  private turns: number;
  private turnMs: number;
  private bound: boolean;
  /** Most calls in flight in this window. */
  private most: number;
  /** Milliseconds, the median of the last window. */
  private latencyMs: number;

  /** @param idle milliseconds that this thread's event loop has waited for events */
  constructor(settings: ConcurrencySettings, nowMs: number, idle: IdleTime = eventLoopIdleMs) {
    this.inFlight = 0;
    this.limit = settings.initial;
    this.gradient = new GradientLimit(
      settings.initial,
      settings.min,
      settings.max,
      settings.queueMs,
    );
    this.idle = idle;
    this.latencies = new Float64Array(KEPT);
    this.fromMs = nowMs;
    this.idleFromMs = idle();
    this.answers = 0;
    this.drops = 0;
    this.turns = 0;
    this.turnMs = 0;
    this.bound = false;
    this.most = 0;
    this.latencyMs = 0;
  }

  /** Whether one more call has to wait. */
  get full(): boolean {
    return this.inFlight >= this.limit;
  }

  /** Milliseconds, the latency that calls without a queue had of late. */
  get baseMs(): number {
    return this.gradient.baseMs;
  }

  /** Milliseconds that the calls of the last window took longer than without a queue. */
  get queuedMs(): number {
    return Math.max(0, this.latencyMs - this.gradient.baseMs);
  }

  /** A call was admitted. */
  admit(): void {
    this.inFlight += 1;
    if (this.inFlight > this.most) this.most = this.inFlight;
    if (this.inFlight >= this.limit) this.bound = true;
  }

  /** A call is not awaited any more, and its time says nothing of the server. */
  leave(): void {
    this.inFlight -= 1;
  }

  /**
   * The answer to a call came.
   * @param code its status, OK where only the headers are known
   */
  answer(writtenMs: number, nowMs: number, code: Status): void {
    this.inFlight -= 1;
    // Without a limit there was no cut that an earlier call could not know of.
    if (writtenMs < this.fromMs && this.limit !== Number.POSITIVE_INFINITY) return;
    if (isDrop(code)) {
      this.drops += 1;
    } else {
      // The first ones: a window that begins with an empty queue is to show that.
      if (this.answers < KEPT) this.latencies[this.answers] = nowMs - writtenMs;
      this.answers += 1;
    }
    if (nowMs !== this.turnMs) {
      this.turnMs = nowMs;
      this.turns += 1;
    }
    const seen = this.answers + this.drops;
    if (nowMs - this.fromMs < WINDOW_MS || seen < FEWEST_NEEDED) return;
    if (seen >= MOST_NEEDED || seen >= 2 * this.limit) this.close(nowMs, seen);
  }

  private close(nowMs: number, seen: number): void {
    const { gradient } = this;
    const idleMs = this.idle();
    const busyMs = nowMs - this.fromMs - (idleMs - this.idleFromMs);
    if (this.answers > 0) this.latencyMs = this.median();
    gradient.update({
      nowMs,
      latencyMs: this.latencyMs,
      ownMs: Math.min(MOST_OWN_MS, Math.max(0, busyMs / this.turns)),
      dropped: this.drops / seen,
      bound: this.bound,
      mostInFlight: this.most,
    });
    this.limit = Math.floor(gradient.limit);
    this.fromMs = nowMs;
    this.idleFromMs = idleMs;
    this.answers = 0;
    this.drops = 0;
    this.turns = 0;
    this.bound = this.inFlight >= this.limit;
    this.most = this.inFlight;
  }

  private median(): number {
    const kept = this.latencies.subarray(0, Math.min(this.answers, KEPT)).sort();
    return kept[kept.length >> 1] ?? 0;
  }
}
