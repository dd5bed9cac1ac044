// "Refused by a limit of the client" of docs/errors.md: each limit of a channel, filled over real
// sockets.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CallListener, Channel, ChannelOptions, ServerOptions } from '#sluice/index.js';
import { Metadata, registerResolver, Status } from '#sluice/index.js';
import { PARTIAL_WAIT_MS } from '#sluice/transport/limits.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';
import { failureOf, Running, signal } from '../support/running.js';
import { assertListed } from './listed.js';
import { RawServer } from './raw-ends.js';

const PATH = '/test.Limits/Hang';
const X = Buffer.from('x');

const running = new Running();
const raw: RawServer[] = [];

afterEach(async () => {
  for (const server of raw.splice(0)) server.close();
  await running.end();
});

/** A connected channel to a server that never answers, and what ends its calls. */
async function hanging(
  options: ChannelOptions,
  serverOptions: ServerOptions = {},
): Promise<{ channel: Channel; controller: AbortController; call(): Promise<unknown> }> {
  const server = running.server(serverOptions).unary(PATH, (request, { signal: gone }) => {
    return new Promise((resolve) => gone.addEventListener('abort', () => resolve(request)));
  });
  const channel = await running.channelTo(server, options);
  const controller = new AbortController();
  await channel.ready();
  const call = (): Promise<unknown> => channel.unary(PATH, X, { signal: controller.signal });
  return { channel, controller, call };
}

/** Fills the limit with one call; the next is refused with a text of the page. */
async function assertRefused(
  text: string,
  options: ChannelOptions,
  serverOptions?: ServerOptions,
): Promise<void> {
  const { controller, call } = await hanging(
    { admissionPolicy: 'fail', ...options },
    serverOptions,
  );
  const open = failureOf(call());
  const refused = await failureOf(call());
  controller.abort();
  assert.equal((await open).details, 'the signal was aborted');
  assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
  assertListed(refused.details, text);
}

describe('a call that a connection has no room for', () => {
  for (const [text, options, serverOptions] of [
    [
      'refused by the open-calls limit: <n> of <n> calls are open on this connection; slow down or raise limits.openCalls',
      { limits: { openCalls: 1 } },
    ],
    [
      'refused by the concurrency limit: <n> of <n> calls are all that the server answers without a queue; slow down or add servers',
      { adaptiveConcurrency: { initial: 1, min: 1, max: 1 } },
    ],
    [
      'refused by the peer-streams limit: <n> of <n> streams allowed by the peer are open; slow down or use another connection',
      {},
      { limits: { streams: 1 } },
    ],
    [
      'refused by the queued-items limit: <n> of <n> items wait to be written; slow down, or raise limits.queuedItems or limits.queueAgeMs',
      { limits: { queuedItems: 1 } },
    ],
    [
      'refused by the queued-bytes limit: <n> of <n> bytes wait to be written; slow down or raise limits.queuedBytes',
      { limits: { queuedBytes: 1 } },
    ],
    [
      'refused by the exposure-bytes limit: <n> of <n> bytes of credit are granted to open calls; read responses sooner or raise limits.exposureBytes',
      { limits: { exposureBytes: 1 } },
    ],
  ] as const) {
    it(`is ${text.slice(0, text.indexOf(':'))}`, () => assertRefused(text, options, serverOptions));
  }

  it('is refused by the queue-age limit where the socket takes nothing', async () => {
    const server = await RawServer.greeting({ INITIAL_WINDOW_SIZE: 0x7fff_ffff }, (peer) => {
      peer.windowUpdate(0, 0x7000_0000).flush();
      peer.socket.pause();
    });
    raw.push(server);
    const limits = { queueAgeMs: 1, queuedBytes: Number.POSITIVE_INFINITY };
    const channel = running.channel(server.target, { admissionPolicy: 'fail', limits });
    await channel.ready();
    const controller = new AbortController();
    const options = { signal: controller.signal };
    // More than the buffers of two sockets hold.
    const calls = [failureOf(channel.unary(PATH, Buffer.alloc(32 * 1024 ** 2), options))];
    while (channel.stats().connections[0]?.loopy !== 'blocked-on-socket') await nextTurn();
    let refused = '';
    while (refused === '') {
      const call = failureOf(channel.unary(PATH, X, options));
      calls.push(call);
      void call.then(({ code, details }) => {
        if (code === Status.RESOURCE_EXHAUSTED) refused = details;
      });
      await nextTurn();
    }
    assertListed(
      refused,
      'refused by the queue-age limit: <n> of <n> ms old is the call at the head of the queue; slow down or raise limits.queueAgeMs',
    );
    controller.abort();
    await Promise.all(calls);
  });

  it('is refused by the limits of the line in which it would wait', async () => {
    const limits = { openCalls: 1, waitingCalls: 2, waitingBytes: 1_000 };
    const { channel, controller, call } = await hanging({ limits });
    const calls = [failureOf(call()), failureOf(call())];
    const large = await failureOf(channel.unary(PATH, Buffer.alloc(1_000)));
    assert.equal(large.code, Status.RESOURCE_EXHAUSTED);
    assertListed(
      large.details,
      'refused by the waiting-bytes limit: <n> of <n> bytes wait already (<why>); slow down or raise limits.waitingBytes',
    );
    calls.push(failureOf(call()));
    const last = await failureOf(call());
    assert.equal(last.code, Status.RESOURCE_EXHAUSTED);
    assertListed(
      last.details,
      'refused by the waiting-calls limit: <n> of <n> calls wait already (<why>); slow down or raise limits.waitingCalls',
    );
    controller.abort();
    await Promise.all(calls);
  });

  it('is refused for headers larger than the server takes', async () => {
    const server = await RawServer.greeting({ MAX_HEADER_LIST_SIZE: 1_000 });
    raw.push(server);
    const channel = running.channel(server.target);
    await channel.ready();
    const refused = await failureOf(
      channel.unary(PATH, X, { metadata: new Metadata({ k: 'v'.repeat(1_000) }) }),
    );
    assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
    assertListed(
      refused.details,
      "request headers of about <n> bytes exceed the server's limit of <n>; send less metadata",
    );
  });
});

