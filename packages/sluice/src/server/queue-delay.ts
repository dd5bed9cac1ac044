// Load shedding by queue delay: calls are turned away once those that are taken wait too long in this
// process, for the event loop or inside handlers.
// Invariants: nothing is shed for one slow moment, only for a delay that stands; a method whose
// handlers are as fast as ever is never held back by their number; health checks are never shed.
// The rule for the loop is CoDel's (RFC 8289) in its form for request queues. Not here: shedding by a
// user's function (handler-load.ts).

import { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Clock } from '../transport/clock.ts';
import { ConcurrencyLimiter } from '../transport/concurrency-limiter.ts';
import type { IdleTime } from '../transport/loop-stalls.ts';
import { LoopDelay } from './loop-delay.ts';

/** When a server sheds calls because of the time they wait in it. */
export interface QueueDelayOptions {
  /** Milliseconds that calls may wait here; default 20. */
  readonly targetMs?: number;
  /** Milliseconds for which they wait longer before any is shed; default 100. */
  readonly intervalMs?: number;
  /**
   * Milliseconds after which clients that retry are told to try again, and up to twice that, so that
   * they do not all come back at once; default 250.
   */
  readonly pushbackMs?: number;
}

const DEFAULT_TARGET_MS = 20;
const DEFAULT_INTERVAL_MS = 100;
const DEFAULT_PUSHBACK_MS = 250;

/** Calls of one method that are served at a time in any case. */
const MIN_RUNNING = 4;

/** A backend whose health check is shed is taken out, and its load falls on the others. */
const HEALTH = '/grpc.health.v1.Health/';

const PUSHBACK = 'grpc-retry-pushback-ms';

/** What of the process it runs in. */
export interface QueueDelayHost {
  readonly clock: Clock;
  readonly idle: IdleTime;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** The shedding of one server, as `ServerOptions.shedQueueDelay` asks for it; times in milliseconds. */
export class QueueDelay {
  readonly targetMs: number;
  /** Calls that were shed. */
  shed: number;
  private readonly intervalMs: number;
  private readonly pushbackMs: number;
  private readonly host: QueueDelayHost;
  private readonly loop: LoopDelay;
  /** Handlers of one request and one response, by their path. */
  private readonly handlers: Map<string, ConcurrencyLimiter>;
  /** The longest that a call has waited in this interval. */
  private highestMs: number;
  /** Calls have waited too long in an interval, and have done so in each one since. */
  private standing: boolean;
  /** The interval that was looked at last. */
  private judged: number;

  constructor(options: QueueDelayOptions, host: QueueDelayHost) {
    this.targetMs = options.targetMs ?? DEFAULT_TARGET_MS;
    this.shed = 0;
    this.intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.pushbackMs = options.pushbackMs ?? DEFAULT_PUSHBACK_MS;
    this.host = host;
    this.loop = new LoopDelay(host.clock, host.idle, this.intervalMs);
    this.handlers = new Map();
    this.highestMs = 0;
    this.standing = false;
    this.judged = 0;
  }

  /** Milliseconds that calls wait here now. */
  get delayMs(): number {
    let most = this.loop.nowMs;
    for (const running of this.handlers.values()) {
      if (running.inFlight > 0) most = Math.max(most, running.queuedMs);
    }
    return most;
  }

  /**
   * Why a call is not taken, or undefined.
   * @param arrivedMs when the bytes came that its headers were in
   */
  refusal(path: string, arrivedMs: number): StatusError | undefined {
    this.loop.note();
    const delayMs = this.excess(path, arrivedMs);
    if (delayMs === 0 || path.startsWith(HEALTH)) return undefined;
    this.shed += 1;
    const pushback = Math.round(this.pushbackMs * (1 + this.host.random()));
    const text = `refused by the queue-delay limit: calls wait ${Math.round(delayMs)} ms on this server, ${this.targetMs} ms are allowed; slow down or add servers`;
    return StatusError.refusal(Status.RESOURCE_EXHAUSTED, text, {
      metadata: new Metadata({ [PUSHBACK]: String(pushback) }),
    });
  }

  /** Milliseconds that the call would wait, where that is too long; else 0. */
  private excess(path: string, arrivedMs: number): number {
    const { loop, targetMs } = this;
    if (loop.intervals !== this.judged) this.judge();
    const loopMs = loop.nowMs;
    const readMs = this.host.clock.now() - arrivedMs;
    const delayMs = Math.max(loopMs, readMs);
    if (delayMs > this.highestMs) this.highestMs = delayMs;
    const mostMs = this.standing ? targetMs : Math.max(targetMs, this.intervalMs);
    // What the loop is late by is the longest that a call of this turn has waited; some came just now,
    // and to shed all of them would leave the next turn with nothing to do.
    if (readMs > mostMs || (loopMs > mostMs && loopMs * this.host.random() > mostMs))
      return delayMs;
    const running = this.handlers.get(path);
    return running?.full === true ? Math.max(1, running.queuedMs) : 0;
  }

  private judge(): void {
    const { loop, targetMs } = this;
    const highest = Math.max(loop.highest, this.highestMs);
    this.judged = loop.intervals;
    this.highestMs = 0;
    // A loop that always had something to do leaves chunks half read while it comes round in time.
    this.standing = highest > targetMs && (this.standing || loop.busy || loop.lowest > targetMs);
  }

  /** A handler of one request and one response begins. @returns what is told of its end */
  begin(path: string): ConcurrencyLimiter {
    let running = this.handlers.get(path);
    if (running === undefined) {
      const { clock, idle } = this.host;
      const none = Number.POSITIVE_INFINITY;
      running = new ConcurrencyLimiter(
        { initial: none, min: MIN_RUNNING, max: none, queueMs: this.targetMs },
        clock.now(),
        idle,
      );
      this.handlers.set(path, running);
    }
    running.admit();
    return running;
  }
}
