// How long what arrives waits for this process's event loop: a timer stands in the same line as the
// requests, and how late it comes is what they wait.
// Invariants: the timer runs only while calls come; without it the delay is 0. The clock is injected.
// Not here: what becomes of calls that waited too long (queue-delay.ts).

import type { Clock, TimerHandle } from '../transport/clock.ts';
import type { IdleTime } from '../transport/loop-stalls.ts';

/** Times the timer is set in one interval, so that one late wake is not the lowest of them. */
const PROBES = 10;

/** Milliseconds, what Node's timers are late by themselves. */
const TIMER_GRAIN_MS = 1;

/** Share of an interval; a loop that waited less for events always had something to do. */
const IDLE = 0.02;

/** The delay of one event loop, in milliseconds; measured while calls come. */
export class LoopDelay {
  private readonly clock: Clock;
  private readonly idle: IdleTime;
  private readonly intervalMs: number;
  private readonly periodMs: number;
  private timer: TimerHandle | undefined;
  private dueMs: number;
  /** What the last wake was late by. */
  private lastMs: number;
  /** Of the interval under way. */
  private fromMs: number;
  private idleFromMs: number;
  private lowestMs: number;
  private highestMs: number;
  /** A call came since the last wake but `quiet` ones. */
  private called: boolean;
  private quiet: number;
  /** Whole intervals so far. */
  intervals: number;
  /** Of the last whole interval. */
  lowest: number;
  highest: number;
  /** Always had something to do: whatever queues there are were never empty. */
  busy: boolean;
  private readonly wake: () => void;

  /** @param idle milliseconds that the loop has waited for events */
  constructor(clock: Clock, idle: IdleTime, intervalMs: number) {
    this.clock = clock;
    this.idle = idle;
    this.intervalMs = intervalMs;
    this.periodMs = Math.max(2, intervalMs / PROBES);
    this.timer = undefined;
    this.dueMs = 0;
    this.lastMs = 0;
    this.fromMs = 0;
    this.idleFromMs = 0;
    this.lowestMs = Number.POSITIVE_INFINITY;
    this.highestMs = 0;
    this.called = false;
    this.quiet = 0;
    this.intervals = 0;
    this.lowest = 0;
    this.highest = 0;
    this.busy = false;
    this.wake = (): void => this.onWake();
  }

  /** A call came. */
  note(): void {
    this.called = true;
    if (this.timer !== undefined) return;
    this.begin(this.clock.now());
    this.quiet = 0;
    this.arm();
  }

  /** Milliseconds that a call which comes now has waited, as far as can be told. */
  get nowMs(): number {
    if (this.timer === undefined) return 0;
    return Math.max(this.lastMs, this.clock.now() - this.dueMs - TIMER_GRAIN_MS);
  }

  private begin(nowMs: number): void {
    this.fromMs = nowMs;
    this.idleFromMs = this.idle();
    this.lowestMs = Number.POSITIVE_INFINITY;
    this.highestMs = 0;
  }

  private arm(): void {
    this.dueMs = this.clock.now() + this.periodMs;
    this.timer = this.clock.setTimer(this.wake, this.periodMs, false);
  }

  private onWake(): void {
    const now = this.clock.now();
    this.lastMs = Math.max(0, now - this.dueMs - TIMER_GRAIN_MS);
    this.lowestMs = Math.min(this.lowestMs, this.lastMs);
    this.highestMs = Math.max(this.highestMs, this.lastMs);
    if (now - this.fromMs >= this.intervalMs) {
      this.intervals += 1;
      this.lowest = this.lowestMs;
      this.highest = this.highestMs;
      this.busy = this.idle() - this.idleFromMs < IDLE * (now - this.fromMs);
      this.begin(now);
    }
    this.quiet = this.called ? 0 : this.quiet + 1;
    this.called = false;
    if (this.quiet < PROBES) {
      this.arm();
      return;
    }
    this.timer = undefined;
    this.lastMs = 0;
    this.intervals += 1;
    this.lowest = 0;
    this.highest = 0;
    this.busy = false;
  }
}
