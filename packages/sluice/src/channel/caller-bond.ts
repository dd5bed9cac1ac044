// What ties a call, of one attempt or of several, to whoever made it: the signal and the parent call,
// either of which may end it at any time.
// Invariant: nothing is called after `release`. Not here: what an end means to the call (call.ts).

import { listenToAbort } from './abort-signal.ts';
import type { CallOptions, ChildCall } from './call-options.ts';
import { SIGNAL_ABORTED } from './caller-callbacks.ts';

/** A call that can be ended from outside. */
export interface BondedCall {
  readonly isEnded: boolean;
  cancel(details: string): void;
  /** The call that this one is made for is over for its caller. */
  onParentCancelled(reason: string): void;
}

/** The bond of one call. */
export class CallerBond {
  private readonly options: CallOptions;
  private readonly call: BondedCall;
  private child: ChildCall | undefined;
  private onAbort: (() => void) | undefined;

  constructor(options: CallOptions, call: BondedCall) {
    this.options = options;
    this.call = call;
    this.child = undefined;
    this.onAbort = undefined;
  }

  /** Whole milliseconds until the parent's caller stops waiting; Infinity for never. */
  get parentMs(): number {
    const deadline = this.options.parent?.deadline;
    if (deadline === undefined) return Number.POSITIVE_INFINITY;
    // A deadline is made from this clock, which does not jump when the time of day is set.
    return Math.ceil(deadline.getTime() - (performance.timeOrigin + performance.now()));
  }

  /** Listens from now on; the call may be ended at once. */
  tie(): void {
    const { signal, parent } = this.options;
    const { call } = this;
    if (parent !== undefined) {
      this.child = { cancel: (reason) => call.onParentCancelled(reason) };
      parent.follow(this.child);
    }
    if (signal === undefined || call.isEnded) return;
    if (signal.aborted) {
      call.cancel(`${SIGNAL_ABORTED} before the call`);
      return;
    }
    this.onAbort = () => call.cancel(SIGNAL_ABORTED);
    listenToAbort(signal, this.onAbort);
  }

  release(): void {
    const { signal, parent } = this.options;
    if (this.onAbort !== undefined) signal?.removeEventListener('abort', this.onAbort);
    if (this.child !== undefined) parent?.unfollow(this.child);
  }
}
