// The arithmetic of the long, fat path: what counts as the link's rate, and what a window may do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steadyRate, windowFault } from '../dist/bdp.js';
import type { DeliverySample, WindowSample } from '../dist/line-process.js';

const MIB = 1024 * 1024;

function windows(...readings: readonly (readonly [number, number])[]): WindowSample[] {
  return readings.map(([receiveWindow, bdpBytes], i) => ({
    atMs: i * 10,
    receiveWindow,
    bdpBytes,
    exposureBytes: 0,
    rttMs: 50,
  }));
}

test('the rate leaves out the first ten round trips and the silence behind the last byte', () => {
  const readings: DeliverySample[] = [];
  let bytes = 0;
  for (let atMs = 0; atMs <= 4_000; atMs += 10) {
    // A handshake, slow until 700 ms, then 10,000 bytes/ms until 2,700 ms.
    if (atMs === 190) bytes = 500;
    else if (atMs >= 200 && atMs <= 700) bytes += 5_000;
    else if (atMs > 700 && atMs <= 2_700) bytes += 100_000;
    readings.push({ atMs, bytes });
  }
  assert.equal(steadyRate(readings), 80_000_000);
});

test('a transfer that ends within ten round trips has no rate', () => {
  assert.equal(steadyRate([]), 0);
  assert.equal(
    steadyRate([
      { atMs: 0, bytes: 5_000 },
      { atMs: 10, bytes: 9_000 },
    ]),
    0,
  );
});

test('a window of which a quarter is used has not shrunk', () => {
  assert.equal(
    windowFault(windows([65_535, 65_535], [49_152, 65_535], [131_072, 131_072])),
    undefined,
  );
});

test('a window that fell, an estimate that fell and either past 16 MiB are faults', () => {
  assert.match(windowFault(windows([100_000, 1], [74_999, 1])) ?? '', /window fell/);
  assert.match(windowFault(windows([100_000, 2], [100_000, 1])) ?? '', /estimate fell/);
  assert.match(windowFault(windows([16 * MIB + 1, 1])) ?? '', /window reached/);
  assert.match(windowFault(windows([1, 16 * MIB + 1])) ?? '', /estimate reached/);
});

test('no reading at all is a fault', () => {
  assert.match(windowFault([]) ?? '', /no reading/);
});
