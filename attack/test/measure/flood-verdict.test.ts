// What makes a flood row fail: each promise that all floods share, broken alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FloodPlan, Run } from '../../dist/measure/flood-plan.js';
import { type FloodMeasured, judgeFlood } from '../../dist/measure/flood-verdict.js';

const MB = 1e6;

const PLAN: FloodPlan = {
  row: 7,
  name: 'empty DATA',
  direction: 'server',
  tls: false,
  expected: '',
  module: 'file:///none.js',
  attack: 'flood',
  seconds: 1,
  counters: ['empty-data'],
  mayAct: ['streams'],
};

const RUN: Run = {
  seen: { frames: 101 },
  repeated: [],
  growth: 10 * MB,
  heldMB: 1,
  longestStallMs: 12,
  cpuMs: 30,
  handlersMost: 1,
  goodP99Ms: 15,
  goodFailures: 0,
  goodCalls: 200,
  ends: undefined,
};

function judged(changed: Partial<FloodMeasured>, run: Partial<Run> = {}, plan = PLAN) {
  return judgeFlood(plan, {
    runtime: 'sluice',
    idleRss: 60 * MB,
    idleLive: 10 * MB,
    liveAfter: 12 * MB,
    control: { p99Ms: 5, stallMs: 5 },
    runs: [{ ...RUN, ...run }, RUN],
    uncaught: [],
    actedBefore: { 'empty-data': 0, streams: 3 },
    actedAfter: { 'empty-data': 2, streams: 4 },
    twinFaults: undefined,
    ...changed,
  });
}

test('a row that keeps every promise is held, with its counter and its figures', () => {
  const side = judged({});
  assert.equal(side.status, 'held');
  assert.equal(side.why, null);
  assert.deepEqual(side.counter, { name: 'empty-data', before: 0, after: 2 });
  assert.equal(side.figures.rssGrowthMB, 10);
  assert.equal(side.figures.frames, 101);
  assert.equal(side.twin, null);
});

const BROKEN: readonly (readonly [RegExp, Partial<FloodMeasured>, Partial<Run>])[] = [
  [/uncaught: Error: x/, { uncaught: ['Error: x\n at y'] }, {}],
  [/RSS grew by 49 MB/, {}, { growth: 49 * MB }],
  [/live memory stays 11\.0 MB above idle/, { liveAfter: 21 * MB }, {}],
  [/1 of 200 good calls failed/, {}, { goodFailures: 1 }],
  [/0 of 0 good calls failed/, {}, { goodCalls: 0 }],
  [/good p99 21 ms, the bar is 20/, {}, { goodP99Ms: 21 }],
  [/stood for 56 ms, the bar is 55/, {}, { longestStallMs: 56 }],
  [/the limit empty-data did not act/, { actedAfter: { 'empty-data': 0 } }, {}],
  [/the limit handlers acted/, { actedAfter: { 'empty-data': 1, handlers: 1 } }, {}],
  [/the second run peaks 15 % above/, {}, { growth: 1 * MB }],
  [/twin: refused/, { twinFaults: ['refused'] }, {}],
];

for (const [why, changed, run] of BROKEN) {
  test(`a row fails where ${why.source}`, () => {
    const side = judged(changed, run);
    assert.equal(side.status, 'failed');
    assert.match(side.why ?? '', why);
  });
}

test('calls of a client that never ended fail the row', () => {
  const ends = { calls: 5, codes: { 14: 4 }, details: {}, bytes: 0, lost: 1 };
  assert.match(judged({}, { ends }).why ?? '', /1 calls never ended/);
});

test("a row's own judge, growth and share of good calls count", () => {
  const judge = () => ['GOAWAY code 0, not 11'];
  assert.match(judged({}, {}, { ...PLAN, judge }).why ?? '', /run 1: GOAWAY code 0/);
  assert.equal(judged({}, { growth: 150 * MB }, { ...PLAN, growthMB: 176 }).status, 'held');
  assert.equal(judged({}, { goodFailures: 2 }, { ...PLAN, goodShare: 0.99 }).status, 'held');
});

test('each time that a short attack was repeated is judged', () => {
  const judge = ({ seen }: Run) => (seen.frames === 101 ? [] : [`${seen.frames} frames`]);
  const repeated = [{ frames: 101 }, { frames: 5_000 }];
  assert.match(judged({}, { repeated }, { ...PLAN, judge }).why ?? '', /run 1: 5000 frames/);
});

test('counters are asked of Sluice alone', () => {
  const side = judged({ runtime: 'grpc-js', actedAfter: {} });
  assert.equal(side.status, 'held');
  assert.equal(side.counter, null);
});
