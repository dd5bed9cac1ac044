// Waiting times between connection attempts: gRPC's connection backoff protocol, 1 s growing by
// 1.6 to 120 s, with 20 % jitter. Invariant: pure; the random source is injected.

/** Milliseconds and factors; defaults are those of gRPC's connection-backoff.md. */
export interface BackoffOptions {
  /** First wait, ms; default 1,000. */
  readonly initialMs?: number;
  /** Longest wait, ms; default 120,000. */
  readonly maxMs?: number;
}

/** Milliseconds before the second attempt. */
export const INITIAL_BACKOFF_MS = 1_000;

const MULTIPLIER = 1.6;
const JITTER = 0.2;

/** Waits that grow until `reset`. */
export class Backoff {
  private readonly initialMs: number;
  private readonly maxMs: number;
  private readonly random: () => number;
  private current: number;

  constructor(options: BackoffOptions = {}, random: () => number = Math.random) {
    this.initialMs = options.initialMs ?? INITIAL_BACKOFF_MS;
    this.maxMs = options.maxMs ?? 120_000;
    this.random = random;
    this.current = this.initialMs;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const wait = Math.min(this.current, this.maxMs);
    this.current = Math.min(this.current * MULTIPLIER, this.maxMs);
    return wait * (1 + JITTER * (2 * this.random() - 1));
  }

  /** What was tried has succeeded. */
  reset(): void {
    this.current = this.initialMs;
  }
}
