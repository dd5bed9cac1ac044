// The verdict on a cell of the matrix: what holds is held, and each promise fails on a planted
// failure of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CELL_PROMISES, judgeCell } from '../../dist/storm/cell-verdict.js';
import { CELLS, type MatrixCell } from '../../dist/storm/matrix-cells.js';
import type { RuntimeFigures } from '../../dist/storm/storm-report.js';
import { heldFigures } from './example-figures.ts';

const CAPACITY = 10_000;
const CEILING = 5_000_000;

function cell(name: string): MatrixCell {
  const found = CELLS.find((candidate) => candidate.name === name);
  assert.ok(found);
  return found;
}

function failures(
  changes: Partial<RuntimeFigures>,
  name = 'slow-server/unary/16B/100000',
  ceiling = CEILING,
): string[] {
  const verdicts = judgeCell(cell(name), { ...heldFigures(), ...changes }, CAPACITY, ceiling);
  return verdicts.filter((verdict) => !verdict.held).map((verdict) => verdict.promise);
}

test('figures within every bar hold every promise of a cell', () => {
  assert.deepEqual(failures({}), []);
  assert.deepEqual(failures({ goodputRps: 0, p99Ms: 0 }, 'stopped-server/unary/16B/100000'), []);
});

const beside = { offered: 300, ok: 300, refused: 0, failed: 0, firstDetails: [] };

const planted: [promise: string, changes: Partial<RuntimeFigures>][] = [
  [CELL_PROMISES.alive, { crashed: true, crash: 'heap out of memory' }],
  [CELL_PROMISES.growth, { rssGrowthMB: 96.1 }],
  [CELL_PROMISES.growth, { idleRssMB: 0 }],
  [CELL_PROMISES.live, { liveAfterMB: 20.1 }],
  [CELL_PROMISES.live, { liveAfterMB: 0 }],
  [CELL_PROMISES.depths, { depthsAfter: null }],
  [CELL_PROMISES.depths, { depthsAfter: { openStreams: 1 } }],
  [CELL_PROMISES.goodput, { goodputRps: 8999 }],
  [CELL_PROMISES.latency, { p99Ms: 1001 }],
  [CELL_PROMISES.latency, { p99Ms: 0 }],
  [CELL_PROMISES.offered, { achievedOfferedRps: 94_999 }],
  [CELL_PROMISES.refusals, { refusedBy: { 'open-calls': 1_069_999, unnamed: 1 } }],
  [CELL_PROMISES.ends, { lost: 1 }],
  [CELL_PROMISES.ends, { beside: { ...beside, ok: 299 } }],
  [CELL_PROMISES.statuses, { beside: { ...beside, ok: 299, failed: 1 } }],
  [CELL_PROMISES.statuses, { statuses: { OK: 129_999, UNAVAILABLE: 1 } }],
];

for (const [promise, changes] of planted) {
  test(`"${promise}" fails alone on ${JSON.stringify(changes)}`, () => {
    assert.deepEqual(failures(changes), [promise]);
  });
}

test('a generator that cannot offer the nominal rate is held to its own ceiling', () => {
  const changes = { achievedOfferedRps: 200_000 };
  assert.deepEqual(failures(changes, 'slow-server/unary/16B/300000', 205_000), []);
  assert.deepEqual(failures(changes, 'slow-server/unary/16B/300000'), [CELL_PROMISES.offered]);
});

test('at 300,000 offered the goodput bar is 80 % of the capacity', () => {
  const changes = { achievedOfferedRps: 300_000, goodputRps: 8000 };
  assert.deepEqual(failures(changes, 'slow-server/unary/16B/300000'), []);
});

test('a deadline that passes is a due end under a stopped server and no other', () => {
  const statuses = { OK: 1, DEADLINE_EXCEEDED: 129_999 };
  assert.deepEqual(failures({ statuses }, 'stopped-server/unary/16B/100000'), []);
  assert.deepEqual(failures({ statuses }), [CELL_PROMISES.statuses]);
});
