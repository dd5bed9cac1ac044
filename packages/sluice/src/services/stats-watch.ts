// One Watch of the stats service: a snapshot now, then one after each interval.
// Invariants: a snapshot is taken when the client has room for it, none waits; the iteration ends with
// the call, or with the drain of the server, so that a watch does not hold a drain up.
// Not here: what is in a snapshot (snapshot.ts).

import type { ChildCall, ParentCall } from '../channel/call-options.ts';
import { processWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import { ProcessMeter } from './process-meter.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';

/** Tells the turns of one watch. */
export class StatsWatch implements ChildCall {
  private readonly intervalMs: number;
  private readonly maxConnections: number;
  private readonly meter: ProcessMeter;
  private over: boolean;
  private timer: WheelTimeout | undefined;
  private wake: (() => void) | undefined;

  constructor(intervalMs: number, maxConnections: number) {
    this.intervalMs = intervalMs;
    this.maxConnections = maxConnections;
    this.meter = new ProcessMeter();
    this.over = false;
    this.timer = undefined;
    this.wake = undefined;
  }

  /** The snapshots, until `cancel` or the end of the call. */
  async *snapshots(call: ParentCall): AsyncGenerator<Snapshot, void> {
    call.follow(this);
    this.meter.start();
    try {
      while (!this.over) {
        yield takeSnapshot(this.meter, this.maxConnections);
        await this.pause();
      }
    } finally {
      call.unfollow(this);
      this.meter.close();
    }
  }

  /** Ends it. */
  cancel(): void {
    this.over = true;
    this.timer?.cancel();
    this.wake?.();
  }

  private pause(): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = resolve;
      this.timer = new WheelTimeout(processWheel, this.intervalMs, resolve);
    });
  }
}
