// What a call keeps so that another attempt can send it, and the account of all such calls.
// Invariants: messages are held by reference and once, however many attempts send them; every byte
// charged to the account is given back by `clear`. gRFC A6 "Memory Management (Buffering)".
// Not here: what becomes of a call that outgrows it (retried-call.ts).

import { MAX_RETRY_BUFFER_BYTES, MESSAGE_CHARGE, REPLAY_BYTES } from '../../transport/limits.ts';
import { type MemoryBudget, memoryBudget } from '../../transport/memory-budget.ts';

/** Bytes that the calls of one channel keep for further attempts. */
export class RetryBufferAccount {
  private held: number;
  readonly maxBytes: number;
  private readonly budget: MemoryBudget;

  constructor(maxBytes: number = MAX_RETRY_BUFFER_BYTES, budget: MemoryBudget = memoryBudget) {
    this.held = 0;
    this.maxBytes = maxBytes;
    this.budget = budget;
  }

  /** May pass the limit by the last charge of each call. */
  get bytes(): number {
    return this.held;
  }

  set bytes(bytes: number) {
    this.budget.charge(bytes - this.held);
    this.held = bytes;
  }

  /** Calls that go on growing are not tried again; nor is any while the memory budget is near. */
  get isOver(): boolean {
    return this.held > this.maxBytes || this.budget.isNear;
  }
}

/** The request of one call, as far as it is known and somebody may have to send it. */
export class ReplayBuffer {
  /** Messages that came before those that are kept. */
  private base: number;
  private readonly messages: Uint8Array[];
  private bytes: number;
  /** For the call itself and a request that begins it: kept until one attempt is chosen. */
  private headBytes: number;
  private readonly account: RetryBufferAccount;

  constructor(account: RetryBufferAccount) {
    this.base = 0;
    this.messages = [];
    this.bytes = 0;
    this.headBytes = 0;
    this.account = account;
  }

  /** How many messages there were. */
  get end(): number {
    return this.base + this.messages.length;
  }

  get isEmpty(): boolean {
    return this.messages.length === 0;
  }

  /** Past what a call may keep, or all of them. */
  get isOver(): boolean {
    return this.bytes + this.headBytes > REPLAY_BYTES || this.account.isOver;
  }

  /** Charges what a call begins with; false when it is too much to be kept for long. */
  begin(bytes: number): boolean {
    this.headBytes = bytes;
    this.account.bytes += bytes;
    return !this.isOver;
  }

  /** Keeps a message; false when from now on it is too much. */
  add(message: Uint8Array): boolean {
    const bytes = message.length + MESSAGE_CHARGE;
    this.messages.push(message);
    this.bytes += bytes;
    this.account.bytes += bytes;
    return !this.isOver;
  }

  /** A message that is kept still. */
  at(index: number): Uint8Array | undefined {
    return this.messages[index - this.base];
  }

  /** What the call began with will not be sent again. */
  releaseHead(): void {
    this.account.bytes -= this.headBytes;
    this.headBytes = 0;
  }

  /** The messages before `index` will not be sent again. */
  releaseBefore(index: number): void {
    const released = this.messages.splice(0, index - this.base);
    if (released.length === 0) return;
    let bytes = 0;
    for (const message of released) bytes += message.length + MESSAGE_CHARGE;
    this.base += released.length;
    this.bytes -= bytes;
    this.account.bytes -= bytes;
  }

  /** Nothing is sent any more. */
  clear(): void {
    this.releaseHead();
    this.releaseBefore(this.end);
  }
}
