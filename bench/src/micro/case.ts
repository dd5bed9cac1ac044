// What a micro benchmark is and how one is timed: batches long enough for the clock, a warm-up that
// is thrown away, and the time per operation of each batch. Figures are of one function on one core
// in warm code; they explain an end-to-end figure and are never quoted for one.

export interface MicroCase {
  readonly name: string;
  /** What one operation is, for the report. */
  readonly measures: string;
  /** Does `operations` of them. A closure of its own state, made anew for each case. */
  readonly run: (operations: number) => void;
}

/** A batch lasts at least this long, so that the clock and the loop around it vanish. */
const BATCH_MS = 40;
const WARM_UP_MS = 200;
const BATCHES = 7;

function timeMs(run: (operations: number) => void, operations: number): number {
  const started = performance.now();
  run(operations);
  return performance.now() - started;
}

/** Nanoseconds per operation of each of seven batches. */
export function timeCase(micro: MicroCase): number[] {
  let operations = 16;
  const warmUntil = performance.now() + WARM_UP_MS;
  let batchMs = timeMs(micro.run, operations);
  while (batchMs < BATCH_MS || performance.now() < warmUntil) {
    if (batchMs < BATCH_MS) operations *= 2;
    batchMs = timeMs(micro.run, operations);
  }
  const figures: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    figures.push((timeMs(micro.run, operations) * 1e6) / operations);
  }
  return figures;
}
