// What a soak is held to: each thing that can go wrong fails it by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from '../../dist/soak/fit.js';
import { type Outcome, reportOf } from '../../dist/soak/outcome.js';
import type { Closed } from '../../dist/soak/protocol.js';

const NOTHING_LEFT: Closed = {
  left: { handles: 0, timers: 0, names: [] },
  streams: 0,
  handlers: 0,
  stuck: [],
};

/** One every five seconds, the value by the second. */
function samplesOf(seconds: number, value: (at: number) => number): Sample[] {
  return Array.from({ length: seconds / 5 }, (_, i) => ({
    atSeconds: 5 * (i + 1),
    // A little noise, so that an interval has a width.
    value: value(5 * (i + 1)) + ((i * 7) % 5) / 50,
  }));
}

function outcome(seconds: number, client: (at: number) => number, more: Partial<Outcome>): Outcome {
  return {
    runtime: 'sluice',
    seconds,
    samples: { client: samplesOf(seconds, client), server: samplesOf(seconds, () => 20) },
    skippedSamples: 0,
    account: { begun: 100, open: 0, statuses: { OK: 100 }, twice: 0, wrong: 0, faults: [] },
    overdue: [],
    channels: 9,
    restarts: 1,
    faults: {},
    closed: { client: NOTHING_LEFT, server: NOTHING_LEFT },
    broken: [],
    ...more,
  };
}

function whyOf(seconds: number, client: (at: number) => number, more: Partial<Outcome> = {}) {
  const report = reportOf(outcome(seconds, client, more));
  assert.equal(report.held, report.why.length === 0);
  return report.why.join('\n');
}

const level = (): number => 20;

test('a level heap with nothing left is held', () => {
  assert.equal(whyOf(180, level), '');
  assert.equal(whyOf(1_800, level), '');
});

test('three minutes are failed by a slope whose whole interval is above the bar', () => {
  assert.match(
    whyOf(180, (at) => 20 + at / 50),
    /client's live memory grows: 7\d\.\d\d MB\/h/,
  );
});

test('half an hour is failed by 2 MB/h, and held at 0.5', () => {
  assert.match(
    whyOf(1_800, (at) => 20 + at / 1_800),
    /grows by 2\.\d\d MB\/h.*at most 1 MB\/h/,
  );
  assert.equal(
    whyOf(1_800, (at) => 20 + at / 7_200),
    '',
  );
});

test('what V8 learns during three minutes is no leak', () => {
  assert.equal(
    whyOf(180, (at) => 20 + Math.min(at, 120) / 1_000),
    '',
  );
});

test('growth during the warm-up is none', () => {
  assert.equal(
    whyOf(180, (at) => 20 + Math.min(at, 30)),
    '',
  );
});

test('a step late in the run fails it, whatever the slope is', () => {
  assert.match(
    whyOf(180, (at) => (at > 140 ? 30 : 20)),
    /is 10\.\d\d MB above/,
  );
});

test('a run below a minute is not judged by its memory', () => {
  assert.equal(
    whyOf(30, (at) => 20 + at),
    '',
  );
});

test('calls that never end, end twice or end as they must not are lost', () => {
  const account = { begun: 9, open: 1, statuses: {}, twice: 2, wrong: 3, faults: ['call 7'] };
  const report = reportOf(outcome(180, level, { account, overdue: ['call 5'] }));
  assert.equal(report.lost, 6);
  assert.deepEqual(report.why, [
    '1 calls never ended: call 5',
    '2 calls ended twice',
    '3 calls ended as they must not',
    'call 7',
  ]);
});

test('what is left open fails it, and is named', () => {
  const left = { handles: 1, timers: 2, names: ['2 in the timer wheel', '1 TCPSocketWrap'] };
  const client: Closed = { left, streams: 0, handlers: 0, stuck: [] };
  const server: Closed = {
    ...NOTHING_LEFT,
    streams: 3,
    handlers: 4,
    stuck: ['a server did not close'],
  };
  const report = reportOf(outcome(180, level, { closed: { client, server } }));
  assert.deepEqual(report.why, [
    'the client kept 2 in the timer wheel, 1 TCPSocketWrap',
    'server: a server did not close',
    'the server kept 3 streams',
    '4 handlers are still running',
  ]);
  assert.deepEqual(
    [report.openHandles, report.openTimers, report.openStreams, report.handlersLeft],
    [1, 2, 3, 4],
  );
});

test('a process that died fails it', () => {
  const why = whyOf(180, level, { broken: ['the client ended with SIGKILL'], closed: undefined });
  assert.equal(why, 'the client ended with SIGKILL\nwhat is left was not counted');
});
