// The outbox by itself, and as the messages of calls: its bound, its ends, and who hears of them.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type ClientInterceptor,
  Outbox,
  type ServerInterceptor,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, messagesOf, Running, signal, textsOf } from '../support/running.js';

const PATH = '/test.Outbox/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('an outbox', () => {
  it('gives its messages in the order they came, then ends', async () => {
    const outbox = new Outbox<number>();
    const read = messagesOf(outbox);
    for (let i = 0; i < 3; i += 1) assert.equal(outbox.send(i), true);
    await new Promise(setImmediate);
    for (let i = 3; i < 50; i += 1) assert.equal(outbox.send(i), true);
    outbox.end();
    assert.deepEqual(
      await read,
      Array.from({ length: 50 }, (_, index) => index),
    );
    assert.deepEqual(await outbox.next(), { value: undefined, done: true });
  });

  it('says false with the last message that fits, and throws for one more', async () => {
    const outbox = new Outbox<number>({ maxMessages: 2 });
    assert.deepEqual([outbox.send(1), outbox.send(2)], [true, false]);
    assert.throws(() => outbox.send(3), {
      code: Status.RESOURCE_EXHAUSTED,
      details:
        'refused by the outbox: 2 of 2 messages wait for the reader; wait for ready() after send() returns false, or raise maxMessages',
    });
    assert.equal(outbox.size, 2);
    outbox.end();
    assert.deepEqual(await messagesOf(outbox), [1, 2]);
  });

  it('holds 64 messages unless it is told otherwise', () => {
    const outbox = new Outbox<number>();
    for (let i = 1; i < 64; i += 1) assert.equal(outbox.send(i), true);
    assert.equal(outbox.send(64), false);
  });

  it('is ready at once while there is room, and else when a message was read', async () => {
    const outbox = new Outbox<number>({ maxMessages: 1 });
    assert.equal(await outbox.ready(), true);
    assert.equal(outbox.send(1), false);
    const waits = [outbox.ready(), outbox.ready()];
    let told = 0;
    for (const wait of waits) void wait.then(() => (told += 1));
    await new Promise(setImmediate);
    assert.equal(told, 0);
    await outbox.next();
    assert.deepEqual(await Promise.all(waits), [true, true]);
    assert.equal(outbox.send(2), false);
  });

  it('that failed throws behind what waits, once', async () => {
    const outbox = new Outbox<number>();
    outbox.send(1);
    outbox.fail(new Error('the feed is gone'));
    outbox.fail(new Error('of no interest any more'));
    assert.deepEqual(await outbox.next(), { value: 1, done: false });
    await assert.rejects(outbox.next(), { message: 'the feed is gone' });
    assert.equal((await outbox.next()).done, true);
  });

  it('tells a reader that waits of the end, and of a failure', async () => {
    const ended = new Outbox<number>();
    const last = ended.next();
    ended.end();
    assert.equal((await last).done, true);
    const failed = new Outbox<number>();
    const failure = failed.next();
    failed.fail(undefined);
    await assert.rejects(failure, (error) => error === undefined);
  });

  it('that was left or ended drops what is sent, and lets nobody wait', async () => {
    for (const close of ['return', 'end'] as const) {
      const outbox = new Outbox<number>({ maxMessages: 1 });
      outbox.send(1);
      const room = outbox.ready();
      void outbox[close]();
      assert.equal(await room, false);
      assert.equal(await outbox.ready(), false);
      assert.equal(outbox.send(2), false);
    }
  });

  it('is closed when its reader leaves, or has come to the end', async () => {
    const left = new Outbox<number>();
    left.send(1);
    for await (const _ of left) break;
    await left.closed;
    assert.equal(left.size, 0);

    const ended = new Outbox<number>();
    ended.send(1);
    let isClosed = false;
    const closed = ended.closed.then(() => {
      isClosed = true;
    });
    ended.end();
    await ended.next();
    assert.equal(isClosed, false);
    await ended.next();
    await closed;
  });

  it('that is left gives its reader no further message', async () => {
    const outbox = new Outbox<number>();
    const waits = outbox.next();
    await outbox.return();
    assert.equal((await waits).done, true);
    outbox.fail(new Error('of no interest any more'));
    assert.equal((await outbox.next()).done, true);
  });

  it('has one reader', async () => {
    const outbox = new Outbox<number>();
    const first = outbox.next();
    await assert.rejects(outbox.next(), {
      message: 'an outbox has one reader, and it waits for a message already',
    });
    outbox.send(1);
    assert.equal((await first).value, 1);
  });

  it('needs a bound that is a whole number', () => {
    for (const maxMessages of [0, -1, 1.5, Number.POSITIVE_INFINITY, Number.NaN]) {
      assert.throws(() => new Outbox({ maxMessages }), {
        name: 'RangeError',
        message: `maxMessages is ${maxMessages}; it must be an integer of at least 1`,
      });
    }
  });
});

