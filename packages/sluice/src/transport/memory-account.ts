// What one connection holds, as the memory budget counts it, and whether it is held back.
// Invariants: `posted` is what the budget counts for it, brought up to date at the end of each turn
// and each chunk, and before anything large is taken; in between the queue may grow by QUEUE_LEASE
// and no further, which costs one comparison for a message.
// Not here: levels and shares (memory-budget.ts), the sum itself (connection.ts).

import type { ControlBuffer } from './control-buffer.ts';
import { QUEUE_LEASE } from './limits.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** The connection whose account this is. Methods must not throw. */
export interface MemoryHolder {
  /** Bytes held now. */
  heldBytes(): number;
  /** Bytes written for calls and bytes read by them, since the connection began. */
  readonly progressBytes: number;
  /** It is held back from now on, or no more. */
  onConstrained(isConstrained: boolean): void;
  /** There is room for what was refused. */
  onRoom(): void;
  /** Ends calls, those that hold most first, until about so many bytes are free; answers how many. */
  shed(bytes: number): number;
  /** It held too much for too long and is closed. */
  onEvicted(reason: string): void;
}

/** Bytes of progress per second that are none. */
const LEAST_PROGRESS = 1_024;

export class MemoryAccount {
  /** Bytes, as the budget counts them. */
  posted: number;
  isConstrained: boolean;
  /** Bytes that handlers which run will likely answer with. */
  private reserved: number;
  readonly budget: MemoryBudget;
  private readonly holder: MemoryHolder;
  private readonly buffer: ControlBuffer;
  /** Of the last time that there was progress. */
  private progressAt: number;
  private progressMs: number;
  private closed: boolean;

  constructor(budget: MemoryBudget, holder: MemoryHolder, buffer: ControlBuffer) {
    this.posted = 0;
    this.isConstrained = false;
    this.reserved = 0;
    this.budget = budget;
    this.holder = holder;
    this.buffer = buffer;
    this.progressAt = 0;
    this.progressMs = -1;
    this.closed = false;
    budget.open(this);
  }

  /** Brings the budget up to date. */
  update(): void {
    if (this.closed) return;
    const held = this.holder.heldBytes();
    if (held !== this.posted) this.post(held);
    if (!this.isConstrained) this.buffer.lease = this.buffer.bytes + QUEUE_LEASE;
  }

  private post(held: number): void {
    const delta = held - this.posted;
    this.posted = held;
    this.budget.post(this, delta);
  }

  /** Whether so many bytes more may be queued; asked where they would pass the lease. */
  admits(bytes: number): boolean {
    if (this.closed) return true;
    const held = this.holder.heldBytes();
    if (held !== this.posted) this.post(held);
    if (this.isConstrained) return held + bytes <= this.budget.shareBytes;
    return this.budget.admits(held, bytes);
  }

  /** Whether a handler may run that will likely answer with so many bytes. */
  admitsHandler(bytes: number): boolean {
    if (this.isConstrained) return false;
    return bytes === 0 || this.budget.admitsHandler(this.posted + this.reserved, bytes);
  }

  /** Such a handler runs; with a negative number of bytes, it has answered. */
  reserve(bytes: number): void {
    if (this.closed) return;
    this.reserved += bytes;
    this.budget.reservedBytes += bytes;
  }

  /** Counts a refusal, and asks to be told of room. */
  noteRefusal(): void {
    this.budget.refused += 1;
    if (!this.closed) this.budget.awaitRoom(this);
  }

  /** What the limit is and how it stands, for refusals. */
  describe(): string {
    const { budget, posted } = this;
    const share = Math.floor(budget.shareBytes);
    return `the memory-budget limit: ${budget.usedBytes} of ${budget.limitBytes} bytes are held by the connections of this process, ${posted} by this one, whose share is ${share}`;
  }

  /** Told by the budget. */
  constrain(isConstrained: boolean): void {
    this.isConstrained = isConstrained;
    this.progressMs = -1;
    this.buffer.lease = isConstrained ? -1 : this.buffer.bytes + QUEUE_LEASE;
    this.holder.onConstrained(isConstrained);
  }

  /** Told by the budget. */
  onRoom(): void {
    this.holder.onRoom();
  }

  /** Milliseconds for which there has been no progress, as far as the budget has looked. */
  stalledMs(nowMs: number): number {
    const progress = this.holder.progressBytes;
    const least = ((nowMs - this.progressMs) * LEAST_PROGRESS) / 1_000;
    if (this.progressMs < 0 || progress - this.progressAt > least) {
      this.progressAt = progress;
      this.progressMs = nowMs;
    }
    return nowMs - this.progressMs;
  }

  /** Told by the budget: ends calls that hold so much; answers how many bytes were freed. */
  shed(bytes: number): number {
    const before = this.posted;
    this.budget.endedCalls += this.holder.shed(bytes);
    this.update();
    return before - this.posted;
  }

  /** Told by the budget. */
  evict(stalledMs: number): void {
    const seconds = stalledMs / 1_000;
    this.holder.onEvicted(
      `memory-budget: this connection holds ${this.posted} bytes, above its share of ${Math.floor(this.budget.shareBytes)}, and made no progress for ${seconds} s`,
    );
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.isConstrained = false;
    this.budget.reservedBytes -= this.reserved;
    this.reserved = 0;
    this.budget.close(this);
    this.posted = 0;
  }
}
