// Tells abuse from use by a ratio: resets that come before their call ended are paid for by calls
// that completed (CVE-2023-44487 rapid reset, CVE-2025-8671 MadeYouReset).
// Invariant: a peer that lets its calls finish can cancel as many again, at any rate, for ever; one
// that only resets gets MAX_PREMATURE_RESETS. Completed calls save up to MAX_EARNED_RESETS, for the
// day when a thousand deadlines pass at once.

import { MAX_EARNED_RESETS, MAX_PREMATURE_RESETS } from './limits.ts';

export class ResetBudget {
  private left: number;

  constructor() {
    this.left = MAX_PREMATURE_RESETS;
  }

  /** A stream was reset before its call ended. False when the budget is used up. */
  take(): boolean {
    this.left -= 1;
    return this.left >= 0;
  }

  /** A call completed. */
  completed(): void {
    this.left = Math.min(MAX_EARNED_RESETS, this.left + 1);
  }
}
