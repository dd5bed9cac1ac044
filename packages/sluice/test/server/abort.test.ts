// `context.abort`: a call that its handler ends from outside of its answers.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  Metadata,
  type ServerContext,
  type ServerInterceptor,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';

const PATH = '/test.Abort/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

const slow = (): StatusError =>
  new StatusError(Status.RESOURCE_EXHAUSTED, 'too slow', {
    metadata: new Metadata({ 'x-behind': '5' }),
  });

const passing: ServerInterceptor = (request, next) => next(request);

for (const [where, interceptors] of [
  ['an aborted call', []],
  ['an aborted call behind interceptors', [passing]],
] as const) {
  describe(where, () => {
    it('ends with the error, its metadata and the trailers of the context', async () => {
      const errors: unknown[] = [];
      const server = running.server({
        interceptors,
        onHandlerError: (error) => errors.push(error),
      });
      const release = signal();
      const reasons: string[] = [];
      server.unary(PATH, async (request, context) => {
        context.header.set('x-head', 'a');
        context.trailer.set('x-tail', 'b');
        context.signal.addEventListener('abort', () => reasons.push(String(context.signal.reason)));
        context.abort(slow());
        context.abort(new StatusError(Status.DATA_LOSS, 'of no interest any more'));
        assert.equal(context.cancelled, true);
        await release.happened;
        return request;
      });
      const channel = await running.channelTo(server);
      const error = await failureOf(channel.unary(PATH, X));
      assert.equal(error.message, '8 RESOURCE_EXHAUSTED: too slow');
      assert.deepEqual([error.metadata.get('x-tail'), error.metadata.get('x-behind')], ['b', '5']);
      assert.deepEqual(reasons, ['Error: the call was aborted: 8 RESOURCE_EXHAUSTED: too slow']);
      assert.equal(server.stats().limits.handlers?.depth, 1);
      release.raise();
      while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
      assert.deepEqual(errors, []);
    });

    it('ends while its responses wait for a client that does not read', async () => {
      const server = running.server({ interceptors });
      const begun = signal<ServerContext>();
      let yielded = 0;
      const left = signal();
      server.serverStreaming(PATH, async function* (_request, context) {
        begun.raise(context);
        try {
          for (; yielded < 100; yielded += 1) yield Buffer.alloc(256 * 1024);
        } finally {
          left.raise();
        }
      });
      const channel = await running.channelTo(server);
      const responses = channel.serverStreaming(PATH, X);
      await responses.next();
      const context = await begun.happened;
      let before = -1;
      while (before !== yielded) {
        before = yielded;
        for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
      }
      assert.ok(yielded < 100);
      context.abort(slow());
      await left.happened;
      while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
      // What was sent comes first.
      assert.equal((await failureOf(messagesOf(responses))).details, 'too slow');
    });

    it('ends what its handler waits for: requests, and calls made for it', async () => {
      const server = running.server({ interceptors });
      const heard = signal<[StatusError, StatusError]>();
      server.unary('/test.Abort/Other', async (request, { signal: cancelled }) => {
        await new Promise((resolve) => cancelled.addEventListener('abort', resolve));
        return request;
      });
      server.clientStreaming(PATH, async (requests, context) => {
        const child = failureOf(channel.unary('/test.Abort/Other', X, { parent: context }));
        const read = failureOf(messagesOf(requests));
        setImmediate(() => context.abort(slow()));
        heard.raise([await read, await child]);
        return X;
      });
      const channel = await running.channelTo(server);
      async function* forever(): AsyncGenerator<Buffer> {
        yield X;
        await stop.happened;
      }
      const stop = signal();
      assert.equal((await failureOf(channel.clientStreaming(PATH, forever()))).details, 'too slow');
      const [read, child] = await heard.happened;
      assert.equal(read.code, Status.CANCELLED);
      assert.equal(
        child.details,
        'the parent call was cancelled: the call was aborted: 8 RESOURCE_EXHAUSTED: too slow',
      );
      stop.raise();
      while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
    });

    it('of a callback handler hears onCancel, and ends its slot itself', async () => {
      const server = running.server({ interceptors });
      const reasons: string[] = [];
      server.handle(PATH, (call, context) => {
        setImmediate(() => context.abort(slow()));
        return {
          onMessage() {},
          onHalfClose() {},
          onWritable() {},
          onCancel(reason) {
            reasons.push(reason);
            call.end(Status.OK);
          },
        };
      });
      const channel = await running.channelTo(server);
      assert.equal((await failureOf(channel.unary(PATH, X))).details, 'too slow');
      while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
      assert.deepEqual(reasons, ['the call was aborted: 8 RESOURCE_EXHAUSTED: too slow']);
    });
  });
}

describe('abort', () => {
  it('without effect on a call that has ended', async () => {
    const server = running.server();
    const seen = signal<ServerContext>();
    server.unary(PATH, (request, context) => {
      seen.raise(context);
      return request;
    });
    const channel = await running.channelTo(server);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    const context = await seen.happened;
    context.abort(slow());
    assert.equal(context.cancelled, false);
  });

  it('takes an error that is a status', async () => {
    const server = running.server();
    const thrown: string[] = [];
    server.unary(PATH, (request, context) => {
      for (const wrong of [new Error('no status'), undefined, new StatusError(Status.OK)]) {
        // As a program without types would.
        assert.throws(
          () => context.abort(wrong as StatusError),
          (error: TypeError) => thrown.push(error.message) > 0,
        );
      }
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    assert.deepEqual(thrown, [
      'abort takes a StatusError that is not OK, not Error: no status',
      'abort takes a StatusError that is not OK, not undefined',
      'abort takes a StatusError that is not OK, not StatusError: 0 OK',
    ]);
  });
});
