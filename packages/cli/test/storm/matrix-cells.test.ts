// The cells of the matrix: all of them, by the parts of their names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CELLS, cellsNamed, goodputShare } from '../../dist/storm/matrix-cells.js';
import { parseStormOptions } from '../../dist/storm/options.js';

test('the matrix is every server with every kind, payload and rate', () => {
  assert.equal(CELLS.length, 24);
  assert.equal(new Set(CELLS.map(({ name }) => name)).size, 24);
  assert.equal(CELLS[0]?.name, 'slow-server/unary/16B/20000');
});

test('a word takes the cells that have each of its parts, several words the union', () => {
  assert.equal(cellsNamed(['stopped-server']).length, 12);
  assert.equal(cellsNamed(['16KB/unary']).length, 6);
  assert.deepEqual(
    cellsNamed(['slow-server/unary/16B/300000']).map(({ rate }) => rate),
    [300_000],
  );
  assert.equal(cellsNamed(['streaming/20000', 'unary/20000']).length, 8);
  assert.equal(cellsNamed(['16']).length, 0);
});

test('a slow server has to be kept at 90 % of its capacity, at 300,000 offered at 80 %', () => {
  assert.equal(goodputShare(100_000), 0.9);
  assert.equal(goodputShare(300_000), 0.8);
});

function parsed(...args: string[]) {
  const result = parseStormOptions(args);
  assert.ok(result.kind === 'run', result.kind === 'fault' ? result.why : result.kind);
  return result.options;
}

function fault(...args: string[]): string {
  const result = parseStormOptions(args);
  assert.ok(result.kind === 'fault');
  return result.why;
}

test('--matrix runs every cell beside every runtime, with storms of 3 s', () => {
  const { matrix, scenarios, trials } = parsed('--matrix');
  assert.equal(matrix?.cells.length, 24);
  assert.deepEqual(matrix?.runtimes, ['sluice', 'grpc-js', 'grpc-go']);
  assert.equal(matrix?.seconds, 3);
  assert.deepEqual([scenarios, trials], [[], []]);
});

test('--only picks cells and runtimes of the matrix', () => {
  const { matrix } = parsed('--matrix', '--only', 'sluice,slow-server/100000');
  assert.deepEqual(matrix?.runtimes, ['sluice']);
  assert.equal(matrix?.cells.length, 4);
});

test('--scenarios runs trials alone, or after the matrix', () => {
  const alone = parsed('--scenarios', 'limits,budget');
  assert.deepEqual(
    alone.trials.map(({ name }) => name),
    ['limits', 'budget'],
  );
  assert.deepEqual([alone.scenarios, alone.matrix], [[], null]);
  assert.equal(parsed('--matrix', '--scenarios=all').trials.length, 4);
});

test('what does not go together is a fault that says so', () => {
  assert.match(fault('--matrix', '--rate', '5000'), /--rate does not go with --matrix/);
  assert.match(fault('--matrix', '--only', '17B'), /--only .*not '17B'/);
  assert.match(fault('--scenarios', 'calm'), /--scenarios .*limits.*not 'calm'/);
  assert.match(fault('--scenarios', 'limits', '--only', 'sluice'), /--only does not go/);
});
