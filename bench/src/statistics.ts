// The arithmetic of a benchmark report: what several rounds of one side come to, and how two
// sides compare. Pure; knows nothing of processes or of what was measured.

/** What the rounds of one side came to, in the benchmark's unit. */
export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The middle value; for an even count the mean of the two in the middle. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return (upper + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2;
}

/** Least, middle and greatest of `values`, which must not be empty. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('summarize: no values');
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

/** The distance from least to greatest, as a part of the median: 0.1 means 10 %. */
export function spread(summary: Summary): number {
  return summary.median === 0 ? 0 : (summary.max - summary.min) / summary.median;
}

/** How much better `ours` is than `theirs`: above 1 is better, whichever way the unit points. */
export function ratio(ours: number, theirs: number, better: 'higher' | 'lower'): number | null {
  const [over, under] = better === 'higher' ? [ours, theirs] : [theirs, ours];
  return under > 0 && Number.isFinite(over) ? over / under : null;
}
