// How fast a measured quantity grows: the Theil-Sen slope (the median of the slopes between all
// pairs of samples) and Sen's 95 % interval of it, from the variance of Kendall's tau.
// Chosen over least squares because a few samples that were taken at a bad moment move neither.
// Invariant: pure. The interval takes samples as independent of each other.

/** A sample: when, in seconds, and how much. */
export interface Sample {
  readonly atSeconds: number;
  readonly value: number;
}

/** In units of the value per hour. */
export interface Fit {
  readonly slope: number;
  readonly low: number;
  readonly high: number;
  /** Half the width of the interval. */
  readonly confidence: number;
  readonly samples: number;
}

/** Of the normal distribution, two-sided. */
const Z_95 = 1.96;

/** More are thinned out: the pairs grow with the square. */
const MOST_SAMPLES = 800;

/** NaN for no values; of an even count the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return (upper + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2;
}

function thinned(samples: readonly Sample[]): readonly Sample[] {
  const group = Math.ceil(samples.length / MOST_SAMPLES);
  if (group <= 1) return samples;
  const groups: Sample[] = [];
  for (let at = 0; at < samples.length; at += group) {
    const part = samples.slice(at, at + group);
    groups.push({
      atSeconds: median(part.map(({ atSeconds }) => atSeconds)),
      value: median(part.map(({ value }) => value)),
    });
  }
  return groups;
}

/** Of fewer than three samples the interval is without end. */
export function fitOf(given: readonly Sample[]): Fit {
  const samples = thinned(given);
  const n = samples.length;
  const slopes: number[] = [];
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const [a, b] = [samples[i], samples[j]];
      if (a === undefined || b === undefined || a.atSeconds === b.atSeconds) continue;
      slopes.push((3_600 * (b.value - a.value)) / (b.atSeconds - a.atSeconds));
    }
  }
  if (n < 3 || slopes.length === 0) {
    const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    return { slope: slopes[0] ?? 0, low, high, confidence: high, samples: n };
  }
  slopes.sort((a, b) => a - b);
  const spread = Z_95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const last = slopes.length - 1;
  const lowAt = Math.max(0, Math.floor((slopes.length - spread) / 2));
  const highAt = Math.min(last, Math.ceil((slopes.length + spread) / 2));
  const low = slopes[lowAt] ?? 0;
  const high = slopes[highAt] ?? 0;
  return { slope: median(slopes), low, high, confidence: (high - low) / 2, samples: n };
}
