// Where calls stand while their credentials are made: bounded like the line of those that wait for
// a stream, so that a token service that hangs costs no more memory than a backend that does.
// Invariant: a call that ends while it waits leaves at once. Not here: making credentials
// (call-credentials.ts).

import { Status } from '../grpc/status.ts';
import type { ClientLimits } from '../transport/limits.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { ClientCall } from './call.ts';
import { WaitingLine } from './waiting-line.ts';

/** What a waiting call asks of where it waits. */
export interface CallLine {
  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void;
  /** The call left the line by itself. */
  withdraw(call: ClientCall): void;
  /** What a waiting call waits for. */
  waitReason(): string;
}

/** The calls of one channel that wait for their credentials. */
export class CredentialsLine implements CallLine {
  private readonly line: WaitingLine;
  private readonly limits: Pick<ClientLimits, 'waitingCalls' | 'waitingBytes'>;
  private readonly wheel: TimerWheel;

  constructor(limits: Pick<ClientLimits, 'waitingCalls' | 'waitingBytes'>, wheel: TimerWheel) {
    this.line = new WaitingLine();
    this.limits = limits;
    this.wheel = wheel;
  }

  /** Calls that wait here. */
  get size(): number {
    return this.line.size;
  }

  /** False when the call was refused. */
  enter(call: ClientCall): boolean {
    const { waitingCalls, waitingBytes } = this.limits;
    const { size, bytes } = this.line;
    if (size >= waitingCalls) {
      const text = `refused by the waiting-calls limit: ${size} of ${waitingCalls} calls wait already (${this.waitReason()}); slow down or raise limits.waitingCalls`;
      call.refuse(Status.RESOURCE_EXHAUSTED, text);
      return false;
    }
    if (bytes > 0 && bytes + call.heldBytes + call.metadataBytes > waitingBytes) {
      this.refuseBytes(call, bytes);
      return false;
    }
    call.waitingSinceMs = this.wheel.now();
    this.line.add(call, false);
    return true;
  }

  onHeld(call: ClientCall, bytes: number): void {
    const before = this.line.bytes;
    this.line.bytes += bytes;
    const over = before > 0 && this.line.bytes > this.limits.waitingBytes;
    if (over && bytes > 0) this.refuseBytes(call, before);
  }

  withdraw(call: ClientCall): void {
    this.line.remove(call);
  }

  waitReason(): string {
    return 'call credentials are being made';
  }

  /** Ends every call that waits here. */
  fail(reason: string): void {
    // Listed first: the listener of one may cancel another, or start a new call.
    const failed: ClientCall[] = [];
    for (let call = this.line.first; call !== undefined; call = call.nextInLine) failed.push(call);
    for (const call of failed) if (call.inLine) call.refuse(Status.UNAVAILABLE, reason);
  }

  private refuseBytes(call: ClientCall, depth: number): void {
    const { waitingBytes } = this.limits;
    const text = `refused by the waiting-bytes limit: ${depth} of ${waitingBytes} bytes wait already (${this.waitReason()}); slow down or raise limits.waitingBytes`;
    call.refuse(Status.RESOURCE_EXHAUSTED, text);
  }
}
