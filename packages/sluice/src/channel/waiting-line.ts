// The line of calls that wait for a stream or a connection: first in, first out.
// Invariants: bounded by the channel in calls and bytes; a call that ends while it waits leaves at
// once, from wherever it stands, so that deadlines and cancellation cost no scan.

import type { ClientCall } from './call.ts';

/** The line of one channel; its limits are the channel's to check before `add`. */
export class WaitingLine {
  first: ClientCall | undefined;
  last: ClientCall | undefined;
  size: number;
  /** Bytes of the messages and metadata that waiting calls hold. */
  bytes: number;

  constructor() {
    this.first = undefined;
    this.last = undefined;
    this.size = 0;
    this.bytes = 0;
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
}
