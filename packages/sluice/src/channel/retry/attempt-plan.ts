// When a call is tried again: the one plan behind retries and hedging, made from a method's policy.
// Invariant: stateless, so that calls may share a plan; the random source is given.
// gRFC A6 "Exponential Backoff", "Hedging Policy". Not here: carrying it out (retried-call.ts).

import type { ResolvedMethodConfig } from '../method-configs.ts';

/** How many attempts a call has, and when each begins. */
export interface AttemptPlan {
  /** The first included. */
  readonly maxAttempts: number;
  /** Milliseconds from one attempt to the next while none has failed; Infinity for never. */
  readonly spacingMs: number;
  /** Codes that another attempt may follow; any other ends the call. */
  readonly codes: ReadonlySet<number>;
  /**
   * Milliseconds from a failure to the attempt it leads to.
   * @param backoffs how many such delays there were before, since the server last named one
   */
  delayMs(backoffs: number, random: () => number): number;
}

/** Part of a backoff that chance adds or takes, since the amendment of gRFC A6 in 2024. */
const JITTER = 0.2;

/** What calls make of their method's policy; without one they have a single attempt. */
export function planOf(config: ResolvedMethodConfig): AttemptPlan {
  const { retry, hedging } = config;
  if (retry !== undefined) {
    const { maxAttempts, codes, initialBackoffMs, maxBackoffMs, multiplier } = retry;
    return {
      maxAttempts,
      spacingMs: Number.POSITIVE_INFINITY,
      codes,
      delayMs(backoffs, random) {
        const backoffMs = Math.min(initialBackoffMs * multiplier ** backoffs, maxBackoffMs);
        return backoffMs * (1 + JITTER * (2 * random() - 1));
      },
    };
  }
  if (hedging === undefined) return SINGLE_ATTEMPT;
  const { maxAttempts, nonFatal, delayMs } = hedging;
  return { maxAttempts, spacingMs: delayMs, codes: nonFatal, delayMs: atOnce };
}

function atOnce(): number {
  return 0;
}

/** Of a method whose policy is gone since the call was begun. */
export const SINGLE_ATTEMPT: AttemptPlan = {
  maxAttempts: 1,
  spacingMs: Number.POSITIVE_INFINITY,
  codes: new Set(),
  delayMs: atOnce,
};
