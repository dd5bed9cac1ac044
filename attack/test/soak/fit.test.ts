// The slope of live memory and its interval: what a leak, a level and a jump look like.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitOf, median, type Sample } from '../../dist/soak/fit.js';
import { Random } from '../../dist/soak/random.js';

/** So many samples, one every five seconds, with noise of `noise` to either side. */
function samples(count: number, perHour: number, noise: number): Sample[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => ({
    atSeconds: i * 5,
    value: 20 + (perHour * i * 5) / 3_600 + noise * (2 * random.next() - 1),
  }));
}

test('a straight line has its slope and an interval without width', () => {
  const fit = fitOf(samples(30, 12, 0));
  assert.ok(Math.abs(fit.slope - 12) < 1e-6);
  assert.ok(fit.confidence < 1e-6);
  assert.equal(fit.samples, 30);
});

test('of half an hour with noise the slope is told to within 1 MB/h', () => {
  const fit = fitOf(samples(288, 0.5, 0.3));
  assert.ok(fit.low < 0.5 && fit.high > 0.5, `${fit.low} to ${fit.high}`);
  assert.ok(fit.confidence < 1, `+-${fit.confidence}`);
});

test('three minutes of noise have an interval around 0, and tell a leak of 100 bytes a call', () => {
  const level = fitOf(samples(29, 0, 0.3));
  assert.ok(level.low < 0 && level.high > 0);
  const leak = fitOf(samples(29, 72, 0.3));
  assert.ok(leak.low > 1, `${leak.low} to ${leak.high}`);
});

test('a few samples at bad moments do not move the slope', () => {
  const bad = samples(60, 0, 0.1).map((sample, i) =>
    i % 20 === 19 ? { ...sample, value: sample.value + 30 } : sample,
  );
  assert.ok(Math.abs(fitOf(bad).slope) < 3);
});

test('fewer than three samples have an interval without end', () => {
  assert.equal(fitOf([]).confidence, Number.POSITIVE_INFINITY);
  assert.equal(fitOf(samples(2, 5, 0)).confidence, Number.POSITIVE_INFINITY);
});

test('a day of samples is fitted as well', () => {
  const fit = fitOf(samples(17_280, 0.2, 0.3));
  assert.ok(Math.abs(fit.slope - 0.2) < 0.05);
});

test('the median of an even count is the mean of the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});
