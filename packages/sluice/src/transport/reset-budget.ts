// Tells abuse from use by a ratio: resets that come before their call ended are paid for by calls
// that completed. Two of a kind: of resets by the peer (CVE-2023-44487 rapid reset), and of those
// that its faults make us send (CVE-2025-8671 MadeYouReset).
// Invariant: a peer that lets its calls finish can cancel as many again, at any rate, for ever; one
// that only resets gets `allowed`. Completed calls save up to MAX_EARNED_RESETS, for the day when a
// thousand deadlines pass at once.

import { MAX_EARNED_RESETS } from './limits.ts';

export class ResetBudget {
  /** Resets without a completed call to pay for them. */
  readonly allowed: number;
  private left: number;

  constructor(allowed: number) {
    this.allowed = allowed;
    this.left = allowed;
  }

  /** A stream was reset before its call ended. False when the budget is used up. */
  take(): boolean {
    this.left -= 1;
    return this.left >= 0;
  }

  /** A call completed. */
  completed(): void {
    if (this.left < MAX_EARNED_RESETS) this.left += 1;
  }

  /** How many of `allowed` are used: 0 while completed calls have paid for all. */
  get used(): number {
    return Math.max(0, this.allowed - this.left);
  }
}
