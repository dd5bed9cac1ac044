// The storm's verdict: what holds is held, and each promise fails on a planted failure of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCENARIOS, type Scenario } from '../../dist/storm/scenarios.js';
import type { RuntimeFigures } from '../../dist/storm/storm-report.js';
import { judge } from '../../dist/storm/verdict.js';
import { heldFigures } from './example-figures.ts';

const OFFERED = 100_000;

function scenario(name: string): Scenario {
  const found = SCENARIOS.find((candidate) => candidate.name === name);
  assert.ok(found);
  return found;
}

function failures(changes: Partial<RuntimeFigures>, name = 'slow-server'): string[] {
  const verdicts = judge(scenario(name), 'sluice', OFFERED, { ...heldFigures(), ...changes });
  return verdicts.filter((verdict) => !verdict.held).map((verdict) => verdict.promise);
}

test('figures within every bar hold every promise of both scenarios', () => {
  assert.deepEqual(failures({}), []);
  assert.deepEqual(failures({ goodputRps: 0 }, 'stopped-server'), []);
});

test('the drop-in promises what Sluice does, in its own name', () => {
  for (const { name } of SCENARIOS) {
    const ofSluice = judge(scenario(name), 'sluice', OFFERED, heldFigures());
    const ofDropIn = judge(scenario(name), 'drop-in', OFFERED, heldFigures());
    assert.deepEqual(new Set(ofDropIn.map(({ runtime }) => runtime)), new Set(['drop-in']));
    assert.deepEqual(
      ofDropIn.map((verdict) => ({ ...verdict, runtime: 'sluice' })),
      ofSluice,
    );
  }
});

test('a goodput bar applies only where the server answers', () => {
  const promises = judge(scenario('stopped-server'), 'sluice', OFFERED, heldFigures());
  assert.equal(
    promises.some((verdict) => verdict.promise.startsWith('goodput')),
    false,
  );
});

const planted: [promise: string, changes: Partial<RuntimeFigures>][] = [
  ['the client stays alive', { crashed: true, crash: 'heap out of memory' }],
  ['client RSS growth over idle', { rssGrowthMB: 96.1 }],
  ['client RSS growth over idle', { idleRssMB: 0 }],
  ['the last storm peaks like the first', { peaksMB: [100, 100, 110.2] }],
  ['the last storm peaks like the first', { peaksMB: [100] }],
  ['live memory 5 s after the load', { liveAfterMB: 20.1 }],
  ['live memory 5 s after the load', { liveAfterMB: 0 }],
  ['every queue and stream count after the load', { depthsAfter: null }],
  ['every queue and stream count after the load', { depthsAfter: { openStreams: 1 } }],
  ['goodput while overloaded', { goodputRps: 8999 }],
  ['offered load reached', { achievedOfferedRps: 94_999 }],
  [
    'every refusal is RESOURCE_EXHAUSTED and names its limit',
    { refusedBy: { 'open-calls': 1_069_999, unnamed: 1 } },
  ],
  [
    'every refusal is RESOURCE_EXHAUSTED and names its limit',
    { statuses: { OK: 130_000, RESOURCE_EXHAUSTED: 1_069_999 } },
  ],
  ['every accepted call ends exactly once', { lost: 1, finished: 129_999 }],
  ['every accepted call ends exactly once', { lost: -1, finished: 130_001 }],
  [
    'accepted calls end with the status due to them',
    { statuses: { OK: 129_999, UNAVAILABLE: 1, RESOURCE_EXHAUSTED: 1_070_000 } },
  ],
];

for (const [promise, changes] of planted) {
  test(`"${promise}" fails alone on ${JSON.stringify(changes)}`, () => {
    assert.deepEqual(failures(changes), [promise]);
  });
}

test('a deadline that passes is a due end under a stopped server and no other', () => {
  const statuses = { OK: 1, DEADLINE_EXCEEDED: 129_999, RESOURCE_EXHAUSTED: 1_070_000 };
  assert.deepEqual(failures({ statuses }, 'stopped-server'), []);
  assert.equal(failures({ statuses }).length, 1);
});

test('a run without a single call holds no promise about calls', () => {
  const changes = { offered: 0, accepted: 0, finished: 0, refused: 0, refusedBy: {}, statuses: {} };
  assert.deepEqual(failures(changes), ['every accepted call ends exactly once']);
});

test('below capacity the goodput bar is a share of what was offered', () => {
  const figures = { ...heldFigures(), goodputRps: 910, achievedOfferedRps: 1000 };
  const held = judge(scenario('slow-server'), 'sluice', 1000, figures).every(
    (verdict) => verdict.held,
  );
  assert.equal(held, true);
});

test('a stray status is told with the details of its first call', () => {
  const changes = {
    statuses: { OK: 129_999, UNAVAILABLE: 1, RESOURCE_EXHAUSTED: 1_070_000 },
    statusDetails: { UNAVAILABLE: 'the peer reset the stream with REFUSED_STREAM' },
  };
  const verdicts = judge(scenario('slow-server'), 'sluice', OFFERED, {
    ...heldFigures(),
    ...changes,
  });
  const failed = verdicts.find((verdict) => !verdict.held);
  assert.equal(failed?.figure, 'UNAVAILABLE 1 ("the peer reset the stream with REFUSED_STREAM")');
});
