// Latencies of a good client's calls: few enough to keep each of them.
// Invariant: a quantile is a latency that was measured.

export class Latencies {
  readonly all: number[] = [];

  record(ms: number): void {
    this.all.push(ms);
  }

  /** The least latency that a share `q` does not pass; 0 without any. */
  quantile(q: number): number {
    const sorted = this.all.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  }
}
