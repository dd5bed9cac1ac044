// The line of calls that wait for a stream or a connection: bounded, first in first out, live to
// deadlines and cancellation; and the two policies.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Channel, connect, createServer, type ServerOptions, Status } from 'sluice';
import { MESSAGE_CHARGE } from '#sluice/transport/limits.js';

type ChannelOptions = Parameters<typeof connect>[1];

const HOLD = '/test.Line/Hold';
const EMPTY = Buffer.alloc(0);

interface Held {
  readonly request: Buffer;
  answer(): void;
}

/** A server that holds its calls until the test answers them, and a channel to it. */
async function line(t: TestContext, options: ChannelOptions, serverOptions: ServerOptions = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-'));
  const held: Held[] = [];
  let wake: (() => void) | undefined;
  const server = createServer({ limits: { streams: 1 }, ...serverOptions });
  server.unary(HOLD, (request) => {
    wake?.();
    return new Promise<Buffer>((resolve) => {
      held.push({ request, answer: () => resolve(request) });
    });
  });
  const socketPath = path.join(folder, 's');
  await server.listen({ path: socketPath });
  const channel = connect(`unix:${socketPath}`, options);
  t.after(async () => {
    await channel.close();
    await server.close();
    rmSync(folder, { recursive: true });
    assert.equal(channel.stats().waitingCalls, 0);
    assert.equal(channel.stats().limits['waiting-bytes']?.depth, 0);
  });
  /** The call that the server holds next. */
  const next = async (): Promise<Held> => {
    for (;;) {
      const call = held.shift();
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => {
        wake = () => setImmediate(resolve);
      });
    }
  };
  return { channel, server, next };
}

const text = (value: string): Buffer => Buffer.from(value);
const refusal = (details: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && 'code' in error && 'details' in error);
  assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
  assert.match(String(error.details), details);
  return true;
};

test('waiting calls start in the order in which they came', async (t) => {
  const { channel, next } = await line(t, {});
  const answers = ['a', 'b', 'c', 'd'].map((name) => channel.unary(HOLD, text(name)));
  for (const name of ['a', 'b', 'c', 'd']) {
    const call = await next();
    assert.equal(call.request.toString(), name);
    assert.equal(channel.stats().waitingCalls, 'd'.charCodeAt(0) - name.charCodeAt(0));
    call.answer();
    await answers[name.charCodeAt(0) - 'a'.charCodeAt(0)];
  }
});

test('policy fail refuses at once what policy wait would let wait', async (t) => {
  const { channel, next } = await line(t, { admissionPolicy: 'fail' });
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  const limit = /^refused by the peer-streams limit: 1 of 1 streams/;
  await assert.rejects(channel.unary(HOLD, EMPTY), refusal(limit));
  assert.equal(channel.stats().limits['peer-streams']?.acted, 1);
  call.answer();
  await first;
  const second = channel.unary(HOLD, text('b'));
  (await next()).answer();
  await second;
});

test('waiting-calls: a full line refuses, and lets in again', async (t) => {
  const { channel, next } = await line(t, { limits: { waitingCalls: 2 } });
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  const waiting = [channel.unary(HOLD, text('b')), channel.unary(HOLD, text('c'))];
  const full = /^refused by the waiting-calls limit: 2 of 2 calls wait already/;
  await assert.rejects(channel.unary(HOLD, EMPTY), refusal(full));
  assert.equal(channel.stats().limits['waiting-calls']?.acted, 1);
  call.answer();
  await first;
  waiting.push(channel.unary(HOLD, text('d')));
  for (const answer of waiting) {
    (await next()).answer();
    await answer;
  }
});

test('waiting-bytes: an empty line takes a message of any size, and then no more', async (t) => {
  const { channel, next } = await line(t, { limits: { waitingBytes: 1_000 } });
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  const large = channel.unary(HOLD, Buffer.alloc(5_000));
  const full = /^refused by the waiting-bytes limit: 5000 of 1000 bytes wait already/;
  await assert.rejects(channel.unary(HOLD, text('x')), refusal(full));
  assert.equal(channel.stats().limits['waiting-bytes']?.acted, 1);
  call.answer();
  await first;
  (await next()).answer();
  assert.equal((await large).length, 5_000);
  assert.equal(channel.stats().limits['waiting-bytes']?.depth, 0);
});

