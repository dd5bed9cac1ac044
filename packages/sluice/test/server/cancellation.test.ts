// Calls that end before their handler: what the handler hears, and that its slot is given back; at
// the callback level too.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, type ServerContext, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, type Signal, signal, textsOf } from '../support/running.js';

const PATH = '/test.Server/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('a call that ends without its handler', () => {
  const ends: readonly (readonly [string, (channel: Channel) => Promise<unknown>, RegExp])[] = [
    [
      'the client cancels',
      (channel) => {
        const controller = new AbortController();
        const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
        void started?.happened.then(() => controller.abort());
        return call;
      },
      /CANCEL/,
    ],
    [
      'the deadline passes',
      (channel) => failureOf(channel.unary(PATH, X, { timeoutMs: 100 })),
      /deadline|CANCEL/,
    ],
    [
      'the connection is lost',
      (channel) => {
        const call = failureOf(channel.unary(PATH, X));
        void started?.happened.then(() => channel.close());
        return call;
      },
      /closed/,
    ],
  ];
  let started: Signal | undefined;
  for (const [what, run, reason] of ends) {
    it(`${what}: the signal aborts with the reason, later answers are dropped`, async () => {
      const { server, errors } = running.recording();
      const begun = signal();
      started = begun;
      const over = signal<ServerContext>();
      server.unary(PATH, async (_request, context) => {
        begun.raise();
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        over.raise(context);
        throw new Error('of no interest any more');
      });
      const channel = await running.channelTo(server);
      await run(channel);
      const context = await over.happened;
      assert.equal(context.cancelled, true);
      assert.match(String(context.signal.reason), reason);
      await new Promise(setImmediate);
      assert.deepEqual(errors, []);
      assert.equal(server.stats().limits.handlers?.depth, 0);
    });
  }

  it('a signal first asked for afterwards is aborted already', async () => {
    const server = running.server();
    const begun = signal();
    const release = signal();
    const aborted = signal<boolean>();
    server.unary(PATH, async (request, context) => {
      begun.raise();
      await release.happened;
      aborted.raise(context.signal.aborted);
      return request;
    });
    server.unary('/test.Server/Other', (request) => request);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await call;
    await channel.unary('/test.Server/Other', X);
    release.raise();
    assert.equal(await aborted.happened, true);
  });

  it('ends the iteration over requests with CANCELLED', async () => {
    const { server } = running.recording();
    const begun = signal();
    const ended = signal<unknown>();
    server.clientStreaming(PATH, async (requests) => {
      try {
        for await (const _request of requests) begun.raise();
        return X;
      } catch (error) {
        ended.raise(error);
        throw error;
      }
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    };
    const call = failureOf(
      channel.clientStreaming(PATH, requests(), { signal: controller.signal }),
    );
    await begun.happened;
    controller.abort();
    assert.equal((await call).code, Status.CANCELLED);
    const error = await ended.happened;
    assert.ok(error instanceof StatusError && error.code === Status.CANCELLED);
  });

  it('ends a generator that waits for room, by return()', async () => {
    const { server } = running.recording();
    const ended = signal();
    server.serverStreaming(PATH, async function* () {
      try {
        for (;;) yield Buffer.alloc(100_000);
      } finally {
        ended.raise();
      }
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    await stream.next();
    await stream.return?.();
    await ended.happened;
  });
});

describe('the callback level', () => {
  it('serves a call of any kind', async () => {
    const server = running.server().handle(PATH, (call, context) => {
      let received = 0;
      call.request(1);
      return {
        onMessage: (message) => {
          received += 1;
          call.send(message);
          call.request(1);
        },
        onHalfClose: () => {
          context.trailer.set('x-count', String(received));
          call.end(Status.OK);
        },
        onWritable: () => {},
        onCancel: () => call.end(Status.CANCELLED),
      };
    });
    const channel = await running.channelTo(server);
    let trailer: string | undefined;
    const stream = channel.bidiStreaming(PATH, [X, X, X], {
      onTrailer: (received) => {
        trailer = received.get('x-count');
      },
    });
    assert.deepEqual(await textsOf(stream), ['x', 'x', 'x']);
    assert.equal(trailer, '3');
  });

  it('hears that the client is gone, once', async () => {
    const begun = signal();
    const reasons: string[] = [];
    const gone = signal();
    const server = running.server().handle(PATH, (call) => {
      call.request(1);
      return {
        onMessage: () => begun.raise(),
        onHalfClose: () => {},
        onWritable: () => {},
        onCancel: (reason) => {
          reasons.push(reason);
          call.end(Status.CANCELLED);
          gone.raise();
        },
      };
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await call;
    await gone.happened;
    assert.equal(reasons.length, 1);
    assert.equal(server.stats().limits.handlers?.depth, 0);
  });
});
