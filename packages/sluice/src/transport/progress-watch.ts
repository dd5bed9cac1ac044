// Closes a connection whose peer takes almost nothing while bytes are owed to it: 1 KiB/s over 20 s
// (slow-read attacks hold our memory for as long as they like otherwise).
// Invariant: a timer runs only while loopy is blocked on the socket. A stream that its own
// application paused never blocks the socket, so it is never a reason.

import { ErrorCode } from '../frames/error-code.ts';
import { PROGRESS_BYTES, PROGRESS_WINDOW_MS } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** The connection being watched. */
export interface ProgressSubject {
  /** Bytes the kernel has taken since the connection began. */
  readonly bytesTaken: number;
  fail(errorCode: ErrorCode, reason: string): void;
}

export class ProgressWatch implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly subject: ProgressSubject;
  private watching: boolean;
  private takenBefore: number;

  constructor(wheel: TimerWheel, subject: ProgressSubject) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.subject = subject;
    this.watching = false;
    this.takenBefore = 0;
  }

  /** @param blocked loopy ended its turn waiting for the socket */
  watch(blocked: boolean): void {
    if (blocked === this.watching) return;
    this.watching = blocked;
    if (blocked) this.arm();
    else this.wheel.remove(this);
  }

  stop(): void {
    this.watching = false;
    this.wheel.remove(this);
  }

  onTimer(): void {
    const taken = this.subject.bytesTaken - this.takenBefore;
    if (taken >= PROGRESS_BYTES) {
      this.arm();
      return;
    }
    this.watching = false;
    this.subject.fail(
      ErrorCode.ENHANCE_YOUR_CALM,
      `the peer took ${taken} bytes in ${PROGRESS_WINDOW_MS} ms, ${PROGRESS_BYTES} is the least`,
    );
  }

  private arm(): void {
    this.takenBefore = this.subject.bytesTaken;
    this.wheel.add(this, this.wheel.now() + PROGRESS_WINDOW_MS);
  }
}
