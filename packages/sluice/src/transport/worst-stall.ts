// Of many calls the one that is worst off: what `explain()` of a channel or a server tells of them.
// Invariant: looks at each call once and keeps one of them. Not here: what a call waits for
// (stream-stall.ts, channel/), the words of a wait (stall.ts).

import { type StallReason, stallRank, stallText } from './stall.ts';

/** A call that can be asked. */
export interface AskedCall {
  readonly path: string;
  /** What it waits for; undefined for nothing. @param detail the kernel is asked as well */
  stall(detail: boolean): StallReason | undefined;
}

/** Keeps the gravest wait of those it is shown, and of equally grave ones the longest. */
export class WorstStall {
  /** Calls that were shown. */
  calls: number;
  /** Of the worst one: rank of its reason, and ms. */
  rank: number;
  forMs: number;
  private worst: AskedCall | undefined;

  constructor() {
    this.calls = 0;
    this.rank = -1;
    this.forMs = 0;
    this.worst = undefined;
  }

  show(call: AskedCall): void {
    this.calls += 1;
    const reason = call.stall(false);
    if (reason === undefined) return;
    const rank = stallRank(reason);
    if (rank < this.rank || (rank === this.rank && reason.forMs <= this.forMs)) return;
    this.rank = rank;
    this.forMs = reason.forMs;
    this.worst = call;
  }

  /** `<n> calls <where>; the one that waits most, <path>, waited ...`. */
  text(where: string): string {
    const { calls, worst } = this;
    const many = `${calls} ${calls === 1 ? 'call' : 'calls'} ${where}`;
    const reason = worst?.stall(true);
    if (worst === undefined || reason === undefined) return many;
    return calls === 1
      ? `${many}: ${worst.path} ${stallText(reason)}`
      : `${many}; the one worst off, ${worst.path}, ${stallText(reason)}`;
  }
}
