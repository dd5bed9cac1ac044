// The generator of unary calls: open loop (by the clock, whatever the runtime does) and closed loop
// (so many calls in flight), with the counts of how each call ended. Invariant: every issued call is counted
// once as offered and, when its end is told, once as finished or refused; nothing is kept per call.

import type { Credit } from './credit.ts';
import { Histogram } from './histogram.ts';
import { offerOpenLoop } from './open-loop.ts';
import type { Counts } from './protocol.ts';
import type { CallSink, ClientRuntime } from './runtime.ts';
import { OK, RESOURCE_EXHAUSTED, STATUS_NAMES } from './status-name.ts';

/**
 * Calls issued before the event loop turns again: 10 ms of the default rate. A slice is not cut by
 * time: callers beyond capacity do not wait for a runtime to find the time for them.
 */
const SLICE_CALLS = 1000;

/** Characters kept of a call's details: enough to name the cause. */
const DETAILS_KEPT = 200;

const REFUSAL_HEAD = 'refused by the ';
const REFUSAL_TAIL = ' limit';

/** The limit a refusal's details name, or `unnamed`. */
export function limitNamedBy(details: string): string {
  if (!details.startsWith(REFUSAL_HEAD)) return 'unnamed';
  const end = details.indexOf(REFUSAL_TAIL, REFUSAL_HEAD.length);
  return end > REFUSAL_HEAD.length ? details.slice(REFUSAL_HEAD.length, end) : 'unnamed';
}

/** Offers work to one runtime and counts what became of it. */
export interface Generator {
  /** What was taken on and has not ended. */
  readonly inFlight: number;
  readonly okCalls: number;
  readonly offeredCalls: number;
  counts(): Counts;
  reset(): void;
  /** Forgets the latencies only. */
  lap(): void;
  openLoop(rate: number, seconds: number, timeoutMs: number): Promise<number>;
  startReplacing(inFlight: number): void;
  stopReplacing(): void;
}

/** Issues calls on one runtime and counts their ends. */
export class Load implements CallSink, Generator {
  private readonly runtime: ClientRuntime;
  private readonly payload: Buffer;
  private readonly now: () => number;
  private readonly latencies: Histogram;
  private readonly refusedBy: Map<string, number>;
  private readonly statuses: number[];
  private readonly firstDetails: string[];
  private offered: number;
  private finished: number;
  private ok: number;
  private refused: number;
  /** True while each end starts the next call. */
  private replaces: boolean;

  /** @param now milliseconds, monotonic */
  constructor(runtime: ClientRuntime, payload: Buffer, now: () => number) {
    this.runtime = runtime;
    this.payload = payload;
    this.now = now;
    this.latencies = new Histogram();
    this.refusedBy = new Map();
    this.statuses = STATUS_NAMES.map(() => 0);
    this.firstDetails = STATUS_NAMES.map(() => '');
    this.offered = 0;
    this.finished = 0;
    this.ok = 0;
    this.refused = 0;
    this.replaces = false;
  }

  /** Calls issued whose end was not told. */
  get inFlight(): number {
    return this.offered - this.finished - this.refused;
  }

  /** Accepted calls that ended OK. */
  get okCalls(): number {
    return this.ok;
  }

  /** All calls issued. */
  get offeredCalls(): number {
    return this.offered;
  }

  ended(startedMs: number, code: number, details: string): void {
    const before = this.statuses[code] ?? 0;
    if (before === 0) this.firstDetails[code] = details.slice(0, DETAILS_KEPT);
    this.statuses[code] = before + 1;
    if (code === OK) {
      this.ok++;
      this.finished++;
      this.latencies.record(this.now() - startedMs);
    } else if (code === RESOURCE_EXHAUSTED) {
      this.refused++;
      const limit = limitNamedBy(details);
      this.refusedBy.set(limit, (this.refusedBy.get(limit) ?? 0) + 1);
    } else {
      this.finished++;
    }
    if (!this.replaces) return;
    // A refusal comes at once: replaced at once as well, it would never let the event loop turn.
    if (code === RESOURCE_EXHAUSTED) setImmediate(() => this.issue(0));
    else this.issue(0);
  }

  /** Forgets the counts; calls in flight are to be drained before. */
  reset(): void {
    this.latencies.reset();
    this.refusedBy.clear();
    this.statuses.fill(0);
    this.firstDetails.fill('');
    this.offered = 0;
    this.finished = 0;
    this.ok = 0;
    this.refused = 0;
  }

  lap(): void {
    this.latencies.reset();
  }

  counts(): Counts {
    return {
      offered: this.offered,
      heldBack: 0,
      finished: this.finished,
      ok: this.ok,
      refused: this.refused,
      refusedBy: Object.fromEntries(this.refusedBy),
      statuses: [...this.statuses],
      firstDetails: [...this.firstDetails],
      p50Ms: this.latencies.quantileMs(0.5),
      p99Ms: this.latencies.quantileMs(0.99),
      messageP50Ms: null,
      messageP99Ms: null,
      beside: null,
    };
  }

  /**
   * Offers `rate` calls per second for `seconds` and resolves to the seconds it took, which are
   * more if the runtime held the event loop past the end.
   */
  openLoop(rate: number, seconds: number, timeoutMs: number): Promise<number> {
    return offerOpenLoop(this.now, rate, seconds, (credit, nowMs) =>
      this.slice(credit, nowMs, timeoutMs),
    );
  }

  /** Starts `inFlight` calls, each end starting the next, until `stopReplacing`. */
  startReplacing(inFlight: number): void {
    this.replaces = true;
    for (let call = 0; call < inFlight; call++) this.issue(0);
  }

  stopReplacing(): void {
    this.replaces = false;
  }

  private slice(credit: Credit, nowMs: number, timeoutMs: number): void {
    const due = credit.due(nowMs, SLICE_CALLS);
    for (let call = 0; call < due; call++) this.issue(timeoutMs);
    credit.issued(due);
  }

  private issue(timeoutMs: number): void {
    this.offered++;
    this.runtime.call(this.payload, this.now(), timeoutMs, this);
  }
}
