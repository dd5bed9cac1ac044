// The adaptive limit of calls in flight against a simulated server: it finds the capacity, follows
// it, and does nothing where no queue is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import { ConcurrencyLimiter, concurrencySettings } from '#sluice/transport/concurrency-limiter.js';
import { mulberry32 } from '../support/random.js';
import { SimulatedServer } from '../support/simulated-server.js';

const START_MS = 1_000;

/** The event loop of the simulated client has nothing else to do. */
function limiterOf(options = {}): { limiter: ConcurrencyLimiter; clock: { nowMs: number } } {
  const clock = { nowMs: START_MS };
  const settings = concurrencySettings(options, 4_096);
  return { limiter: new ConcurrencyLimiter(settings, START_MS, () => clock.nowMs), clock };
}

function serverOf(perMs: number, workMs: () => number, options = {}): SimulatedServer {
  const { limiter, clock } = limiterOf(options);
  const server = new SimulatedServer(limiter, perMs, workMs);
  Object.defineProperty(clock, 'nowMs', { get: () => server.nowMs });
  return server;
}

test('capacity halved and restored: goodput follows it and latency stays', () => {
  const server = serverOf(10, () => 1);
  server.run(2_000, 20);
  const full = server.run(5_000, 20);
  server.perMs = 5;
  const halved = server.run(5_000, 20);
  server.perMs = 10;
  const restored = server.run(5_000, 20);
  assert.ok(full.goodput > 9_500, `${full.goodput} of 10,000`);
  assert.ok(halved.goodput > 4_750, `${halved.goodput} of 5,000`);
  assert.ok(restored.goodput > 9_500, `${restored.goodput} of 10,000`);
  assert.ok(full.p99Ms <= 12, `${full.p99Ms} ms`);
  assert.ok(halved.p99Ms <= 2 * full.p99Ms, `${halved.p99Ms} ms, ${full.p99Ms} before`);
  assert.ok(restored.p99Ms <= 2 * full.p99Ms, `${restored.p99Ms} ms, ${full.p99Ms} before`);
});

test('answers that vary by themselves are no queue: no call is held back', () => {
  const random = mulberry32(7);
  const server = serverOf(1_000, () => 20 * -Math.log(1 - random()), { initial: 100 });
  const { refused, goodput } = server.run(20_000, 2);
  assert.equal(refused, 0);
  assert.ok(goodput > 1_950, `${goodput} of 2,000`);
});

test('fast answers among slow ones tell: a queue before both is found', () => {
  const random = mulberry32(11);
  const server = serverOf(10, () => (random() < 0.05 ? 300 : 1));
  server.run(3_000, 20);
  const { goodput } = server.run(5_000, 20);
  assert.ok(goodput > 9_000, `${goodput} of 10,000`);
});

test('a server that takes longer for good is believed within two seconds', () => {
  const server = serverOf(1_000, () => 2);
  server.run(3_000, 5);
  server.workMs = () => 60;
  server.run(2_000, 5);
  const { goodput } = server.run(2_000, 5);
  assert.ok(goodput > 4_750, `${goodput} of 5,000`);
});

test('a server that becomes faster: its queue is found by the next probe', () => {
  const server = serverOf(10, () => 40);
  server.run(8_000, 20);
  server.workMs = () => 1;
  server.run(25_000, 20);
  const { goodput, p99Ms } = server.run(5_000, 20);
  assert.ok(goodput > 9_000, `${goodput} of 10,000`);
  assert.ok(p99Ms <= 20, `${p99Ms} ms`);
});

test('a limit far below what the server can do is grown within a second', () => {
  const server = serverOf(1_000, () => 50, { initial: 4 });
  server.run(4_000, 10);
  const { goodput } = server.run(1_000, 10);
  assert.ok(goodput > 9_500, `${goodput} of 10,000`);
});

test('a few calls at a time: one slow backend of 20 calls a second loses none of them', () => {
  const server = serverOf(0.02, () => 5);
  server.run(10_000, 0.05);
  const { goodput } = server.run(20_000, 0.05);
  assert.ok(goodput >= 19, `${goodput} of 20`);
});

test('refusals of the server hold the limit to what it takes', () => {
  const server = serverOf(1_000, () => 10);
  server.mostWaiting = 0;
  const shed = server.run(2_000, 10);
  assert.equal(shed.goodput, 0);
  server.mostWaiting = Number.POSITIVE_INFINITY;
  server.run(1_500, 10);
  const { goodput } = server.run(1_000, 10);
  assert.ok(goodput > 9_500, `${goodput} of 10,000`);
});

test('calls given up, and those from before the window, say nothing of the server', () => {
  const { limiter } = limiterOf({ initial: 10, min: 1 });
  for (let i = 0; i < 10; i += 1) limiter.admit();
  assert.equal(limiter.full, true);
  limiter.leave();
  assert.equal(limiter.full, false);
  for (let i = 0; i < 9; i += 1) limiter.answer(START_MS - 1, START_MS + 5_000, Status.OK);
  assert.equal(limiter.inFlight, 0);
  assert.equal(limiter.limit, 10);
  assert.equal(limiter.baseMs, 0);
});
