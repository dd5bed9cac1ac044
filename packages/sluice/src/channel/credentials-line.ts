// Where calls stand while their credentials are made: bounded like the line of those that wait for
// a stream, so that a token service that hangs costs no more memory than a backend that does.
// Not here: making credentials (call-credentials.ts), the line itself (waiting-line.ts).

import type { LimitReading } from '../transport/admission.ts';
import type { StallReason } from '../transport/stall.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { ClientCall } from './call.ts';
import { type LineLimits, WaitingLine } from './waiting-line.ts';

/** What a waiting call asks of where it waits. */
export interface CallLine {
  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void;
  /** The call left the line by itself. */
  withdraw(call: ClientCall): void;
  /** What a call in the line waits for. */
  stallOf(call: ClientCall): StallReason;
}

const REASON = 'call credentials are being made';

/** The calls of one channel that wait for their credentials. */
export class CredentialsLine implements CallLine {
  private readonly line: WaitingLine;
  private readonly onWaiting: () => void;
  private readonly wheel: TimerWheel;

  /** @param onWaiting calls wait, or none does any more */
  constructor(limits: LineLimits, wheel: TimerWheel, onWaiting: () => void) {
    this.line = new WaitingLine(limits, wheel, () => REASON);
    this.onWaiting = onWaiting;
    this.wheel = wheel;
  }

  /** Calls that wait here. */
  get size(): number {
    return this.line.size;
  }

  /** False when the call was refused. */
  enter(call: ClientCall): boolean {
    const entered = this.line.enter(call, false);
    this.onWaiting();
    return entered;
  }

  onHeld(call: ClientCall, bytes: number): void {
    this.line.onHeld(call, bytes);
  }

  withdraw(call: ClientCall): void {
    this.line.remove(call);
    this.onWaiting();
  }

  /** The call that has waited longest. */
  get first(): ClientCall | undefined {
    return this.line.first;
  }

  stallOf(call: ClientCall): StallReason {
    return { kind: 'credentials', forMs: this.wheel.now() - call.waitingSinceMs };
  }

  /** Its limits, for stats. */
  readings(): Record<'waiting-calls' | 'waiting-bytes', LimitReading> {
    return this.line.readings();
  }

  /** Ends every call that waits here, and whichever comes later. */
  end(reason: string): void {
    this.line.end(reason);
  }
}
