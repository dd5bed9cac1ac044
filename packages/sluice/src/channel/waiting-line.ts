// A line of calls that wait: for a stream or a connection (placement.ts), or for their credentials
// (credentials-line.ts). First in, first out.
// Invariants: bounded in calls and bytes, past which a call is refused with RESOURCE_EXHAUSTED naming
// the limit; a call that ends while it waits leaves at once, from wherever it stands, so that
// deadlines and cancellation cost no scan; a line that was ended takes nobody.

import { Status } from '../grpc/status.ts';
import type { LimitReading } from '../transport/admission.ts';
import { tellLimit } from '../transport/connection-events.ts';
import { limitEvents } from '../transport/diagnostics.ts';
import { LimitCounts } from '../transport/limit-counts.ts';
import type { ClientLimits } from '../transport/limits.ts';
import { memoryBudget } from '../transport/memory-budget.ts';
import { MAX_AHEAD } from '../transport/stall.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { ClientCall } from './call.ts';

/** The limits of a line. */
export type LineLimits = Pick<ClientLimits, 'waitingCalls' | 'waitingBytes'>;

/** Calls in the line before this one, as far as MAX_AHEAD of them. */
export function callsBefore(call: ClientCall): number {
  let count = 0;
  let before = call.previousInLine;
  while (before !== undefined && count < MAX_AHEAD) {
    count += 1;
    before = before.previousInLine;
  }
  return count;
}

/** The line of one channel. */
export class WaitingLine {
  first: ClientCall | undefined;
  last: ClientCall | undefined;
  size: number;
  private held: number;
  private readonly limits: LineLimits;
  private readonly wheel: TimerWheel;
  /** What those who are refused are told that the others wait for. */
  private readonly reason: () => string;
  private readonly acted: LimitCounts;
  /** Why the line takes nobody; '' while it does. */
  private ended: string;

  constructor(limits: LineLimits, wheel: TimerWheel, reason: () => string) {
    this.first = undefined;
    this.last = undefined;
    this.size = 0;
    this.held = 0;
    this.limits = limits;
    this.wheel = wheel;
    this.reason = reason;
    this.acted = new LimitCounts();
    this.ended = '';
  }

  /** Bytes of the messages and metadata that waiting calls hold; in the memory budget, too. */
  get bytes(): number {
    return this.held;
  }

  set bytes(bytes: number) {
    memoryBudget.charge(bytes - this.held);
    this.held = bytes;
  }

  /**
   * Takes a call in, or refuses it.
   * @param front for a call that was admitted once already: it goes first, past the limits
   * @param why what it waits for, where that is not the line's reason
   */
  enter(call: ClientCall, front: boolean, why?: string): boolean {
    const { waitingCalls, waitingBytes } = this.limits;
    if (this.ended !== '') {
      call.refuse(Status.UNAVAILABLE, this.ended);
      return false;
    }
    if (!front && this.size >= waitingCalls) {
      this.acted.add('waiting-calls');
      if (limitEvents.hasSubscribers) this.tell('waiting-calls', call);
      call.refuse(
        Status.RESOURCE_EXHAUSTED,
        `refused by the waiting-calls limit: ${this.size} of ${waitingCalls} calls wait already (${why ?? this.reason()}); slow down or raise limits.waitingCalls`,
      );
      return false;
    }
    const bytes = call.heldBytes + call.metadataBytes;
    if (!front && this.bytes > 0 && this.bytes + bytes > waitingBytes) {
      this.refuseBytes(call, this.bytes, why);
      return false;
    }
    call.waitingSinceMs = this.wheel.now();
    this.add(call, front);
    return true;
  }

  private refuseBytes(call: ClientCall, depth: number, why: string | undefined): void {
    this.acted.add('waiting-bytes');
    if (limitEvents.hasSubscribers) this.tell('waiting-bytes', call);
    call.refuse(
      Status.RESOURCE_EXHAUSTED,
      `refused by the waiting-bytes limit: ${depth} of ${this.limits.waitingBytes} bytes wait already (${why ?? this.reason()}); slow down or raise limits.waitingBytes`,
    );
  }

  private tell(limit: 'waiting-calls' | 'waiting-bytes', call: ClientCall): void {
    tellLimit(limit, this.readings()[limit], 'refused', 'client', call.target);
  }

  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void {
    const before = this.bytes;
    this.bytes += bytes;
    const over = before > 0 && this.bytes > this.limits.waitingBytes;
    if (over && bytes > 0) this.refuseBytes(call, before, undefined);
  }

  /** To the end; or to the front, for a call that was admitted once already. */
  add(call: ClientCall, front: boolean): void {
    call.inLine = true;
    this.size += 1;
    this.bytes += call.heldBytes + call.metadataBytes;
    if (front) {
      call.nextInLine = this.first;
      if (this.first === undefined) this.last = call;
      else this.first.previousInLine = call;
      this.first = call;
      return;
    }
    call.previousInLine = this.last;
    if (this.last === undefined) this.first = call;
    else this.last.nextInLine = call;
    this.last = call;
  }

  remove(call: ClientCall): void {
    if (!call.inLine) return;
    if (call.previousInLine === undefined) this.first = call.nextInLine;
    else call.previousInLine.nextInLine = call.nextInLine;
    if (call.nextInLine === undefined) this.last = call.previousInLine;
    else call.nextInLine.previousInLine = call.previousInLine;
    call.nextInLine = undefined;
    call.previousInLine = undefined;
    call.inLine = false;
    this.size -= 1;
    this.bytes -= call.heldBytes + call.metadataBytes;
  }

  /** Ends every waiting call, and whichever comes later. */
  end(reason: string): void {
    this.ended = reason;
    // Listed first: the listener of one may cancel another, or start a new call.
    const failed: ClientCall[] = [];
    for (let call = this.first; call !== undefined; call = call.nextInLine) failed.push(call);
    for (const call of failed) if (call.inLine) call.refuse(Status.UNAVAILABLE, reason);
  }

  /** The limits, for stats. */
  readings(): Record<'waiting-calls' | 'waiting-bytes', LimitReading> {
    const { waitingCalls, waitingBytes } = this.limits;
    const { size, bytes, acted } = this;
    return {
      'waiting-calls': {
        value: waitingCalls,
        unit: 'calls',
        depth: size,
        acted: acted.of('waiting-calls'),
      },
      'waiting-bytes': {
        value: waitingBytes,
        unit: 'bytes',
        depth: bytes,
        acted: acted.of('waiting-bytes'),
      },
    };
  }
}
