// The open loop itself: slice after slice of what the clock says is due, until the time is over.
// Invariant: the event loop turns between two slices, so that the runtime under test can work.
// Not here: what is due (credit.ts), what is issued (load.ts, stream-load.ts).

import { Credit } from './credit.ts';

/**
 * Calls `slice` once a turn of the event loop for `seconds`, with the credit of `rate` a second.
 * Resolves to the seconds it took, which are more if the event loop was held past the end.
 */
export function offerOpenLoop(
  now: () => number,
  rate: number,
  seconds: number,
  slice: (credit: Credit, nowMs: number) => void,
): Promise<number> {
  const startedMs = now();
  const endMs = startedMs + seconds * 1000;
  const credit = new Credit(rate, startedMs);
  return new Promise((resolve) => {
    const turn = (): void => {
      const nowMs = now();
      if (nowMs >= endMs) {
        resolve((nowMs - startedMs) / 1000);
        return;
      }
      slice(credit, nowMs);
      setImmediate(turn);
    };
    turn();
  });
}
