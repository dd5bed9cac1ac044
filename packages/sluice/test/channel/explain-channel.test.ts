// What calls without a stream wait for, by `Channel.explain()`, `Call.explain()` and the error of their
// deadline: calls over real sockets.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Call,
  type CallListener,
  type CallOptions,
  type Channel,
  type ChannelOptions,
  registerResolver,
  Status,
  StatusError,
} from '#sluice/index.js';
import { memoryBudget } from '#sluice/transport/memory-budget.js';
import { RawServer } from '../errors/raw-ends.js';
import { failureOf, Running, signal } from '../support/running.js';

const HANG = '/test.Explain/Hang';
const X = Buffer.from('x');
const NOBODY: CallListener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd() {} };

const running = new Running();
const raw: RawServer[] = [];
const budgetBytes = memoryBudget.limitBytes;

afterEach(async () => {
  memoryBudget.limitBytes = budgetBytes;
  for (const server of raw.splice(0)) server.close();
  await running.end();
});

/** A channel to a server whose handlers never answer, and the first call, which hangs there. */
async function hung(options: ChannelOptions): Promise<{ channel: Channel; first: Call }> {
  const started = signal();
  const server = running.server().handle(HANG, () => {
    started.raise();
    return NOBODY_SERVES;
  });
  const channel = await running.channelTo(server, options);
  const first = channel.call(HANG, {}, NOBODY);
  first.halfClose();
  await started.happened;
  return { channel, first };
}

const LIMITS: Record<string, ChannelOptions['limits']> = {
  'queued-items': { queuedItems: 1 },
  'queued-bytes': { queuedBytes: 1 },
  'queue-age': { queueAgeMs: 1, queuedBytes: Number.POSITIVE_INFINITY },
  'exposure-bytes': { exposureBytes: 1 },
};

/** A channel to a server that reads nothing, and a call that sends it more than two kernels hold. */
async function blocked(
  limits: ChannelOptions['limits'],
): Promise<{ channel: Channel; first: Call }> {
  const server = await RawServer.greeting({ INITIAL_WINDOW_SIZE: 0x7fff_ffff }, (peer) => {
    peer.windowUpdate(0, 0x7000_0000).flush();
    peer.socket.pause();
  });
  raw.push(server);
  const unlimited = { queuedBytes: Number.POSITIVE_INFINITY, ...limits };
  const channel = running.channel(server.target, { limits: unlimited });
  await channel.ready();
  const first = channel.call(HANG, {}, NOBODY);
  first.send(Buffer.alloc(32 * 1024 ** 2));
  while (channel.stats().connections[0]?.loopy !== 'blocked-on-socket') await nextTurn();
  return { channel, first };
}

const NOBODY_SERVES = { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} };

/** What a call says of itself, which its channel says too, and then its deadline. */
async function sentence(channel: Channel, options: CallOptions = {}): Promise<string> {
  const call = channel.call(HANG, options, NOBODY);
  const text = call.explain();
  const told = /waited (\d+) ms (.*)/.exec(text)?.[2] ?? text;
  // Times differ, by milliseconds.
  const same = (one: string): string => one.replaceAll(/(in|waited) \d+ ms/g, '$1 n ms');
  const line = channel.explain().split('\n')[0] ?? '';
  assert.ok(same(line).endsWith(same(told).replace(/; 1 call is before it$/, '')), line);
  call.cancel();
  const late = await failureOf(channel.unary(HANG, X, { ...options, timeoutMs: 20 }));
  assert.equal(late.code, Status.DEADLINE_EXCEEDED);
  assert.equal(same(late.details), `deadline of 20 ms exceeded; waited n ms ${same(told)}`);
  return text.replace(/^waited \d+ ms /, '');
}