test('waiting-bytes: what a waiting call sends is counted, and given back when it leaves', async (t) => {
  const { channel, next } = await line(t, { limits: { waitingBytes: 1_000 } });
  const first = channel.unary(HOLD, text('a'));
  const held = await next();
  const ends: [Status, string][] = [];
  const listener = {
    onHeader() {},
    onMessage() {},
    onWritable() {},
    onEnd(code: Status, details: string) {
      ends.push([code, details]);
    },
  };
  const one = channel.call(HOLD, {}, listener);
  const two = channel.call(HOLD, {}, listener);
  const depth = (): number | undefined => channel.stats().limits['waiting-bytes']?.depth;
  assert.equal(one.send(Buffer.alloc(600)), false);
  assert.equal(depth(), 600 + MESSAGE_CHARGE);
  assert.equal(two.send(Buffer.alloc(300)), false);
  assert.equal(depth(), 900 + 2 * MESSAGE_CHARGE);
  two.send(Buffer.alloc(300));
  assert.equal(ends.length, 1);
  assert.equal(ends[0]?.[0], Status.RESOURCE_EXHAUSTED);
  assert.match(ends[0]?.[1] ?? '', /^refused by the waiting-bytes limit: 964 of 1000 bytes/);
  assert.equal(depth(), 600 + MESSAGE_CHARGE);
  one.cancel();
  assert.equal(depth(), 0);
  held.answer();
  await first;
});

test('a deadline that passes in the line ends the call there, and says what it waited for', async (t) => {
  const { channel, next } = await line(t, {});
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  await assert.rejects(channel.unary(HOLD, EMPTY, { timeoutMs: 10 }), (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error && 'details' in error);
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    assert.match(
      String(error.details),
      /; waited \d+ ms for one of the 1 streams that the server allows; /,
    );
    return true;
  });
  assert.equal(channel.stats().waitingCalls, 0);
  call.answer();
  await first;
});

test('a call cancelled in the line leaves it from the middle', async (t) => {
  const { channel, next } = await line(t, {});
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  const aborter = new AbortController();
  const before = channel.unary(HOLD, text('b'));
  const cancelled = channel.unary(HOLD, text('c'), { signal: aborter.signal });
  const after = channel.unary(HOLD, text('d'));
  assert.equal(channel.stats().waitingCalls, 3);
  aborter.abort();
  await assert.rejects(cancelled, { code: Status.CANCELLED });
  assert.equal(channel.stats().waitingCalls, 2);
  call.answer();
  await first;
  (await next()).answer();
  assert.equal((await before).toString(), 'b');
  (await next()).answer();
  assert.equal((await after).toString(), 'd');
});

test('ready() resolves when a call would be admitted and not before', async (t) => {
  const { channel, next } = await line(t, {});
  await channel.ready();
  const first = channel.unary(HOLD, text('a'));
  const call = await next();
  let ready = false;
  const waiting = channel.ready().then(() => {
    ready = true;
  });
  const second = channel.unary(HOLD, text('b'));
  call.answer();
  await first;
  const other = await next();
  assert.equal(ready, false, 'the waiting call came first');
  other.answer();
  await second;
  await waiting;
});

test('a burst far above every limit is served or refused, each call once', async (t) => {
  const { channel, next } = await line(
    t,
    { limits: { openCalls: 5, waitingCalls: 20 } },
    { limits: { streams: 3 } },
  );
  const outcomes = Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => channel.unary(HOLD, text(String(i)))),
  );
  for (let i = 0; i < 20; i += 1) (await next()).answer();
  const served = (await outcomes).filter((outcome) => outcome.status === 'fulfilled');
  assert.equal(served.length, 20);
  assert.equal(channel.stats().limits['waiting-calls']?.acted, 80);
});

/** Opens a call whose writer ignores what `send` says, for at most `most` messages. */
async function writeOn(
  channel: Channel,
  message: Buffer,
  most: number,
): Promise<{ sent: number; code: Status; details: string }> {
  let sent = 0;
  return new Promise((resolve) => {
    const call = channel.call(
      '/test.Line/Nowhere',
      {},
      {
        onHeader() {},
        onMessage() {},
        onWritable() {},
        onEnd: (code, details) => setImmediate(() => resolve({ sent, code, details })),
      },
    );
    for (; !call.isEnded && sent < most; sent += 1) call.send(message);
  });
}

for (const connected of [false, true]) {
  const limit = connected ? 'queued-bytes' : 'waiting-bytes';
  test(`a writer that ignores false is stopped at ${limit}`, async (t) => {
    const limits = { queuedBytes: 1_000_000, waitingBytes: 1_000_000 };
    const { channel } = await line(t, { limits });
    if (connected) await channel.ready();
    const { sent, code, details } = await writeOn(channel, Buffer.alloc(100_000), 100);
    assert.ok(sent <= 12, `${sent} messages were taken`);
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.match(details, new RegExp(`^refused by the ${limit} limit: \\d+ of 1000000 bytes`));
  });

  const counted = connected ? 'queued-items' : 'waiting-bytes';
  test(`empty messages of a writer that ignores false count too: ${counted}`, async (t) => {
    const limits = { queuedItems: 20_000, waitingBytes: 500_000 };
    const { channel } = await line(t, { limits });
    if (connected) await channel.ready();
    const { sent, code, details } = await writeOn(channel, Buffer.alloc(0), 100_000);
    assert.ok(sent <= 20_010, `${sent} messages were taken`);
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.match(details, new RegExp(`^refused by the ${counted} limit: `));
  });
}
