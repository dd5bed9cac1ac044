// How fast a stream came to fill its path: arrivals, cut into round trips. Pure.
// Not here: where the arrivals come from (arrivals.ts).

import type { Arrival } from './traffic.ts';

export interface PathGrowth {
  /** Bits per second of messages from behind the round trips of growth to the last arrival; 0 for none. */
  readonly steadyBitsPerSecond: number;
  /** The first round trip that brought the goal, from 1; undefined if none did. */
  readonly roundTripsToGoal: number | undefined;
  /** Bits per second in each of the round trips of growth. */
  readonly firstRoundTrips: readonly number[];
}

/**
 * @param arrivals bytes that had come so far, in order
 * @param growthRoundTrips round trips that a path may take to be filled
 * @param goal bits per second
 */
export function growthOf(
  arrivals: readonly Arrival[],
  roundTripMs: number,
  growthRoundTrips: number,
  goal: number,
): PathGrowth {
  const start = arrivals[0];
  const last = arrivals.at(-1);
  if (start === undefined || last === undefined) {
    return { steadyBitsPerSecond: 0, roundTripsToGoal: undefined, firstRoundTrips: [] };
  }
  const perRoundTrip: number[] = [];
  let before = 0;
  for (const { atMs, bytes } of arrivals) {
    const index = Math.floor((atMs - start.atMs) / roundTripMs);
    perRoundTrip[index] = (perRoundTrip[index] ?? 0) + ((bytes - before) * 8_000) / roundTripMs;
    before = bytes;
  }
  const reached = perRoundTrip.findIndex((bits) => bits >= goal);
  const from = arrivals.find((one) => one.atMs >= start.atMs + growthRoundTrips * roundTripMs);
  const steadyMs = from === undefined ? 0 : last.atMs - from.atMs;
  return {
    steadyBitsPerSecond:
      from === undefined || steadyMs <= 0 ? 0 : ((last.bytes - from.bytes) * 8_000) / steadyMs,
    roundTripsToGoal: reached < 0 ? undefined : reached + 1,
    // A round trip in which nothing came is a hole in the list.
    firstRoundTrips: Array.from({ length: growthRoundTrips }, (_, i) => perRoundTrip[i] ?? 0),
  };
}
