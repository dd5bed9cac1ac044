// Closes a connection whose peer takes almost nothing while bytes are owed to it: 1 KiB/s over 20 s
// (slow-read attacks hold our memory for as long as they like otherwise).
// Invariant: a timer runs only while loopy is blocked on the socket, or after credit that drips: a
// peer that gives a few bytes of window at a time, time and again. A stream that its own application
// paused does neither, so it is never a reason.

import { DRIPPING_CREDIT, DRIPS_PER_WINDOW, PROGRESS_BYTES, PROGRESS_WINDOW_MS } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** The connection being watched. */
export interface ProgressSubject {
  /** Bytes the kernel has taken since the connection began. */
  readonly bytesTaken: number;
  /** Bytes of DATA, without frame headers, that were written since then. */
  readonly dataWritten: number;
  /** Ends the connection. */
  onSlowRead(reason: string): void;
}

export class ProgressWatch implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly subject: ProgressSubject;
  private blocked: boolean;
  /** Credits that dripped since the timer was set for them; 0 while it is not. */
  private drips: number;
  private takenBefore: number;
  private dataBefore: number;

  constructor(wheel: TimerWheel, subject: ProgressSubject) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.subject = subject;
    this.blocked = false;
    this.drips = 0;
    this.takenBefore = 0;
    this.dataBefore = 0;
  }

  /** @param blocked loopy ended its turn waiting for the socket */
  watch(blocked: boolean): void {
    if (blocked === this.blocked) return;
    this.blocked = blocked;
    if (blocked) this.arm();
    else if (this.drips === 0) this.wheel.remove(this);
  }

  /** Credit of less than DRIPPING_CREDIT bytes came for what had none left. */
  onDrip(): void {
    this.drips += 1;
    if (this.drips === 1 && !this.blocked) this.arm();
  }

  stop(): void {
    this.blocked = false;
    this.wheel.remove(this);
  }

  onTimer(): void {
    const { drips } = this;
    this.drips = 0;
    const taken = this.subject.bytesTaken - this.takenBefore;
    // Without frame headers: each byte of credit would count as ten.
    const data = this.subject.dataWritten - this.dataBefore;
    if (drips >= DRIPS_PER_WINDOW && data < PROGRESS_BYTES) {
      this.end(data, ` by credit of less than ${DRIPPING_CREDIT}`);
    } else if (this.blocked && taken < PROGRESS_BYTES) {
      this.end(taken, '');
    } else if (this.blocked) {
      this.arm();
    }
  }

  private end(bytes: number, how: string): void {
    this.blocked = false;
    this.subject.onSlowRead(
      `slow-read: the peer took ${bytes} bytes in ${PROGRESS_WINDOW_MS} ms${how}, ${PROGRESS_BYTES} is the least; read faster, or cancel what is not wanted`,
    );
  }

  private arm(): void {
    this.takenBefore = this.subject.bytesTaken;
    this.dataBefore = this.subject.dataWritten;
    this.wheel.add(this, this.wheel.now() + PROGRESS_WINDOW_MS);
  }
}
