// The time a storm may take: under 90 s with the default lengths, whatever a run does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_STORM_SECONDS, PHASES, RUNTIMES, SCENARIOS } from '../../dist/storm/scenarios.js';
import { expectedSeconds, Schedule, totalSeconds } from '../../dist/storm/schedule.js';

const SECONDS = DEFAULT_STORM_SECONDS;

test('every run at its last moment ends the whole storm in under 90 s', () => {
  const schedule = new Schedule(0);
  let endMs = 0;
  for (const _ of SCENARIOS) {
    for (const runtime of RUNTIMES) {
      endMs = Math.max(endMs, schedule.next(runtime, SECONDS).untilMs);
    }
  }
  assert.ok(endMs <= 88_000, `${endMs} ms`);
});

test('a runtime that uses up its time leaves Sluice after it its full run', () => {
  const schedule = new Schedule(0);
  schedule.next('sluice', SECONDS);
  const overrunMs = schedule.next('grpc-js', SECONDS).untilMs;
  const leftMs = schedule.next('sluice', SECONDS).untilMs - overrunMs;
  assert.ok(leftMs >= expectedSeconds('sluice', SECONDS) * 1000);
});

test('a run alone takes its phases, and one after it warms up while it is quiet', () => {
  const alone = totalSeconds(['sluice'], 1, SECONDS) - PHASES.ceiling;
  assert.ok(Math.abs(alone - expectedSeconds('sluice', SECONDS)) < 1e-9);
  const second = totalSeconds(['sluice'], 2, SECONDS) - totalSeconds(['sluice'], 1, SECONDS);
  assert.ok(second < alone);
  assert.ok(second > alone - PHASES.settle);
});

test('a run after one without limits begins when that is over', () => {
  const first = totalSeconds(['grpc-js'], 1, SECONDS);
  const both = totalSeconds(['grpc-js', 'drop-in'], 1, SECONDS);
  assert.ok(Math.abs(both - first - expectedSeconds('drop-in', SECONDS)) < 1e-9);
});

test('what the whole is expected to take is what its runs add to it', () => {
  const schedule = new Schedule(0);
  let seconds = PHASES.ceiling;
  for (const _ of SCENARIOS) {
    for (const runtime of RUNTIMES) seconds += schedule.next(runtime, SECONDS).seconds;
  }
  assert.ok(Math.abs(seconds - totalSeconds(RUNTIMES, SCENARIOS.length, SECONDS)) < 1e-9);
});
