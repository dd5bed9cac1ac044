// The matrix in the report: a box per load with what became of each runtime, in words as well as in
// colours, and what a name holds stays text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matrixSection } from '../../dist/storm/matrix-html.js';
import { matrixTable } from '../../dist/storm/matrix-text.js';
import { heldFigures, stormReport } from './example-figures.ts';

const NAME = 'slow-server/unary/16B/100000';

function report() {
  const died = { ...heldFigures(), crashed: true, crash: 'heap out of memory', rssGrowthMB: 512 };
  const made = stormReport([
    {
      name: NAME,
      serverCapacityRps: 10_000,
      offeredRps: 100_000,
      runtimes: { sluice: heldFigures(), 'grpc-js': died },
      absent: { 'grpc-go': 'Go is <not> installed' },
    },
  ]);
  const verdict = { scenario: NAME, promise: 'goodput', held: true, figure: '1', bar: '1' };
  made.verdicts.push(verdict, { ...verdict, promise: 'p99 of accepted calls', held: false });
  return made;
}

test('a report without cells has no section', () => {
  assert.equal(matrixSection(stormReport([])), '');
});

test('a box says the growth, the goodput, what broke and what became of the others', () => {
  const html = matrixSection(report());
  assert.match(html, /1 of 2 broken/);
  assert.match(html, /p99 of accepted calls/);
  assert.match(html, /Sluice 9,900, 99 % of 10,000/);
  assert.match(html, /died, \+512/);
  assert.match(html, /absent/);
  assert.match(html, /Go is &lt;not&gt; installed/);
  assert.doesNotMatch(html, /https?:/);
});

test('the table of the terminal has a row per cell with its verdict', () => {
  const { scenarios, verdicts } = report();
  const text = matrixTable(scenarios, verdicts);
  assert.match(text, new RegExp(`${NAME} +1 FAILED +10,000 +9,900 +1,000 ms +\\+50 MB +died`));
});
