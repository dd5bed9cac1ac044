// Shedding by queue delay: which calls a server turns away, what they are told, and when it stops.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Status, StatusError } from '#sluice/index.js';
import { QueueDelay, type QueueDelayOptions } from '#sluice/server/queue-delay.js';
import type { Clock } from '#sluice/transport/clock.js';
import { mulberry32 } from '../support/random.js';
import { Running } from '../support/running.js';
import { VirtualClock } from '../support/virtual-clock.js';

const PATH = '/test.Queue/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

function queueOf(options: QueueDelayOptions = {}): { clock: VirtualClock; queue: QueueDelay } {
  const clock = new VirtualClock(1_000);
  const host = { clock, idle: () => clock.now(), random: () => 0.5 };
  return { clock, queue: new QueueDelay(options, host) };
}

/** An event loop whose every turn takes `turnMs`, with so many calls in each; answers how many were shed. */
function turns(
  { clock, queue }: ReturnType<typeof queueOf>,
  count: number,
  turnMs: number,
  calls = 10,
): number {
  let shed = 0;
  for (let turn = 0; turn < count; turn += 1) {
    for (let i = 0; i < calls; i += 1)
      if (queue.refusal(PATH, clock.now()) !== undefined) shed += 1;
    clock.stall(turnMs);
  }
  return shed;
}

describe('the delay of the event loop', () => {
  it('below the target nothing is shed', () => {
    const queue = queueOf();
    assert.equal(turns(queue, 200, 15), 0);
  });

  it('one slow turn below the interval sheds nothing', () => {
    const queue = queueOf();
    turns(queue, 20, 5);
    assert.equal(turns(queue, 1, 80), 0);
    assert.equal(turns(queue, 50, 5), 0);
  });

  it('a delay that stands above the target for an interval is shed, until turns are short', () => {
    const queue = queueOf();
    assert.equal(turns(queue, 2, 60), 0);
    assert.ok(turns(queue, 10, 60) > 0);
    turns(queue, 30, 5);
    assert.equal(turns(queue, 100, 5), 0);
    assert.equal(turns(queue, 1, 80), 0);
  });

  it('a call that waited longer than the interval is shed at once', () => {
    const queue = queueOf();
    assert.equal(turns(queue, 1, 500), 0);
    const { queue: shedding } = queue;
    const error = shedding.refusal(PATH, queue.clock.now());
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      error.details,
      'refused by the queue-delay limit: calls wait 489 ms on this server, 20 ms are allowed; slow down or add servers',
    );
    assert.equal(error.metadata.get('grpc-retry-pushback-ms'), '375');
    assert.equal(shedding.delayMs, 489);
    assert.equal(shedding.shed, 1);
  });

  it('a delay that no shedding shortens never costs every call', () => {
    const clock = new VirtualClock(1_000);
    const host = { clock, idle: () => 0, random: mulberry32(5) };
    const queue = { clock, queue: new QueueDelay({}, host) };
    const shed = turns(queue, 200, 200);
    assert.ok(shed > 1_500 && shed < 1_950, `${shed} of 2,000`);
  });

  it('a loop that is busy with its calls serves nearly as many as it can, soon after they came', () => {
    const base = new VirtualClock(1_000);
    let ahead = 0;
    // Within a turn time passes and no timer runs.
    const clock: Clock = {
      now: () => base.now() + ahead,
      setTimer: (callback, ms, ref) => base.setTimer(callback, ahead + ms, ref),
      clearTimer: (handle) => base.clearTimer(handle),
    };
    const queue = new QueueDelay({}, { clock, idle: () => 0, random: mulberry32(3) });
    let taken = 0;
    let due = 0;
    let slowestMs = 0;
    while (base.now() < 21_000) {
      // Twice as many come as can be served at 1 ms each; one that is shed takes a twentieth.
      for (; due >= 1; due -= 1) {
        const isTaken = queue.refusal(PATH, clock.now()) === undefined;
        if (isTaken) taken += 1;
        ahead += isTaken ? 1 : 0.05;
      }
      const turnMs = ahead + 0.1;
      ahead = 0;
      due += turnMs * 2;
      if (base.now() > 3_000) slowestMs = Math.max(slowestMs, turnMs);
      base.stall(turnMs);
    }
    assert.ok(slowestMs < 150, `a turn of ${slowestMs} ms`);
    assert.ok(taken > 16_000, `${taken} of 20,000`);
    assert.ok(queue.shed > 16_000, `${queue.shed} shed`);
  });

  it('turns are short, chunks are left half read: what waited in them is shed', () => {
    const clock = new VirtualClock(1_000);
    const queue = new QueueDelay({}, { clock, idle: () => 0, random: () => 0.5 });
    for (let turn = 0; turn < 50; turn += 1) {
      assert.equal(queue.refusal(PATH, clock.now() - 15), undefined);
      clock.stall(5);
    }
    for (let turn = 0; turn < 50; turn += 1) {
      queue.refusal(PATH, clock.now() - 60);
      clock.stall(5);
    }
    assert.notEqual(queue.refusal(PATH, clock.now() - 60), undefined);
    assert.equal(queue.refusal(PATH, clock.now() - 15), undefined);
  });

  it('a loop that has time to idle takes what came in one burst', () => {
    const clock = new VirtualClock(1_000);
    const queue = new QueueDelay({}, { clock, idle: () => clock.now() / 2, random: () => 0.5 });
    for (let turn = 0; turn < 100; turn += 1) {
      assert.equal(queue.refusal(PATH, clock.now() - 60), undefined);
      clock.stall(5);
    }
  });

  it('health checks are never shed', () => {
    const queue = queueOf();
    turns(queue, 1, 500);
    assert.equal(queue.queue.refusal('/grpc.health.v1.Health/Check', 0), undefined);
    assert.notEqual(queue.queue.refusal(PATH, queue.clock.now()), undefined);
  });

  it('targetMs, intervalMs and pushbackMs are what the options say', () => {
    const queue = queueOf({ targetMs: 5, intervalMs: 30, pushbackMs: 1_000 });
    turns(queue, 1, 100);
    const error = queue.queue.refusal(PATH, queue.clock.now());
    assert.match(String(error), /5 ms are allowed/);
    assert.equal(error?.metadata.get('grpc-retry-pushback-ms'), '1500');
  });

  it('no timer runs while no call comes', () => {
    const { clock, queue } = queueOf();
    assert.equal(clock.pending, 0);
    queue.refusal(PATH, clock.now());
    assert.equal(clock.pending, 1);
    assert.equal(clock.pendingRefs, 0);
    clock.advance(500);
    assert.equal(clock.pending, 0);
    assert.equal(queue.delayMs, 0);
  });
});

