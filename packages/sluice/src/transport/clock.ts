// The one source of time for the transport: monotonic milliseconds and one-shot timers behind an
// interface, so that tests turn the clock themselves.
// Invariant: now() never goes back; a timer never runs inside the call that set it.
// Not here: the many timers of calls and connections, which share one wheel (timer-wheel.ts).

import { performance } from 'node:perf_hooks';

/** What `setTimer` answers; of use only to `clearTimer` of the same clock. */
export type TimerHandle = NodeJS.Timeout | number;

/** Time as the transport sees it. Tests give a clock they turn by hand. */
export interface Clock {
  /** Monotonic time in milliseconds, with fractions; its zero has no meaning. */
  now(): number;
  /**
   * Runs `callback` once, `ms` milliseconds from now, later when the event loop is busy. `ref`
   * says whether the timer alone keeps the process alive.
   */
  setTimer(callback: () => void, ms: number, ref: boolean): TimerHandle;
  /** Takes a timer back; a timer that ran already is ignored. */
  clearTimer(handle: TimerHandle): void;
}

/**
 * The longest delay Node takes, in milliseconds: anything above fires at once, so a longer wish is
 * cut to this.
 */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The clock of this process: `performance.now()` and Node's timers. */
export const systemClock: Clock = {
  now(): number {
    return performance.now();
  },
  setTimer(callback: () => void, ms: number, ref: boolean): TimerHandle {
    const handle = setTimeout(callback, Math.min(ms, MAX_DELAY_MS));
    if (!ref) handle.unref();
    return handle;
  },
  clearTimer(handle: TimerHandle): void {
    clearTimeout(handle);
  },
};
