import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthOf } from '../../dist/hosts/path-growth.js';

/** One arrival in each round trip of 10 ms, of so many bytes. */
function arrivals(...perRoundTrip: number[]): { atMs: number; bytes: number }[] {
  let bytes = 0;
  return perRoundTrip.map((came, i) => {
    bytes += came;
    return { atMs: 500 + 10 * i, bytes };
  });
}

test('what counts is the rate behind the round trips of growth', () => {
  const grown = growthOf(arrivals(100, 200, 1_000, 1_000, 1_000), 10, 2, 800_000);
  // 2,000 bytes in the 20 ms from the third arrival to the fifth.
  assert.equal(grown.steadyBitsPerSecond, 800_000);
  assert.deepEqual(grown.firstRoundTrips, [80_000, 160_000]);
  assert.equal(grown.roundTripsToGoal, 3);
});

test('a stream that is over before the path had time to be filled has no steady rate', () => {
  const grown = growthOf(arrivals(100, 100), 10, 10, 800_000);
  assert.equal(grown.steadyBitsPerSecond, 0);
  assert.equal(grown.roundTripsToGoal, undefined);
});

test('a round trip in which nothing came counts as none', () => {
  const came = [
    { atMs: 0, bytes: 100 },
    { atMs: 25, bytes: 200 },
  ];
  assert.deepEqual(growthOf(came, 10, 3, 1).firstRoundTrips, [80_000, 0, 80_000]);
});

test('nothing came at all', () => {
  assert.equal(growthOf([], 10, 2, 1).steadyBitsPerSecond, 0);
});
