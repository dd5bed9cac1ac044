// The memory that all connections of this isolate may hold together, client and server, both ways.
// Invariants: `usedBytes` is the sum of what the accounts posted last (memory-account.ts) and of what
// was charged besides; near the limit windows stop growing, then only accounts above their fair share
// are held back, then no new connection is taken; one below its share never loses anything.
// Not here: what a connection holds (connection.ts), what being held back means (its places).

import { totalmem } from 'node:os';
import { LikelyResponses } from './likely-responses.ts';
import type { MemoryAccount } from './memory-account.ts';
import { processWheel, type TimerWheel, type WheelTimer } from './timer-wheel.ts';

const MIB = 1024 * 1024;

/** Bytes of the default limit, at the least: below it a handful of connections would be held back. */
const LEAST_DEFAULT = 64 * MIB;

/** Part of the memory that this process may have which is the default limit. */
const DEFAULT_PART = 4;

/** Part of the limit from which on no window grows. */
const NEAR = 0.75;

/** Part of the limit from which on accounts above their share are held back. */
const SHORT = 0.9;

/** And below which they are not any more: not at once, or each byte would toggle it. */
const RELIEVED = 0.85;

/** Part of an account's share below which it is held back no more, for the same reason. */
const RELIEVED_SHARE = 0.875;

/** Part of the limit that windows of connections may take beyond their first size. */
const WINDOW_PART = 0.25;

/** Milliseconds between looks at who is held back and makes no progress. */
const WATCH_MS = 250;

/** The same while more is held than may be. */
const OVER_MS = 25;

/** Milliseconds without progress after which an account that is held back is closed. */
const STALLED_MS = 10_000;

/** The same while all of the budget is taken. */
const STALLED_WHEN_FULL_MS = 1_000;

/** What the budget is asked about itself, for stats and for error texts. */
export interface MemoryReading {
  readonly limitBytes: number;
  readonly usedBytes: number;
  /** Connections in the account. */
  readonly connections: number;
  /** Bytes that each of them may hold whatever the others do. */
  readonly shareBytes: number;
  /** Calls and messages refused. */
  readonly refused: number;
  /** Connections that were not taken, or not made. */
  readonly refusedConnections: number;
  /** Calls of connections above their share that were ended to make room. */
  readonly endedCalls: number;
  /** Connections closed because they held too much and made no progress. */
  readonly closedConnections: number;
}

/**
 * The memory of all connections of this process, or of this worker thread. One object,
 * `memoryBudget`; what it bounds is said in docs/limits.md, "Memory".
 */
