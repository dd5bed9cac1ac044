// A clock that stands still until a test turns it.

import type { Clock, TimerHandle } from '#sluice/transport/clock.js';

interface PendingTimer {
  readonly handle: number;
  readonly at: number;
  readonly ref: boolean;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  private time: number;
  private nextHandle: number;
  private timers: PendingTimer[];

  constructor(startMs = 0) {
    this.time = startMs;
    this.nextHandle = 1;
    this.timers = [];
  }

  now(): number {
    return this.time;
  }

  setTimer(callback: () => void, ms: number, ref: boolean): TimerHandle {
    const handle = this.nextHandle++;
    this.timers.push({ handle, at: this.time + ms, ref, callback });
    return handle;
  }

  clearTimer(handle: TimerHandle): void {
    this.timers = this.timers.filter((timer) => timer.handle !== handle);
  }

  /** Timers set and neither run nor cleared. */
  get pending(): number {
    return this.timers.length;
  }

  /** Of those, how many would hold a process. */
  get pendingRefs(): number {
    return this.timers.filter((timer) => timer.ref).length;
  }

  /** Turns the clock on by `ms`, running each timer at its time. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.earliest();
      if (next === undefined || next.at > end) break;
      this.time = Math.max(this.time, next.at);
      this.clearTimer(next.handle);
      next.callback();
    }
    this.time = end;
  }

  /** The event loop stands still for `ms`: the clock jumps, then what is due runs late. */
  stall(ms: number): void {
    this.time += ms;
    this.advance(0);
  }

  private earliest(): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.timers) {
      if (earliest === undefined || timer.at < earliest.at) earliest = timer;
    }
    return earliest;
  }
}
