// Choosing among backends by weight, in constant time and evenly spread: the static stride scheduler.
// Invariants: each backend is due as often as its weight says, within one; the heaviest is due in
// every round, so that a choice ends within one round. gRFC A58, "scheduler". Pure.

/** A weight counts as no more than so many times the mean, and no less than that part of it. */
const MOST_TIMES_MEAN = 10;

/** Gives indices into a list of weights. Weights are fixed; make another one for others. */
export class StrideScheduler {
  /** Of the heaviest weight, over 0 to 1. */
  private readonly shares: Float64Array;
  /** What each has saved since it was last due; it is due at 1. */
  private readonly credits: Float64Array;
  private at: number;

  /**
   * @param weights one at least; 0 is an unknown one, which counts as the mean of the known
   * @param random where to start, for each backend, so that clients do not move in step
   */
  constructor(weights: readonly number[], random: () => number) {
    const known = weights.filter((weight) => weight > 0);
    const mean = known.reduce((sum, weight) => sum + weight, 0) / Math.max(1, known.length);
    const bounded = weights.map((weight) => {
      if (mean === 0) return 1;
      if (weight === 0) return mean;
      return Math.min(Math.max(weight, mean / MOST_TIMES_MEAN), mean * MOST_TIMES_MEAN);
    });
    const heaviest = Math.max(...bounded);
    this.shares = Float64Array.from(bounded, (weight) => weight / heaviest);
    this.credits = Float64Array.from(bounded, () => random());
    this.at = Math.floor(random() * weights.length);
  }

  /** The index that is due. */
  next(): number {
    const { shares, credits } = this;
    for (;;) {
      const at = this.at + 1 < shares.length ? this.at + 1 : 0;
      this.at = at;
      const credit = (credits[at] ?? 0) + (shares[at] ?? 1);
      if (credit >= 1) {
        credits[at] = credit - 1;
        return at;
      }
      credits[at] = credit;
    }
  }
}