describe('what a call waits for', () => {
  it('may be its turn in the line', async () => {
    const limits = { openCalls: 1, waitingCalls: 1 };
    const { channel, controller, call } = await hanging({ limits });
    const refused = signal<string>();
    const listener = (onEnd: (details: string) => void): CallListener => ({
      onHeader() {},
      onMessage() {},
      onWritable() {},
      onEnd: (_code, details) => onEnd(details),
    });
    // As the first ends, the second is about to start, and the third finds it there.
    const first = channel.call(
      PATH,
      {},
      listener(() => channel.call(PATH, {}, listener(refused.raise))),
    );
    const second = failureOf(call());
    first.cancel();
    const details = await refused.happened;
    assertListed(
      details,
      'refused by the waiting-calls limit: <n> of <n> calls wait already (<why>); slow down or raise limits.waitingCalls',
      { why: 'its turn in the line' },
    );
    assertListed(/\((.*)\)/.exec(details)?.[1], 'its turn in the line');
    controller.abort();
    await second;
  });

  it('may be the addresses of its target', async () => {
    const quiet = { resolve() {}, close() {} };
    registerResolver({ scheme: 'mute', authority: () => 'mute', create: () => quiet });
    const channel = running.channel('mute:backends');
    const { details } = await failureOf(channel.ready({ timeoutMs: 5 }));
    assertListed(
      details.split('ms: ')[1],
      '<STATE>, the addresses of <target> are being looked up',
      { STATE: 'CONNECTING', target: 'mute:backends' },
    );
  });
});

describe('a call that writes on though it was told to pause', () => {
  for (const [what, size, limits] of [
    ['bytes', 100_000, { queuedBytes: 200_000 }],
    ['items', 0, { queuedItems: 4_096 }],
  ] as const) {
    it(`is refused by the queued-${what} limit`, async () => {
      const server = await RawServer.greeting({ INITIAL_WINDOW_SIZE: 0 });
      raw.push(server);
      const channel = running.channel(server.target, { limits });
      await channel.ready();
      const ended = signal<[Status, string]>();
      const listener: CallListener = {
        onHeader() {},
        onMessage() {},
        onWritable() {},
        onEnd: (code, details) => ended.raise([code, details]),
      };
      const call = channel.call(PATH, {}, listener);
      while (!call.isEnded) call.send(Buffer.alloc(size));
      const [code, details] = await ended.happened;
      assert.equal(code, Status.RESOURCE_EXHAUSTED);
      assertListed(
        details,
        what === 'bytes'
          ? 'refused by the queued-bytes limit: <n> of <n> bytes wait to be written; this call writes on; wait for onWritable after send() returns false'
          : 'refused by the queued-items limit: <n> of <n> items wait to be written; this call writes on; wait for onWritable after send() returns false',
      );
    });
  }
});

it('a response that waits 30 s for older ones is refused by the partial-wait limit', async () => {
  const end = await ClientEnd.ready({}, { limits: { exposureBytes: 200_000 } });
  const calls = [end.unary(), end.unary()];
  await end.settle();
  const part = framed('x'.repeat(300_000)).subarray(0, 65_535);
  for (const id of [1, 3]) {
    end.peer.headers(id, [':status', '200', 'content-type', 'application/grpc']);
    for (let at = 0; at < part.length; at += 16_384) {
      end.peer.data(id, part.subarray(at, at + 16_384));
      await end.settle();
    }
  }
  end.clock.advance(PARTIAL_WAIT_MS + 100);
  await end.settle();
  const [, details] = calls[1]?.events.at(-1)?.split('RESOURCE_EXHAUSTED: ') ?? [];
  assertListed(
    details,
    'refused by the partial-wait limit: <n> bytes are taken by older messages, this one waited 30000 ms; read responses sooner, ask for fewer large ones at once or raise limits.exposureBytes',
  );
  for (const call of calls) call.stream.cancel();
  await end.finish();
});
