// Streams of a client as iterables: their pace, leaving them early, and requests that fail.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Server, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A server of any number of messages, and a promise that its generator was ended. */
function counting(server: Server): { ended: Promise<number> } {
  const ended = signal<number>();
  server.serverStreaming(PATH, async function* () {
    let sent = 0;
    try {
      for (;;) {
        yield Buffer.from(String(sent));
        sent += 1;
      }
    } finally {
      ended.raise(sent);
    }
  });
  return { ended: ended.happened };
}

describe('a response stream', () => {
  it('that is left early cancels the call, on the server too', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    const taken: string[] = [];
    for await (const message of channel.serverStreaming(PATH, X)) {
      taken.push(String(message));
      if (taken.length === 3) break;
    }
    assert.deepEqual(taken, ['0', '1', '2']);
    await ended;
  });

  it('that throws out of its loop cancels the call as well', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    await assert.rejects(async () => {
      for await (const _message of channel.serverStreaming(PATH, X)) throw new Error('mine');
    }, /^Error: mine$/);
    await ended;
  });

  it('is done once it was left, and stays done', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    await stream.next();
    await stream.return?.();
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await ended;
  });

  it('nobody reads is held back by its window: the handler stops', async () => {
    const server = running.server();
    const gate = signal();
    let sent = 0;
    server.serverStreaming(PATH, async function* () {
      for (; sent < 1_000; sent += 1) yield Buffer.alloc(10_000);
      gate.raise();
    });
    const channel = await running.channelTo(server, { staticWindows: true });
    const stream = channel.serverStreaming(PATH, X);
    assert.equal((await stream.next()).value?.length, 10_000);
    // Other calls go on meanwhile; by then the handler has sent what it could.
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    const stopped = sent;
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    assert.equal(sent, stopped);
    // The stream's window, its write quota, and the messages at either end.
    assert.ok(stopped * 10_000 < 65_535 + 65_536 + 40_000, `${stopped} messages were sent`);
    let read = 1;
    for await (const message of stream) {
      assert.equal(message.length, 10_000);
      read += 1;
    }
    assert.equal(read, 1_000);
    await gate.happened;
  });

  it('may be asked for several messages at once', async () => {
    const server = running.server().serverStreaming(PATH, () => [X, X]);
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    const results = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
    assert.deepEqual(
      results.map(({ done }) => done),
      [false, false, true, true],
    );
  });

  it('throws its status once, behind the messages', async () => {
    const server = running.server().serverStreaming(PATH, function* () {
      yield X;
      throw new StatusError(Status.DATA_LOSS, 'half');
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    assert.equal(String((await stream.next()).value), 'x');
    assert.equal((await failureOf(stream.next())).code, Status.DATA_LOSS);
    assert.equal((await stream.next()).done, true);
  });
});

describe('a stream of requests', () => {
  it('that throws cancels the call; the caller gets its own error', async () => {
    const started = signal();
    const aborted = signal();
    const server = running.server().clientStreaming(PATH, async (requests, context) => {
      started.raise();
      context.signal.addEventListener('abort', () => aborted.raise());
      for await (const _request of requests);
      return X;
    });
    const channel = await running.channelTo(server);
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await started.happened;
      throw new Error('out of requests');
    };
    await assert.rejects(channel.clientStreaming(PATH, requests()), /^Error: out of requests$/);
    await aborted.happened;
  });

  it('that throws in a bidi call ends the iteration with its own error', async () => {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const answered = signal();
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await answered.happened;
      throw new Error('out of requests');
    };
    const stream = channel.bidiStreaming(PATH, requests());
    assert.equal(String((await stream.next()).value), 'x');
    answered.raise();
    await assert.rejects(stream.next(), /^Error: out of requests$/);
  });

  it('that has a message of the wrong type is refused with a TypeError', async () => {
    const server = running.server().clientStreaming(PATH, async (requests) => {
      for await (const _request of requests);
      return X;
    });
    const channel = await running.channelTo(server);
    const requests = ['text'] as unknown as Buffer[];
    await assert.rejects(channel.clientStreaming(PATH, requests), {
      name: 'TypeError',
      message: /a request must be a Uint8Array/,
    });
  });

  it('is ended when the server answers before it is through', async () => {
    const server = running.server().clientStreaming(PATH, () => Buffer.from('enough'));
    const channel = await running.channelTo(server);
    const ended = signal();
    const requests = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(1_000);
      } finally {
        ended.raise();
      }
    };
    assert.equal(String(await channel.clientStreaming(PATH, requests())), 'enough');
    await ended.happened;
  });

  it('goes no faster than the server reads', async () => {
    const read = signal();
    const server = running.server({ staticWindows: true });
    server.clientStreaming(PATH, async (requests) => {
      await read.happened;
      let count = 0;
      for await (const _request of requests) count += 1;
      return Buffer.from(String(count));
    });
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    const channel = await running.channelTo(server);
    let pulled = 0;
    const requests = function* (): Generator<Buffer> {
      for (; pulled < 1_000; pulled += 1) yield Buffer.alloc(10_000);
    };
    const answer = channel.clientStreaming(PATH, requests());
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    const stopped = pulled;
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    assert.equal(pulled, stopped);
    assert.ok(stopped * 10_000 < 65_535 + 65_536 + 40_000, `${stopped} messages were pulled`);
    read.raise();
    assert.equal(String(await answer), '1000');
  });
});