export class MemoryBudget implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  /** Bytes held now. */
  usedBytes: number;
  /** Calls and messages refused for want of memory. */
  refused: number;
  /** Connections that were not taken, or not made, for want of memory. */
  refusedConnections: number;
  /** Calls that were ended to make room for connections below their share. */
  endedCalls: number;
  /** Connections closed because they held more than their share and made no progress. */
  closedConnections: number;
  /** Bytes that handlers which run will likely answer with. */
  reservedBytes: number;
  readonly likelyResponses: LikelyResponses;
  /** Bytes by which windows of connections have grown. */
  private windowBytes: number;
  /** Accounts above their share are held back. */
  private short: boolean;
  private limit: number;
  /** When the timer last looked, ms. */
  private lookedMs: number;
  private readonly wheel: TimerWheel;
  private readonly accounts: Set<MemoryAccount>;
  private readonly constrained: Set<MemoryAccount>;
  // Refused something, and to be told when there is room again.
  private readonly waiting: Set<MemoryAccount>;

  /** @param limitBytes bytes; as `limitBytes` takes them */
  constructor(limitBytes: number, wheel: TimerWheel) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.usedBytes = 0;
    this.refused = 0;
    this.refusedConnections = 0;
    this.endedCalls = 0;
    this.closedConnections = 0;
    this.reservedBytes = 0;
    this.likelyResponses = new LikelyResponses();
    this.windowBytes = 0;
    this.short = false;
    this.limit = checked(limitBytes);
    this.lookedMs = Number.NEGATIVE_INFINITY;
    this.wheel = wheel;
    this.accounts = new Set();
    this.constrained = new Set();
    this.waiting = new Set();
  }

  /**
   * Bytes that all connections together may hold; default a quarter of the memory that this process
   * may have (its cgroup's limit, or the machine's memory), at least 64 MiB. May change at any time.
   * @throws RangeError for what is no integer of at least 1 MiB, or Infinity
   */
  get limitBytes(): number {
    return this.limit;
  }

  set limitBytes(bytes: number) {
    this.limit = checked(bytes);
    this.settle();
  }

  /** Connections in the account. */
  get connections(): number {
    return this.accounts.size;
  }

  /** Bytes that each connection may hold whatever the others do. */
  get shareBytes(): number {
    return this.limit / Math.max(1, this.accounts.size);
  }

  /** Windows do not grow now. */
  get isNear(): boolean {
    return this.usedBytes >= this.limit * NEAR;
  }

  /** Connections above their share are held back now. */
  get isShort(): boolean {
    return this.short;
  }

  /** All of it is taken: no new connections now. */
  get isFull(): boolean {
    return this.usedBytes >= this.limit;
  }

  reading(): MemoryReading {
    return {
      limitBytes: this.limit,
      usedBytes: this.usedBytes,
      connections: this.connections,
      shareBytes: Math.floor(this.shareBytes),
      refused: this.refused,
      refusedConnections: this.refusedConnections,
      endedCalls: this.endedCalls,
      closedConnections: this.closedConnections,
    };
  }

  /** Whether a new connection may be taken or made; counts it where not. */
  takesConnection(): boolean {
    if (!this.isFull) return true;
    this.refusedConnections += 1;
    return false;
  }

  /** Why none is, for GOAWAY and for the failure of an attempt. */
  get fullText(): string {
    return `memory-budget: ${this.usedBytes} of ${this.limit} bytes are held by the connections of this process`;
  }

  // Accounts.

  open(account: MemoryAccount): void {
    this.accounts.add(account);
  }

  close(account: MemoryAccount): void {
    this.accounts.delete(account);
    this.constrained.delete(account);
    this.waiting.delete(account);
    this.usedBytes -= account.posted;
    this.settle();
  }

  /** An account has changed by so many bytes. */
  post(account: MemoryAccount, delta: number): void {
    this.usedBytes += delta;
    if (this.short || this.usedBytes >= this.limit * SHORT) this.settleOne(account);
  }

  /** Bytes held by what is no connection: calls that wait, messages kept for a retry. */
  charge(delta: number): void {
    this.usedBytes += delta;
    this.settle();
  }

  /** Whether an account that holds `held` bytes may hold `bytes` more. */
  admits(held: number, bytes: number): boolean {
    if (this.usedBytes < this.limit * NEAR) return true;
    if (this.usedBytes + bytes < this.limit * SHORT) return true;
    if (held + bytes > this.shareBytes) return false;
    if (this.usedBytes + bytes > this.limit) this.makeRoom(this.usedBytes + bytes - this.limit);
    return true;
  }

  /** Whether a handler may run that will likely answer with so many bytes. */
  admitsHandler(held: number, bytes: number): boolean {
    // Earlier than for messages: what handlers have made lives on until it is collected.
    if (this.usedBytes + this.reservedBytes + bytes < this.limit * NEAR) return true;
    return held + bytes <= this.shareBytes;
  }

  // Whoever took more than its share before others came has to give it back, the largest first: no
  // other rule leaves those below their share what is theirs and keeps the sum within the limit.
  private makeRoom(bytes: number): void {
    const share = this.shareBytes;
    const largest = [...this.constrained].sort((a, b) => b.posted - a.posted);
    for (const account of largest) {
      if (bytes <= 0) return;
      const over = Math.ceil(account.posted - share);
      // Calls end whole, and one that has nothing left to give may be the largest.
      if (over > 0) bytes -= account.shed(Math.min(bytes, over));
    }
  }

  /** Tells the account when there is room again. */
  awaitRoom(account: MemoryAccount): void {
    this.waiting.add(account);
    this.watch();
  }

  /** How much of `bytes` the window of a connection may grow by. */
  takeWindow(bytes: number): number {
    if (this.isNear) return 0;
    const room = Math.max(0, Math.floor(this.limit * WINDOW_PART) - this.windowBytes);
    const taken = Math.min(bytes, room);
    this.windowBytes += taken;
    return taken;
  }

  giveWindow(bytes: number): void {
    this.windowBytes -= bytes;
  }

  // Levels.

  private settle(): void {
    if (!this.short) {
      if (this.usedBytes < this.limit * SHORT) return;
      this.short = true;
      for (const account of this.accounts) this.judge(account);
      this.watch();
    } else if (this.usedBytes < this.limit * RELIEVED) {
      this.relieve();
    }
  }

  private settleOne(account: MemoryAccount): void {
    this.settle();
    if (this.short) this.judge(account);
    if (this.usedBytes > this.limit) this.watch();
  }

  private judge(account: MemoryAccount): void {
    const share = this.shareBytes;
    if (account.isConstrained) {
      if (account.posted > share * RELIEVED_SHARE) return;
      this.constrained.delete(account);
      account.constrain(false);
    } else if (account.posted > share) {
      this.constrained.add(account);
      account.constrain(true);
    }
  }

  private relieve(): void {
    this.short = false;
    this.wheel.remove(this);
    const relieved = [...this.constrained];
    this.constrained.clear();
    for (const account of relieved) account.constrain(false);
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const account of waiting) account.onRoom();
  }

  // Room is made at once where one below its share needs it; else from the timer, since whoever
  // posts is in the middle of something.
  private watch(): void {
    const wait = this.usedBytes > this.limit ? OVER_MS : WATCH_MS;
    const due = Math.max(this.wheel.now(), this.lookedMs + wait);
    if (this.wheelSlot < 0 || this.wheelDeadline > due) this.wheel.add(this, due);
  }

  /** Who is held back, makes no progress and still stands in the way of others is closed. */
  onTimer(): void {
    const now = this.wheel.now();
    this.lookedMs = now;
    for (const account of [...this.accounts]) {
      // Shares change as connections come and go.
      if (this.short) this.judge(account);
    }
    if (this.usedBytes > this.limit) this.makeRoom(this.usedBytes - this.limit);
    const patience = this.isFull ? STALLED_WHEN_FULL_MS : STALLED_MS;
    const stalled: MemoryAccount[] = [];
    for (const account of this.constrained) {
      if (account.stalledMs(now) >= patience) stalled.push(account);
    }
    stalled.sort((a, b) => b.posted - a.posted);
    for (const account of stalled) {
      if (!this.short) break;
      this.closedConnections += 1;
      account.evict(patience);
    }
    // What was refused while the budget was not short waits for its level to fall.
    if (!this.short && this.waiting.size > 0 && this.usedBytes < this.limit * NEAR) this.relieve();
    if (!this.isFull) for (const account of [...this.constrained]) account.onRoom();
    if (this.short || this.waiting.size > 0) this.watch();
  }
}

function checked(bytes: number): number {
  const isCount = typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= MIB;
  if (isCount || bytes === Number.POSITIVE_INFINITY) return bytes;
  throw new RangeError(
    `memoryBudget.limitBytes is ${String(bytes)}; it must be an integer of at least ${MIB} (1 MiB), or Infinity for no limit`,
  );
}

/** Bytes of the limit that nobody has set. */
function defaultLimit(): number {
  const machine = totalmem();
  // 0, or more than any machine has, where no cgroup sets a limit.
  const allowed = process.constrainedMemory?.() ?? 0;
  const memory = allowed > 0 && allowed < machine ? allowed : machine;
  return Math.max(LEAST_DEFAULT, Math.floor(memory / DEFAULT_PART));
}

/**
 * The budget of this process; of a worker thread, its own. `memoryBudget.limitBytes` sets it, at any
 * time; `memoryBudget.usedBytes` says how much of it is taken.
 */
export const memoryBudget: MemoryBudget = /* @__PURE__ */ new MemoryBudget(
  /* @__PURE__ */ defaultLimit(),
  processWheel,
);
