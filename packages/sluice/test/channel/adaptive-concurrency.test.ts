// The option `adaptiveConcurrency`: which calls are in flight, what becomes of those past the limit,
// and what is refused as a setting.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type ChannelOptions, connect, Status } from '#sluice/index.js';
import type { AdaptiveConcurrencyOptions } from '#sluice/transport/concurrency-limiter.js';
import { failureOf, Running, type Signal, signal, textsOf } from '../support/running.js';

const HELD = '/test.Concurrency/Held';
const WATCH = '/test.Concurrency/Watch';
const COLLECT = '/test.Concurrency/Collect';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A server whose unary handlers wait until they are let go, and streams that last until then. */
function heldServer(): { server: ReturnType<Running['server']>; held: Signal<Buffer>[] } {
  const held: Signal<Buffer>[] = [];
  const hold = (): Promise<Buffer> => {
    const one = signal<Buffer>();
    held.push(one);
    return one.happened;
  };
  const server = running
    .server()
    .unary(HELD, hold)
    .serverStreaming(WATCH, async function* () {
      yield X;
      yield await hold();
    })
    .clientStreaming(COLLECT, async (requests) => {
      for await (const _ of requests);
      return X;
    });
  return { server, held };
}

const TWO: ChannelOptions = { adaptiveConcurrency: { initial: 2, min: 1, max: 2 } };

describe('adaptiveConcurrency', () => {
  it('fail: a call past the limit is refused by its name, with the depth and the cure', async () => {
    const { server, held } = heldServer();
    const channel = await running.channelTo(server, { ...TWO, admissionPolicy: 'fail' });
    await channel.ready();
    const calls = [channel.unary(HELD, X), channel.unary(HELD, X)];
    const { code, details } = await failureOf(channel.unary(HELD, X));
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      details,
      'refused by the concurrency limit: 2 of 2 calls are all that the server answers without a queue; slow down or add servers',
    );
    assert.deepEqual(channel.stats().limits.concurrency, {
      value: 2,
      unit: 'calls',
      depth: 2,
      acted: 1,
    });
    await untilHeld(held, 2);
    for (const one of held) one.raise(X);
    await Promise.all(calls);
    assert.equal(channel.stats().limits.concurrency?.depth, 0);
  });

  it('wait: the call goes as soon as one before it is answered', async () => {
    const { server, held } = heldServer();
    const channel = await running.channelTo(server, TWO);
    const calls = [channel.unary(HELD, X), channel.unary(HELD, X), channel.unary(HELD, X)];
    await untilHeld(held, 2);
    assert.equal(channel.stats().waitingCalls, 1);
    held[0]?.raise(X);
    await untilHeld(held, 3);
    held[1]?.raise(X);
    held[2]?.raise(X);
    await Promise.all(calls);
  });

  it('a call that is cancelled makes room', async () => {
    const { server, held } = heldServer();
    const channel = await running.channelTo(server, TWO);
    const abort = new AbortController();
    const cancelled = channel.unary(HELD, X, { signal: abort.signal });
    const calls = [channel.unary(HELD, X), channel.unary(HELD, X)];
    await untilHeld(held, 2);
    abort.abort();
    await failureOf(cancelled);
    await untilHeld(held, 3);
    for (const one of held) one.raise(X);
    await Promise.all(calls);
    assert.equal(channel.stats().limits.concurrency?.depth, 0);
  });

  it('a stream of responses is in flight until its headers, and then makes room', async () => {
    const { server, held } = heldServer();
    const channel = await running.channelTo(server, TWO);
    const watches = [textsOf(channel.serverStreaming(WATCH, X))];
    watches.push(textsOf(channel.serverStreaming(WATCH, X)));
    watches.push(textsOf(channel.serverStreaming(WATCH, X)));
    await untilHeld(held, 3);
    while (channel.stats().limits.concurrency?.depth !== 0) await new Promise(setImmediate);
    for (const one of held) one.raise(X);
    assert.deepEqual(await Promise.all(watches), [
      ['x', 'x'],
      ['x', 'x'],
      ['x', 'x'],
    ]);
  });

  it('a stream of requests lasts as long as its caller likes: it is not counted', async () => {
    const { server } = heldServer();
    const channel = await running.channelTo(server, { ...TWO, admissionPolicy: 'fail' });
    await channel.ready();
    const more = signal();
    const collects: Promise<Buffer>[] = [];
    for (let i = 0; i < 3; i += 1) {
      const sent = signal();
      collects.push(
        channel.clientStreaming(
          COLLECT,
          (async function* () {
            yield X;
            sent.raise();
            await more.happened;
          })(),
        ),
      );
      await sent.happened;
      await new Promise(setImmediate);
    }
    assert.equal(channel.stats().limits.concurrency?.depth, 0);
    more.raise();
    await Promise.all(collects);
  });

  it('off by default, and by false: stats do not show it', async () => {
    const { server } = heldServer();
    for (const options of [{}, { adaptiveConcurrency: false }]) {
      const channel = running.channel('127.0.0.1:1', options);
      assert.equal(channel.stats().limits.concurrency, undefined);
    }
    assert.equal(server.stats().limits['queue-delay'], undefined);
  });

  const wrong: readonly (readonly [AdaptiveConcurrencyOptions, RegExp])[] = [
    [{ initial: 0 }, /^RangeError: adaptiveConcurrency\.initial is 0; it must be an integer of at/],
    [{ min: 1.5 }, /^RangeError: adaptiveConcurrency\.min is 1\.5; it must be an integer of at/],
    [{ max: 0 }, /^RangeError: adaptiveConcurrency\.max is 0; it must be an integer of at least 1/],
    [{ min: 5, max: 4 }, /^RangeError: adaptiveConcurrency\.min is 5; it must be at most max, 4$/],
    [{ initial: 9, max: 4 }, /^RangeError: adaptiveConcurrency\.initial is 9; it must be from min/],
    [{ queueMs: 0 }, /^RangeError: adaptiveConcurrency\.queueMs is 0; it must be more than 0 ms$/],
  ];
  for (const [adaptiveConcurrency, text] of wrong) {
    it(`refuses ${JSON.stringify(adaptiveConcurrency)}`, () => {
      assert.throws(() => connect('127.0.0.1:1', { adaptiveConcurrency }), text);
    });
  }
});

/** Resolves when so many handlers were started. */
async function untilHeld(held: readonly unknown[], count: number): Promise<void> {
  while (held.length < count) await new Promise(setImmediate);
}
