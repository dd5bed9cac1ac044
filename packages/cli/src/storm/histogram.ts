// Latencies in logarithmic buckets allocated once, so that recording a call allocates nothing.
// Invariant: a quantile is at most one bucket (2.2 %) away from the true value inside its range of
// 1 us to 1,000 s; values outside are counted in the outermost bucket.

const BUCKETS_PER_OCTAVE = 32;
const OCTAVES = 30;
const BUCKETS = BUCKETS_PER_OCTAVE * OCTAVES;

/** A latency histogram with a fixed size. */
export class Histogram {
  private readonly buckets: Float64Array;
  private total: number;

  constructor() {
    this.buckets = new Float64Array(BUCKETS);
    this.total = 0;
  }

  /** Number of values recorded. */
  get count(): number {
    return this.total;
  }

  /** Records one latency in milliseconds. */
  record(ms: number): void {
    const us = ms * 1000;
    let bucket = us > 1 ? Math.floor(Math.log2(us) * BUCKETS_PER_OCTAVE) : 0;
    if (bucket >= BUCKETS) bucket = BUCKETS - 1;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.total++;
  }

  /** The value in milliseconds that a share `q` (0 to 1) of the records does not pass; 0 if empty. */
  quantileMs(q: number): number {
    if (this.total === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.total));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket] ?? 0;
      if (seen >= rank) return 2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE) / 1000;
    }
    return 0;
  }

  reset(): void {
    this.buckets.fill(0);
    this.total = 0;
  }
}
