// The load generator's parts: credit by the clock, the server's capacity clock, the histogram, and
// the counting of ends. Time is injected; nothing here waits for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapacityClock } from '../../dist/storm/capacity-clock.js';
import { Credit } from '../../dist/storm/credit.js';
import { Histogram } from '../../dist/storm/histogram.js';
import { Load, limitNamedBy } from '../../dist/storm/load.js';
import type { CallSink, ClientRuntime } from '../../dist/storm/runtime.js';

const PAYLOAD = Buffer.alloc(16);

test('credit gives what the clock says is due, less what was issued', () => {
  const credit = new Credit(1000, 50);
  assert.equal(credit.due(50, 1000), 0);
  assert.equal(credit.due(52.5, 1000), 2);
  credit.issued(2);
  assert.equal(credit.due(52.9, 1000), 0);
  assert.equal(credit.due(60, 1000), 8);
});

test('a stall leaves its calls due, in slices', () => {
  const credit = new Credit(100_000, 0);
  let issued = 0;
  for (let due = credit.due(1000, 512); due > 0; due = credit.due(1000, 512)) {
    assert.ok(due <= 512);
    credit.issued(due);
    issued += due;
  }
  assert.equal(issued, 100_000);
});

test('credit never passes elapsed x rate, whatever the times asked at', () => {
  const credit = new Credit(3333, 0);
  let issued = 0;
  for (let ms = 0; ms < 1000; ms += 0.7) {
    const due = credit.due(ms, 7);
    credit.issued(due);
    issued += due;
    assert.ok(issued <= (ms * 3333) / 1000);
  }
  assert.ok(issued >= 3320);
});

test('the capacity clock lets calls go at once while it is off', () => {
  const clock = new CapacityClock(0);
  let answered = 0;
  clock.awaitTurn(() => answered++);
  assert.equal(answered, 1);
});

test('the capacity clock drains its rate, in order, over any second', () => {
  const clock = new CapacityClock(0);
  clock.setRate(1000);
  const answered: number[] = [];
  for (let call = 0; call < 5000; call++) clock.awaitTurn(() => answered.push(call));
  for (let ms = 1; ms <= 1000; ms++) clock.tick(ms);
  assert.equal(answered.length, 1000);
  assert.deepEqual(
    answered,
    answered.map((_, index) => index),
  );
  assert.equal(clock.depth, 4000);
});

test('a stopped process gets no more than 250 ms of turns back', () => {
  const clock = new CapacityClock(0);
  clock.setRate(10_000);
  for (let call = 0; call < 100_000; call++) clock.awaitTurn(() => {});
  clock.tick(4000);
  assert.equal(clock.depth, 100_000 - 2500);
});

test('a server that a busy machine holds up for 200 ms keeps its capacity', () => {
  const clock = new CapacityClock(0);
  clock.setRate(10_000);
  for (let call = 0; call < 100_000; call++) clock.awaitTurn(() => {});
  for (let ms = 200; ms <= 4000; ms += 200) clock.tick(ms);
  assert.equal(clock.depth, 100_000 - 40_000);
});

test('an idle server keeps no more than 50 ms of turns for calls to come', () => {
  const clock = new CapacityClock(0);
  clock.setRate(10_000);
  for (let ms = 1; ms <= 1000; ms++) clock.tick(ms);
  for (let call = 0; call < 10_000; call++) clock.awaitTurn(() => {});
  assert.equal(clock.depth, 10_000 - 500);
});

test('turning the clock off lets every waiting call go', () => {
  const clock = new CapacityClock(0);
  clock.setRate(1);
  let answered = 0;
  for (let call = 0; call < 9; call++) clock.awaitTurn(() => answered++);
  clock.setRate(0);
  assert.equal(answered, 9);
});

test('quantiles are within a bucket of the true values', () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms);
  assert.ok(Math.abs(histogram.quantileMs(0.5) / 500 - 1) < 0.022);
  assert.ok(Math.abs(histogram.quantileMs(0.99) / 990 - 1) < 0.022);
  assert.equal(histogram.count, 1000);
});

test('an empty histogram answers 0 and extremes stay in range', () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantileMs(0.99), 0);
  histogram.record(0);
  histogram.record(-1);
  histogram.record(1e12);
  assert.equal(histogram.count, 3);
  assert.ok(Number.isFinite(histogram.quantileMs(1)));
  histogram.reset();
  assert.equal(histogram.quantileMs(0.5), 0);
});

test('a refusal is counted under the limit its details name', () => {
  assert.equal(limitNamedBy('refused by the open-calls limit: 10 of 10'), 'open-calls');
  assert.equal(limitNamedBy('refused by the  limit'), 'unnamed');
  assert.equal(limitNamedBy('refused by the moon'), 'unnamed');
  assert.equal(limitNamedBy('no'), 'unnamed');
});

/** Ends the first calls OK, refuses the next, keeps the rest. */
function threeWays(sinks: CallSink[]): ClientRuntime {
  return {
    call(_payload: Buffer, startedMs: number, _timeoutMs: number, sink: CallSink): void {
      sinks.push(sink);
      if (sinks.length <= 2) sink.ended(startedMs, 0, '');
      else if (sinks.length <= 5)
        sink.ended(startedMs, 8, 'refused by the open-calls limit: 2 of 2');
    },
    depths: () => null,
    acted: () => ({}),
    openStream: () => {
      throw new Error('no streams here');
    },
  };
}

test('each issued call is offered once and ends as finished, refused or in flight', async () => {
  let ms = 0;
  const sinks: CallSink[] = [];
  const load = new Load(threeWays(sinks), PAYLOAD, () => ms++);
  await load.openLoop(100, 0.09, 0);
  const counts = load.counts();
  assert.equal(counts.offered, sinks.length);
  assert.ok(counts.offered > 5);
  assert.equal(counts.finished, 2);
  assert.equal(counts.refused, 3);
  assert.deepEqual(counts.refusedBy, { 'open-calls': 3 });
  assert.equal(load.inFlight, counts.offered - 5);
  sinks[5]?.ended(0, 4, 'too late');
  assert.equal(load.counts().statuses[4], 1);
  sinks[5]?.ended(0, 4, 'later still');
  assert.equal(load.counts().firstDetails[4], 'too late');
  assert.equal(load.inFlight, counts.offered - 7);
});