describe('the time inside unary handlers', () => {
  /** A backend behind the handlers that lets so many go in a millisecond. */
  function serve(
    { clock, queue }: ReturnType<typeof queueOf>,
    waiting: number[],
    ms: number,
    perMs: number,
    offeredPerMs: number,
  ): { served: number; shed: number; slowestMs: number } {
    let served = 0;
    let shed = 0;
    let slowestMs = 0;
    for (let passed = 0; passed < ms; passed += 1) {
      for (let i = 0; i < offeredPerMs; i += 1) {
        if (queue.refusal(PATH, clock.now()) === undefined) {
          queue.begin(PATH);
          waiting.push(clock.now());
        } else {
          shed += 1;
        }
      }
      clock.advance(1);
      for (const startedMs of waiting.splice(0, perMs)) {
        const limiter = queue.begin(PATH);
        limiter.leave();
        limiter.answer(startedMs, clock.now(), Status.OK);
        slowestMs = Math.max(slowestMs, clock.now() - startedMs);
        served += 1;
      }
    }
    return { served, shed, slowestMs };
  }

  it('calls past what a backend takes are shed, and it is kept busy at the target', () => {
    const queue = queueOf();
    const waiting: number[] = [];
    assert.equal(serve(queue, waiting, 1_000, 10, 5).shed, 0);
    serve(queue, waiting, 1_000, 10, 20);
    const full = serve(queue, waiting, 3_000, 10, 20);
    assert.equal(full.served, 30_000);
    assert.ok(full.slowestMs < 40, `${full.slowestMs} ms`);
    serve(queue, waiting, 1_000, 5, 20);
    const halved = serve(queue, waiting, 3_000, 5, 20);
    assert.ok(halved.served > 14_500, `${halved.served} of 15,000`);
    assert.ok(halved.slowestMs < 40, `${halved.slowestMs} ms`);
    assert.equal(serve(queue, waiting, 1_000, 50, 20).shed < 2_000, true);
    assert.equal(serve(queue, waiting, 1_000, 50, 20).shed, 0);
  });

  it('many handlers that take long and no longer than ever are no queue', () => {
    const queue = queueOf();
    const begun: number[] = [];
    let shed = 0;
    for (let ms = 0; ms < 5_000; ms += 1) {
      if (queue.queue.refusal(PATH, queue.clock.now()) !== undefined) shed += 1;
      const limiter = queue.queue.begin(PATH);
      begun.push(queue.clock.now());
      queue.clock.advance(1);
      const first = begun[0];
      if (first === undefined || queue.clock.now() - first < 800) continue;
      begun.shift();
      limiter.answer(first, queue.clock.now(), Status.OK);
    }
    assert.equal(shed, 0);
  });
});

it('a server whose event loop is blocked sheds what comes behind, and says so in stats()', async () => {
  const server = running.server({ shedQueueDelay: { targetMs: 1, intervalMs: 10 } });
  server.unary(PATH, (request) => {
    const end = performance.now() + 100;
    while (performance.now() < end);
    return request;
  });
  const channel = await running.channelTo(server);
  await channel.ready();
  const calls = [channel.unary(PATH, X), channel.unary(PATH, X), channel.unary(PATH, X)];
  const ends = await Promise.allSettled(calls);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
  const reason: unknown = ends[1]?.status === 'rejected' ? ends[1].reason : undefined;
  assert.ok(reason instanceof StatusError);
  assert.equal(reason.code, Status.RESOURCE_EXHAUSTED);
  assert.match(reason.details, /^refused by the queue-delay limit: calls wait \d+ ms on this/);
  const pushback = Number(reason.metadata.get('grpc-retry-pushback-ms'));
  assert.ok(pushback >= 250 && pushback <= 500, `${pushback} ms`);
  const { value, unit, acted } = server.stats().limits['queue-delay'] ?? {};
  assert.deepEqual({ value, unit, acted }, { value: 1, unit: 'ms', acted: 2 });
});

it('a setting that is none is refused by its name', () => {
  assert.throws(
    () => running.server({ shedQueueDelay: { targetMs: 0 } }),
    /^RangeError: shedQueueDelay\.targetMs is 0; it must be more than 0 ms$/,
  );
  assert.throws(
    // @ts-expect-error: no such setting
    () => running.server({ shedQueueDelay: { target: 5 } }),
    /^TypeError: shedQueueDelay has no option "target"; did you mean targetMs\?$/,
  );
});
