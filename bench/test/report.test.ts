// What the report makes of rounds: the contract behind --json and its form in a terminal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCoreList, pinned } from '../dist/machine.js';
import {
  barResult,
  formatReport,
  formatRow,
  type ReportRow,
  ratios,
  sideResult,
} from '../dist/report.js';

function round(value: number, clientCpuUsPerCall: number | null, serverCpuUsPerCall = 1) {
  return { value, clientCpuUsPerCall, serverCpuUsPerCall, rss: null };
}

function row(results: ReportRow['results']): ReportRow {
  return {
    name: 'unary-1',
    own: 'sluice',
    unit: 'calls/s',
    better: 'higher',
    measures: 'One call.',
    machine: 'a machine',
    versions: { sluice: '1.0.0' },
    results,
    ratio: ratios(results, 'higher', 'sluice'),
    rssRatio: {},
    bar: null,
    why: { 'grpc-go': 'no go toolchain' },
  };
}

test('CPU per call is the median over the rounds of both processes together', () => {
  const result = sideResult([round(10, 2), round(30, 4), round(20, 9)]);
  assert.equal(result?.median, 20);
  assert.equal(result?.cpuUsPerCall, 5);
  assert.equal(result?.clientCpuUsPerCall, 4);
  assert.deepEqual(result?.rounds, [10, 30, 20]);
});

test('a figure of memory has no CPU per call', () => {
  assert.equal(sideResult([round(10, null)])?.cpuUsPerCall, null);
});

test('a side without a round has no result and no ratio', () => {
  assert.equal(sideResult([]), null);
  const ours = sideResult([round(10, 1)]);
  assert.deepEqual(ratios({ sluice: ours, 'grpc-go': null }, 'higher', 'sluice'), {
    'grpc-go': null,
  });
});

test('a row names the absent side and why', () => {
  const text = formatRow(row({ sluice: sideResult([round(10, 1)]), 'grpc-go': null }));
  assert.match(text, /grpc-go: no go toolchain/);
});

test('a row says how many times as good Sluice is', () => {
  const results = { sluice: sideResult([round(20, 1)]), http2: sideResult([round(8, 1)]) };
  assert.match(formatRow(row(results)), /http2 .* x 2\.50/);
});

test('a bar of memory is reached when the figure and resident memory both are', () => {
  const bar = { side: 'grpc-js', ratio: 5 };
  const reached = (ratio: number | null, rss: number | null): boolean | null =>
    barResult(bar, { ratio: { 'grpc-js': ratio }, rssRatio: { 'grpc-js': rss } }).reached;
  assert.equal(reached(5, null), true);
  assert.equal(reached(4.99, null), false);
  assert.equal(reached(6, 5.2), true);
  assert.equal(reached(6, 4.8), false);
  assert.equal(reached(null, null), null);
});

test('a row with a bar says what was promised, and what came of it', () => {
  const results = { 'drop-in': sideResult([round(20, 1)]), 'grpc-js': sideResult([round(8, 1)]) };
  const measured = { ratio: ratios(results, 'higher', 'drop-in'), rssRatio: {} };
  const bar = barResult({ side: 'grpc-js', ratio: 3 }, measured);
  const text = formatRow({ ...row(results), own: 'drop-in', ...measured, bar });
  assert.match(text, /drop-in is\n/);
  assert.match(text, /grpc-js .* x 2\.50\n/);
  assert.match(text, /bar: drop-in at least x 3 of grpc-js: NOT REACHED/);
});

test('a report opens with the machine and the versions', () => {
  const text = formatReport([row({ sluice: sideResult([round(10, 1)]) })]);
  assert.ok(text.startsWith('a machine\n  sluice 1.0.0\n'));
});

test('the list of cores of proc(5) is read with its ranges', () => {
  assert.deepEqual(parseCoreList('0-2,5,7-8\n'), [0, 1, 2, 5, 7, 8]);
  assert.deepEqual(parseCoreList(''), []);
});

test('a command is pinned to its core, or left alone without one', () => {
  assert.deepEqual(pinned(1, ['node']), ['taskset', '-c', '1', 'node']);
  assert.deepEqual(pinned(null, ['node']), ['node']);
});
