// Length-prefixed messages with all bytes kept and parsed anew each time: the reference that the
// message-framing fuzzer holds a MessageReader to. It knows what was pushed and asked for, and derives
// from that what must have been delivered, counted as read, and faulted.
// Source: gRPC PROTOCOL-HTTP2.md ("Delimited-Message").

import { Status } from '#sluice/grpc/status.js';

const PREFIX = 5;

export class FramingModel {
  /** Messages asked for and not delivered. */
  wanted = 0;
  /** Bytes that an asked-for message has covered. */
  consumed = 0;
  /** Where the next message begins. */
  private start = 0;
  private readonly bytes: number[] = [];
  isEnded = false;
  /** 0 while there is none. */
  fault: Status = Status.OK;
  hasEnded = false;
  isDestroyed = false;
  readonly messages: { readonly flag: number; readonly from: number; readonly length: number }[] =
    [];
  maxLength: number;

  constructor(maxLength: number) {
    this.maxLength = maxLength;
  }

  get isOver(): boolean {
    return this.isDestroyed || this.hasEnded || this.fault !== Status.OK;
  }

  get held(): number {
    return this.bytes.length - this.start;
  }

  get unread(): number {
    return this.isOver ? 0 : this.bytes.length - this.consumed;
  }

  /** Whether the message that is asked for has its prefix here; its length then, else 0. */
  get partialLength(): number {
    if (this.isOver || this.consumed - this.start < PREFIX) return 0;
    return this.lengthAt(this.start);
  }

  byteAt(at: number): number {
    return this.bytes[at] ?? 0;
  }

  push(chunk: Buffer): void {
    if (this.isEnded || this.isOver) return;
    for (const byte of chunk) this.bytes.push(byte);
  }

  /** The next message, if it is asked for and here: the caller then asks on as its sink does. */
  step(): boolean {
    if (this.isOver) return false;
    const here = this.bytes.length - this.start;
    if (this.wanted > 0) {
      const flag = this.byteAt(this.start);
      const length = this.lengthAt(this.start);
      if (here >= PREFIX) {
        this.consumed = Math.max(this.consumed, this.start + PREFIX);
        if (flag > 1) this.fault = Status.INTERNAL;
        else if (length > this.maxLength) this.fault = Status.RESOURCE_EXHAUSTED;
        if (this.isOver) return false;
        if (here >= PREFIX + length) {
          this.messages.push({ flag, from: this.start + PREFIX, length });
          this.start += PREFIX + length;
          this.consumed = this.start;
          this.wanted--;
          return true;
        }
      }
      this.consumed = this.bytes.length;
    }
    // An end between messages is told at once, one inside a message once that is asked for.
    if (this.isEnded && here === 0) this.hasEnded = true;
    else if (this.isEnded && this.consumed > this.start) this.fault = Status.INTERNAL;
    return false;
  }

  private lengthAt(at: number): number {
    let length = 0;
    for (let i = 1; i < PREFIX; i++) length = length * 256 + this.byteAt(at + i);
    return length;
  }
}
