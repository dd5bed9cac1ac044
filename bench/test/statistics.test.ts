// The arithmetic behind every figure that the project quotes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, ratio, spread, summarize } from '../dist/statistics.js';

test('the median of an odd count is the middle value, whatever the order', () => {
  assert.equal(median([30, 10, 20]), 20);
});

test('the median of an even count is the mean of the two in the middle', () => {
  assert.equal(median([40, 10, 20, 30]), 25);
});

test('numbers are ordered as numbers, not as text', () => {
  assert.equal(median([9, 100, 20]), 20);
});

test('a summary keeps the extremes beside the median and leaves its input alone', () => {
  const values = [3, 1, 2];
  assert.deepEqual(summarize(values), { min: 1, median: 2, max: 3 });
  assert.deepEqual(values, [3, 1, 2]);
});

test('a summary of nothing is a misuse', () => {
  assert.throws(() => summarize([]), RangeError);
});

test('the spread is the range over the median', () => {
  assert.equal(spread({ min: 90, median: 100, max: 110 }), 0.2);
});

test('a ratio above 1 means better, whichever way the unit points', () => {
  assert.equal(ratio(200, 100, 'higher'), 2);
  assert.equal(ratio(50, 100, 'lower'), 2);
});

test('a ratio to nothing is no figure', () => {
  assert.equal(ratio(200, 0, 'higher'), null);
  assert.equal(ratio(0, 100, 'lower'), null);
});