describe('an outbox as the responses of a call', () => {
  it('sends what comes while the call is open', async () => {
    const outbox = new Outbox<Buffer>();
    const server = running.server().serverStreaming(PATH, () => outbox);
    const channel = await running.channelTo(server);
    const responses = channel.serverStreaming(PATH, X);
    outbox.send(Buffer.from('a'));
    assert.equal(String((await responses.next()).value), 'a');
    outbox.send(Buffer.from('b'));
    assert.equal(String((await responses.next()).value), 'b');
    outbox.fail(new StatusError(Status.DATA_LOSS, 'the feed is gone'));
    const { code, details } = await failureOf(responses.next());
    assert.deepEqual([code, details], [Status.DATA_LOSS, 'the feed is gone']);
    await outbox.closed;
  });

  it('fills while the client does not read', async () => {
    const outbox = new Outbox<Buffer>({ maxMessages: 4 });
    const server = running.server().serverStreaming(PATH, () => outbox);
    const channel = await running.channelTo(server);
    const responses = channel.serverStreaming(PATH, X);
    const large = Buffer.alloc(256 * 1024);
    let sent = 0;
    const stopped = signal();
    void (async () => {
      while (sent < 40) {
        sent += 1;
        if (outbox.send(large)) continue;
        if (outbox.size === 4) stopped.raise();
        await outbox.ready();
      }
      outbox.end();
    })();
    await stopped.happened;
    assert.ok(sent < 40, `${sent} sent`);
    const read = await messagesOf(responses);
    assert.equal(read.length, 40);
  });

  const passing: ServerInterceptor = (request, next) => next(request);
  for (const [how, interceptors] of [
    ['', []],
    [', behind interceptors too', [passing, passing]],
  ] as const) {
    it(`is closed at once when the client leaves, without a further message${how}`, async () => {
      const opened = signal<Outbox<Buffer>>();
      const server = running.server({ interceptors }).serverStreaming(PATH, () => {
        const outbox = new Outbox<Buffer>();
        opened.raise(outbox);
        return outbox;
      });
      const channel = await running.channelTo(server);
      const responses = channel.serverStreaming(PATH, X);
      const outbox = await opened.happened;
      outbox.send(X);
      await responses.next();
      await responses.return?.();
      await outbox.closed;
      while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
    });
  }

  it('is closed when its call ended inside the handler', async () => {
    const closed = signal();
    const server = running.server().serverStreaming(PATH, (_request, context) => {
      const outbox = new Outbox<Buffer>();
      void outbox.closed.then(() => closed.raise());
      context.abort(new StatusError(Status.NOT_FOUND, 'no such feed'));
      return outbox;
    });
    const channel = await running.channelTo(server);
    const { code } = await failureOf(textsOf(channel.serverStreaming(PATH, X)));
    assert.equal(code, Status.NOT_FOUND);
    await closed.happened;
    while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
  });
});

describe('an outbox as the requests of a call', () => {
  it('is a conversation', async () => {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const outbox = new Outbox<Buffer>();
    const answers = channel.bidiStreaming(PATH, outbox);
    for (const text of ['a', 'b']) {
      outbox.send(Buffer.from(text));
      assert.equal(String((await answers.next()).value), text);
    }
    outbox.end();
    assert.equal((await answers.next()).done, true);
    await outbox.closed;
  });

  it('is closed at once when the call ends, without a further message', async () => {
    const server = running.server().clientStreaming(PATH, () => X);
    const channel = await running.channelTo(server);
    const outbox = new Outbox<Buffer>();
    assert.equal(String(await channel.clientStreaming(PATH, outbox)), 'x');
    await outbox.closed;
    assert.equal(outbox.send(X), false);
  });

  it('is closed when the call was refused before it began', async () => {
    const channel = running.channel('127.0.0.1:1');
    const passing: ClientInterceptor = (request, next) => next(request);
    for (const interceptors of [[], [passing]]) {
      const outbox = new Outbox<Buffer>();
      const options = { timeoutMs: 0, interceptors };
      const { code } = await failureOf(channel.clientStreaming(PATH, outbox, options));
      assert.equal(code, Status.DEADLINE_EXCEEDED);
      await outbox.closed;
    }
  });

  it('that failed is what the caller sees', async () => {
    const server = running.server().clientStreaming(PATH, async (requests) => {
      for await (const _ of requests);
      return X;
    });
    const channel = await running.channelTo(server);
    const outbox = new Outbox<Buffer>();
    outbox.fail(new Error('the disk is gone'));
    await assert.rejects(channel.clientStreaming(PATH, outbox), { message: 'the disk is gone' });
  });
});
