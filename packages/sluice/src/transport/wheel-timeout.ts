// One callback on a timer wheel, for those who do not sit in the wheel themselves.
// Invariant: the callback runs at most once, never after `cancel`; it does not hold the process.

import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** A callback that waits for its time. */
export class WheelTimeout implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly callback: () => void;

  /** @param ms from now */
  constructor(wheel: TimerWheel, ms: number, callback: () => void) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.callback = callback;
    wheel.add(this, wheel.now() + ms);
  }

  cancel(): void {
    this.wheel.remove(this);
  }

  onTimer(): void {
    this.callback();
  }
}
