// A callback that waits in a timer wheel.

import type { TimerWheel, WheelTimer } from '#sluice/transport/timer-wheel.js';

export class Alarm implements WheelTimer {
  wheelNext: WheelTimer | undefined = undefined;
  wheelPrevious: WheelTimer | undefined = undefined;
  wheelSlot = -1;
  wheelDeadline = 0;
  private readonly wheel: TimerWheel;
  private readonly callback: () => void;

  /** @param ms milliseconds from now */
  constructor(wheel: TimerWheel, ms: number, callback: () => void) {
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
