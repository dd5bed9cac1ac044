// Choosing by weight: how often and how evenly. gRFC A58.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StrideScheduler } from '#sluice/channel/balancers/stride-scheduler.js';
import { mulberry32 } from '../../support/random.js';

function countsOf(weights: readonly number[], picks: number, seed = 1): number[] {
  const scheduler = new StrideScheduler(weights, mulberry32(seed));
  const counts = weights.map(() => 0);
  for (let i = 0; i < picks; i += 1) {
    const at = scheduler.next();
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

describe('the stride scheduler', () => {
  it('gives each its share to within a few, whatever the weights', () => {
    const random = mulberry32(3);
    for (let run = 0; run < 300; run += 1) {
      const weights = Array.from({ length: 2 + Math.floor(random() * 8) }, () => 1 + 3 * random());
      const total = weights.reduce((sum, weight) => sum + weight);
      countsOf(weights, 2_000, run).forEach((count, at) => {
        const share = (2_000 * (weights[at] ?? 0)) / total;
        assert.ok(Math.abs(count - share) <= 4, `${count} of ${share}, weights ${weights}`);
      });
    }
  });

  it('spreads the picks of one evenly', () => {
    const scheduler = new StrideScheduler([3, 1], mulberry32(1));
    let since = 0;
    let longest = 0;
    for (let i = 0; i < 400; i += 1) {
      since = scheduler.next() === 1 ? 0 : since + 1;
      longest = Math.max(longest, since);
    }
    assert.equal(longest, 3);
  });

  it('treats all alike without two known weights', () => {
    assert.deepEqual(countsOf([0, 0, 0], 30), [10, 10, 10]);
    assert.deepEqual(countsOf([0, 9, 0], 30), [10, 10, 10]);
    assert.deepEqual(countsOf([5], 3), [3]);
  });

  it('takes the mean for an unknown weight', () => {
    const [known = 0, heavy = 0, unknown = 0] = countsOf([2, 6, 0], 1_200);
    assert.ok(Math.abs(known - 200) <= 2 && Math.abs(heavy - 600) <= 2, `${known} ${heavy}`);
    assert.ok(Math.abs(unknown - 400) <= 2, String(unknown));
  });

  it('does not starve a backend, nor flood one, for an extreme weight', () => {
    const [tiny = 0] = countsOf([1e-9, 1, 1], 2_100);
    assert.ok(tiny >= 60, String(tiny));
    const weights = [1e9, ...Array.from({ length: 99 }, () => 1)];
    const counts = countsOf(weights, 10_000);
    // Ten times the mean at most, a tenth at least.
    assert.ok((counts[0] ?? 0) <= 5_100, String(counts[0]));
    assert.ok(Math.min(...counts.slice(1)) >= 45);
  });

  it('keeps the shares where weights are new after every few picks', () => {
    const random = mulberry32(9);
    let heavy = 0;
    for (let run = 0; run < 4_000; run += 1) {
      const scheduler = new StrideScheduler([4, 1], random);
      if (scheduler.next() === 0) heavy += 1;
    }
    // The first pick of all: not quite the share, but no certainty either.
    assert.ok(heavy > 3_300 && heavy < 3_700, String(heavy));
  });

  it('begins anywhere', () => {
    const first = [0, 0, 0, 0];
    for (let seed = 0; seed < 2_000; seed += 1) {
      const at = new StrideScheduler([1, 1, 1, 1], mulberry32(seed)).next();
      first[at] = (first[at] ?? 0) + 1;
    }
    for (const count of first) assert.ok(count > 400 && count < 600, first.join(' '));
  });
});