describe('a call without a stream explains that it waits for', () => {
  it("a limit of this process, by the limit's name, value and depth", async () => {
    const { channel, first } = await hung({ limits: { openCalls: 1 } });
    assert.equal(
      await sentence(channel),
      'for the open-calls limit: 1 of 1 calls are open on this connection; slow down or raise limits.openCalls',
    );
    first.cancel();
  });

  for (const limit of [
    'queued-items',
    'queued-bytes',
    'queue-age',
    'exposure-bytes',
    'memory-budget',
  ]) {
    it(`the ${limit} limit`, async () => {
      const { channel, first } = await blocked(LIMITS[limit] ?? {});
      if (limit === 'memory-budget') memoryBudget.limitBytes = 1024 ** 2;
      const calls: Call[] = [first];
      let text = '';
      while (!text.includes('limit: ')) {
        const call = channel.call(HANG, {}, NOBODY);
        calls.push(call);
        text = call.explain();
        await nextTurn();
      }
      assert.match(text, new RegExp(`^waited \\d+ ms for the ${limit} limit: \\d+ of \\d+ `));
      // The budget goes by what all connections hold, which may change at any time.
      if (limit !== 'memory-budget') {
        const { details } = await failureOf(channel.unary(HANG, X, { timeoutMs: 20 }));
        assert.match(details, new RegExp(`^deadline .*; waited \\d+ ms for the ${limit} limit: `));
      }
      memoryBudget.limitBytes = budgetBytes;
      for (const call of calls.reverse()) call.cancel();
      // Its timer goes by one more look.
      while (memoryBudget.wheelSlot >= 0) await nextTurn();
    });
  }

  it('the socket, and what the kernel holds of it', async () => {
    const { channel, first } = await blocked({});
    assert.match(
      first.explain(),
      process.platform === 'linux'
        ? /^waited \d+ ms for the socket, which takes no bytes: \d+ bytes wait in this process and \d+ in the kernel's send queue; it goes on/
        : /^waited \d+ ms for the socket, which takes no bytes: /,
    );
    const late = await failureOf(channel.unary(HANG, X, { timeoutMs: 20 }));
    assert.match(
      late.details,
      /^deadline .*; waited \d+ ms for the socket, which takes no bytes: /,
    );
    first.cancel();
  });

  it('the concurrency that the server has shown to bear', async () => {
    const adaptiveConcurrency = { initial: 1, min: 1, max: 1 };
    const { channel, first } = await hung({ adaptiveConcurrency });
    assert.match(await sentence(channel), /^for the concurrency limit: 1 of 1 calls /);
    first.cancel();
  });

  it("one of the server's streams", async () => {
    const server = running.server({ limits: { streams: 1 } });
    const started = signal();
    server.handle(HANG, () => {
      started.raise();
      return NOBODY_SERVES;
    });
    const channel = await running.channelTo(server);
    const first = channel.call(HANG, {}, NOBODY);
    await started.happened;
    assert.equal(
      await sentence(channel),
      'for one of the 1 streams that the server allows; it goes on as a call on the connection ends, or over another connection',
    );
    first.cancel();
  });

  it('the same, behind those that came before it', async () => {
    const { channel, first } = await hung({ limits: { openCalls: 1 } });
    const second = channel.call(HANG, {}, NOBODY);
    const third = channel.call(HANG, {}, NOBODY);
    assert.match(third.explain(), /limits\.openCalls; 1 call is before it$/);
    assert.match(
      channel.explain(),
      /^2 calls have no stream yet; the first, .*Hang, waited \d+ ms for the open-calls limit/,
    );
    for (const call of [third, second, first]) call.cancel();
    assert.equal(first.explain(), 'the call is over');
  });

  it('the addresses of its target', async () => {
    const quiet = { resolve() {}, close() {} };
    registerResolver({ scheme: 'mute', authority: () => 'mute', create: () => quiet });
    assert.equal(
      await sentence(running.channel('mute:backends')),
      'for the addresses of mute:backends, which are being looked up; it goes on as they are found',
    );
  });

  it('a connection that is being made', async () => {
    const listener = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const channel = running.channel(`127.0.0.1:${port}`);
    assert.equal(
      await sentence(channel),
      `for a connection to 127.0.0.1:${port}, which is being made; it goes on as that is ready`,
    );
    listener.close();
  });

  it('the end of a backoff, and why it is in one', async () => {
    const channel = running.channel('127.0.0.1:1');
    await failureOf(channel.unary(HANG, X));
    assert.match(
      await sentence(channel, { waitForReady: true }),
      /^for a connection, tried again in \d+ ms; cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
  });

  it('its next attempt, and why the last one failed', async () => {
    const server = running.server().unary(HANG, () => {
      throw new StatusError(Status.UNAVAILABLE, 'down');
    });
    const channel = await running.channelTo(server, {
      serviceConfig: {
        methodConfig: [
          {
            name: [{}],
            retryPolicy: {
              maxAttempts: 2,
              initialBackoff: '100s',
              maxBackoff: '100s',
              backoffMultiplier: 1,
              retryableStatusCodes: ['UNAVAILABLE'],
            },
          },
        ],
      },
    });
    const call = channel.call(HANG, {}, NOBODY);
    call.send(X);
    call.halfClose();
    const waits = /waited \d+ ms for its next attempt, due in \d+ ms, after UNAVAILABLE: down$/;
    while (!waits.test(call.explain())) await nextTurn();
    assert.match(
      channel.explain(),
      /^1 call has no attempt under way; the first waited \d+ ms for its next attempt, due in \d+ ms, after UNAVAILABLE: down$/,
    );
    call.cancel();
  });
});

describe('Channel.explain()', () => {
  it('says that nothing waits, and the state', async () => {
    const { channel, first } = await hung({});
    first.cancel();
    assert.equal(channel.explain(), 'nothing waits; the channel is READY');
    await channel.close();
    assert.equal(channel.explain(), 'the channel is closed');
  });

  it('tells of the call that is worst off on a connection', async () => {
    const { channel, first } = await hung({});
    const second = channel.call(HANG, {}, NOBODY);
    assert.match(
      channel.explain(),
      /^2 calls open to 127\.0\.0\.1:\d+; the one worst off, \/test\.Explain\/Hang, waited \d+ ms for the server's handler, to which the whole request was sent/,
    );
    second.cancel();
    first.cancel();
  });

  it('tells what callers of ready() wait for', async () => {
    const { channel, first } = await hung({ limits: { openCalls: 1 } });
    const ready = channel.ready();
    assert.match(channel.explain(), /^ready\(\) is waited for: the open-calls limit: 1 of 1 calls/);
    first.cancel();
    await ready;
  });
});
