// The token bucket that turns retries and hedges off while a backend fails more than it should.
// Invariant: 0 <= tokens <= maxTokens. gRFC A6 "Throttling Retry Attempts and Hedged RPCs".
// Only attempts of calls with a policy count: a call without one costs nothing here, and the bucket
// fills more slowly than gRFC A6 has it, so it errs towards fewer retries.

/** One for all calls of a channel that may be tried again. */
export class RetryThrottle {
  readonly maxTokens: number;
  readonly tokenRatio: number;
  private tokens: number;

  /**
   * @param tokenRatio tokens that a success gives back
   * @param previous the bucket before a change of config: this one is as full
   */
  constructor(maxTokens: number, tokenRatio: number, previous?: RetryThrottle) {
    this.maxTokens = maxTokens;
    this.tokenRatio = tokenRatio;
    this.tokens = previous === undefined ? maxTokens : maxTokens * previous.fullness;
  }

  /** 0 to 1. */
  get fullness(): number {
    return this.tokens / this.maxTokens;
  }

  /** Whether calls may be tried again. */
  get allows(): boolean {
    return this.tokens > this.maxTokens / 2;
  }

  /** An attempt ended with OK. */
  onSuccess(): void {
    this.tokens = Math.min(this.maxTokens, this.tokens + this.tokenRatio);
  }

  /** An attempt failed with a code that is tried again, or the server asked for no more. */
  onFailure(): void {
    this.tokens = Math.max(0, this.tokens - 1);
  }
}
