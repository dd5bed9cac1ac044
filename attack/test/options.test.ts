// The command line of the attacks: which rows a word names, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, UsageError } from '../dist/options.js';
import { side } from '../dist/report.js';
import type { Row } from '../dist/row.js';

function row(number: number, name: string, direction: Row['direction'], tls: boolean): Row {
  const run = () => Promise.resolve(side([], {}));
  return { row: number, name, direction, tls, expected: '', seconds: 1, run };
}

const ROWS = [
  row(1, 'rapid reset', 'server', false),
  row(1, 'rapid reset', 'client', false),
  row(3, 'PING flood', 'server', false),
  row(3, 'PING flood', 'server', true),
  row(12, 'slow reader', 'server', false),
];

function chosen(...args: string[]): string[] {
  const options = readOptions(args, ROWS);
  return (options?.rows ?? []).map(
    ({ row: number, direction, tls }) => `${number} ${direction}${tls ? ' tls' : ''}`,
  );
}

test('without --only every row runs, against both runtimes', () => {
  assert.equal(readOptions([], ROWS)?.rows.length, ROWS.length);
  assert.deepEqual(readOptions([], ROWS)?.runtimes, ['sluice', 'grpc-js']);
});

test('--only takes numbers, ranges, parts of names, and a direction or tls behind a colon', () => {
  assert.deepEqual(chosen('--only', '1'), ['1 server', '1 client']);
  assert.deepEqual(chosen('--only', '1-3:client'), ['1 client']);
  assert.deepEqual(chosen('--only', '3:tls,slow'), ['3 server tls', '12 server']);
  assert.deepEqual(chosen('--only', '2-12:server'), ['3 server', '3 server tls', '12 server']);
});

test('what names no row, no runtime or no option is refused by name', () => {
  assert.throws(() => chosen('--only', '7'), { message: /no row is called '7'/ });
  assert.throws(() => chosen('--only', '12:tls'), { message: /no row is called '12:tls'/ });
  assert.throws(() => chosen('--runtime', 'grpc-go'), { message: /grpc-go is none of sluice/ });
  assert.throws(() => chosen('--fast'), UsageError);
  assert.throws(() => chosen('--docs', 'x.md', '--only', '1'), { message: /of a whole run/ });
});

test('--help asks for nothing', () => {
  assert.equal(readOptions(['--help'], ROWS), undefined);
});
