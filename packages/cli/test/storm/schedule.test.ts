// The time a storm may take: under 90 s with the default lengths, whatever a run does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_STORM_SECONDS, RUNTIMES, SCENARIOS } from '../../dist/storm/scenarios.js';
import { expectedSeconds, Schedule, totalSeconds } from '../../dist/storm/schedule.js';

test('every run at its last moment ends the whole storm in under 90 s', () => {
  const schedule = new Schedule(0);
  let endMs = 0;
  for (const _ of SCENARIOS) {
    for (const runtime of RUNTIMES) {
      endMs = Math.max(endMs, schedule.endOfNext(runtime, DEFAULT_STORM_SECONDS));
    }
  }
  assert.ok(endMs <= 88_000, `${endMs} ms`);
});

test('a runtime that uses up its time leaves Sluice after it its full run', () => {
  const schedule = new Schedule(0);
  schedule.endOfNext('sluice', DEFAULT_STORM_SECONDS);
  const overrunMs = schedule.endOfNext('grpc-js', DEFAULT_STORM_SECONDS);
  const leftMs = schedule.endOfNext('sluice', DEFAULT_STORM_SECONDS) - overrunMs;
  assert.ok(leftMs >= expectedSeconds('sluice', DEFAULT_STORM_SECONDS) * 1000);
});

test('what a storm is expected to take is the sum of its runs', () => {
  const one = totalSeconds(['sluice'], 1, 4);
  assert.equal(totalSeconds(['sluice'], 2, 4) - one, expectedSeconds('sluice', 4));
});
