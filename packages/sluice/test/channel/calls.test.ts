// What a caller can rely on: cancellation by signal, headers and trailers, one message where one was
// promised, and the server's stream limit.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import { Metadata, type Server, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A handler that waits until its call is over, and tells when it began and when it was aborted. */
function hanging(server: Server): { started: Promise<void>; aborted: Promise<unknown> } {
  const started = signal();
  const aborted = signal<unknown>();
  server.unary(PATH, (_request, context) => {
    started.raise();
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        aborted.raise(context.signal.reason);
        reject(context.signal.reason);
      });
    });
  });
  return { started: started.happened, aborted: aborted.happened };
}

describe('an AbortSignal', () => {
  it('that aborts cancels the call, on the server too', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await handler.started;
    controller.abort();
    const error = await call;
    assert.equal(error.code, Status.CANCELLED);
    assert.equal(error.details, 'the signal was aborted');
    await handler.aborted;
  });

  it('aborted before the call: nothing is sent, nothing connects', async () => {
    const channel = running.channel('localhost:1');
    const error = await failureOf(channel.unary(PATH, X, { signal: AbortSignal.abort() }));
    assert.equal(error.code, Status.CANCELLED);
    assert.equal(channel.state, 'IDLE');
  });

  it('keeps no listener once the call is over', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    for (let i = 0; i < 3; i += 1) await channel.unary(PATH, X, { signal: controller.signal });
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });
});

describe('onHeader and onTrailer', () => {
  it('are told once each, the headers before any message', async () => {
    const server = running.server().serverStreaming(PATH, function* (_request, context) {
      context.sendHeader(new Metadata([['x-first', 'header']]));
      context.trailer.set('x-last', 'trailer');
      yield X;
    });
    const channel = await running.channelTo(server);
    const events: string[] = [];
    const stream = channel.serverStreaming(PATH, X, {
      onHeader: (header) => events.push(`header ${header.get('x-first')}`),
      onTrailer: (trailer) => events.push(`trailer ${trailer.get('x-last')}`),
    });
    for await (const message of stream) events.push(String(message));
    // The trailers may be here before the last message was looked at.
    assert.equal(events[0], 'header header');
    assert.deepEqual(events.slice(1).sort(), ['trailer trailer', 'x']);
  });

  it('onTrailer comes before the error, and the error carries the trailers too', async () => {
    const server = running.server().unary(PATH, () => {
      throw new StatusError(Status.ABORTED, 'no', { metadata: new Metadata([['x-why', 'so']]) });
    });
    const channel = await running.channelTo(server);
    let seen: string | undefined;
    const error = await failureOf(
      channel.unary(PATH, X, {
        onTrailer: (trailer) => {
          seen = trailer.get('x-why');
        },
      }),
    );
    assert.equal(seen, 'so');
    assert.equal(error.metadata.get('x-why'), 'so');
  });
});

describe('one response message', () => {
  it('none at all with status OK is INTERNAL', async () => {
    const server = running.server().serverStreaming(PATH, () => []);
    const channel = await running.channelTo(server);
    for (const call of [channel.unary(PATH, X), channel.clientStreaming(PATH, [X])]) {
      const error = await failureOf(call);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the server sent status OK without a message');
    }
  });

  it('two of them are INTERNAL', async () => {
    const server = running.server().serverStreaming(PATH, () => [X, X]);
    const channel = await running.channelTo(server);
    for (const call of [channel.unary(PATH, X), channel.clientStreaming(PATH, [X])]) {
      const error = await failureOf(call);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the server sent more than one response message');
    }
  });

  it('followed by an error is the error', async () => {
    const server = running.server().serverStreaming(PATH, function* () {
      yield X;
      throw new StatusError(Status.ABORTED, 'after all');
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.ABORTED);
  });

  it('a request of the wrong type is refused with a TypeError', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const text = 'text' as unknown as Buffer;
    await assert.rejects(channel.unary(PATH, text), {
      name: 'TypeError',
      message: /a request must be a Uint8Array/,
    });
  });
});

describe('the stream limit of the server', () => {
  it('is waited for by the client and never passed on the server', async () => {
    let now = 0;
    let most = 0;
    const five = signal();
    const server = running.server({ limits: { streams: 5 } });
    server.unary(PATH, async (request) => {
      now += 1;
      most = Math.max(most, now);
      if (now === 5) five.raise();
      await five.happened;
      await new Promise(setImmediate);
      now -= 1;
      return request;
    });
    const channel = await running.channelTo(server);
    await Promise.all(Array.from({ length: 300 }, () => channel.unary(PATH, X)));
    assert.equal(most, 5);
    assert.equal(server.stats().limits.streams?.acted, 0);
  });

  it('is kept when calls are cancelled all the time', async () => {
    const server = running.server({ limits: { streams: 5 } });
    server.unary(PATH, async (request) => {
      await new Promise(setImmediate);
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.ready();
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const controller = new AbortController();
        const call = channel.unary(PATH, X, { signal: controller.signal });
        if (i % 3 === 0) setImmediate(() => controller.abort());
        return call.then(
          () => Status.OK,
          (error: unknown) => (error instanceof StatusError ? error.code : -1),
        );
      }),
    );
    assert.ok(outcomes.every((code) => code === Status.OK || code === Status.CANCELLED));
    assert.equal(server.stats().limits.streams?.acted, 0);
  });
});
