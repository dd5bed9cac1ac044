// A server with a queue, and a client behind a limiter, in simulated time: calls take their turn in
// order at a rate, and some milliseconds of work beside that.

import type { Status as StatusCode } from '#sluice/grpc/status.js';
import { Status } from '#sluice/grpc/status.js';
import type { ConcurrencyLimiter } from '#sluice/transport/concurrency-limiter.js';

interface SimulatedCall {
  readonly startedMs: number;
  /** When it is answered; undefined while it waits its turn. */
  dueMs: number | undefined;
  code: StatusCode;
}

/** What became of the calls of one phase. */
export interface Outcome {
  /** Calls answered in a second. */
  readonly goodput: number;
  readonly p99Ms: number;
  readonly refused: number;
}

export class SimulatedServer {
  /** Calls that get their turn in a millisecond. */
  perMs: number;
  /** Milliseconds of work for a call, which any number may have at a time. */
  workMs: () => number;
  /** Calls that wait their turn before the server sheds. */
  mostWaiting: number;
  nowMs: number;
  private readonly limiter: ConcurrencyLimiter;
  private waiting: SimulatedCall[];
  private working: SimulatedCall[];
  private turns: number;
  private due: number;

  constructor(limiter: ConcurrencyLimiter, perMs: number, workMs: () => number) {
    this.perMs = perMs;
    this.workMs = workMs;
    this.mostWaiting = Number.POSITIVE_INFINITY;
    this.nowMs = 1_000;
    this.limiter = limiter;
    this.waiting = [];
    this.working = [];
    this.turns = 0;
    this.due = 0;
  }

  /** Offers so many calls a millisecond for so long. */
  run(ms: number, offeredPerMs: number): Outcome {
    const latencies: number[] = [];
    let refused = 0;
    for (let passed = 0; passed < ms; passed += 1) {
      this.nowMs += 1;
      this.answer(latencies);
      this.due += offeredPerMs;
      for (; this.due >= 1; this.due -= 1) if (!this.offer()) refused += 1;
      this.serve();
    }
    latencies.sort((a, b) => a - b);
    const p99Ms = latencies[Math.floor(latencies.length * 0.99)] ?? 0;
    return { goodput: (latencies.length * 1_000) / ms, p99Ms, refused };
  }

  private offer(): boolean {
    if (this.limiter.full) return false;
    this.limiter.admit();
    const call = { startedMs: this.nowMs, dueMs: undefined, code: Status.OK };
    if (this.waiting.length < this.mostWaiting) this.waiting.push(call);
    else this.working.push({ ...call, dueMs: this.nowMs, code: Status.RESOURCE_EXHAUSTED });
    return true;
  }

  private serve(): void {
    this.turns = Math.min(this.turns + this.perMs, Math.max(1, this.perMs));
    while (this.turns >= 1) {
      this.turns -= 1;
      const call = this.waiting.shift();
      if (call === undefined) return;
      call.dueMs = this.nowMs + this.workMs();
      this.working.push(call);
    }
  }

  private answer(latencies: number[]): void {
    const done = this.working.filter(({ dueMs }) => dueMs !== undefined && dueMs < this.nowMs);
    if (done.length === 0) return;
    this.working = this.working.filter((call) => !done.includes(call));
    for (const { startedMs, code } of done) {
      this.limiter.answer(startedMs, this.nowMs, code);
      if (code === Status.OK) latencies.push(this.nowMs - startedMs);
    }
  }
}
