// The handler of all methods that have none: a proxy that knows nothing of what it passes on.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { type CallHandler, type Channel, Metadata, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, textsOf } from '../support/running.js';

const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** Passes calls on to `channel`, each way at the pace of its reader. */
function proxyTo(channel: Channel): CallHandler {
  return (call, context) => {
    const { metadata } = context;
    const onward = channel.call(
      context.path,
      { metadata },
      {
        onHeader: (header) => context.sendHeader(header),
        onMessage(message) {
          if (call.send(message)) onward.request(1);
        },
        onWritable: () => call.request(1),
        onEnd(code, details, trailer) {
          context.trailer.merge(trailer);
          call.end(code, details);
        },
      },
    );
    onward.request(1);
    call.request(1);
    return {
      onMessage(message) {
        if (onward.send(message)) call.request(1);
      },
      onHalfClose: () => onward.halfClose(),
      onWritable: () => onward.request(1),
      onCancel: () => onward.cancel(),
    };
  };
}

it('passes calls of every kind on, with metadata, header, trailers and status', async () => {
  const backend = running.server();
  backend
    .unary('/test.Back/Echo', (request, context) => {
      context.header.set('x-head', context.metadata.get('x-asked') ?? '');
      context.trailer.set('x-trailer', 't');
      return request;
    })
    .bidiStreaming('/test.Back/Bidi', (requests) => requests)
    .serverStreaming('/test.Back/Much', function* () {
      for (let i = 0; i < 50; i += 1) yield Buffer.alloc(20_000);
    })
    .unary('/test.Back/Fail', () => {
      throw new StatusError(Status.NOT_FOUND, 'no such thing');
    });
  const behind = await running.channelTo(backend);
  const front = running
    .server()
    .fallback(proxyTo(behind))
    .unary('/test.Front/Own', () => X);
  const channel = await running.channelTo(front);
  const heads: (string | undefined)[] = [];
  const answer = await channel.unary('/test.Back/Echo', X, {
    metadata: new Metadata([['x-asked', 'a']]),
    onHeader: (header) => heads.push(header.get('x-head')),
    onTrailer: (trailer) => heads.push(trailer.get('x-trailer')),
  });
  assert.equal(String(answer), 'x');
  assert.deepEqual(heads, ['a', 't']);
  assert.deepEqual(await textsOf(channel.bidiStreaming('/test.Back/Bidi', [X, X])), ['x', 'x']);
  let bytes = 0;
  for await (const message of channel.serverStreaming('/test.Back/Much', X))
    bytes += message.length;
  assert.equal(bytes, 1_000_000);
  const error = await failureOf(channel.unary('/test.Back/Fail', X));
  assert.deepEqual([error.code, error.details], [Status.NOT_FOUND, 'no such thing']);
  const unknown = await failureOf(channel.unary('/a.deeper/path/Method', X));
  assert.equal(unknown.details, 'unknown method /a.deeper/path/Method');
  assert.equal(String(await channel.unary('/test.Front/Own', X)), 'x');
  assert.equal(front.stats().limits['total-handlers']?.depth, 0);
});

it('passes on what a good end says', async () => {
  const backend = running.server().fallback((call) => {
    call.request(1);
    const done = (): void => call.end(Status.OK, 'as you wished');
    return { onMessage() {}, onHalfClose: done, onWritable() {}, onCancel: done };
  });
  const front = running.server().fallback(proxyTo(await running.channelTo(backend)));
  const channel = await running.channelTo(front);
  const ended = new Promise((resolve) => {
    const call = channel.call(
      '/test.Back/Good',
      {},
      {
        onHeader() {},
        onMessage() {},
        onWritable() {},
        onEnd: (code, details) => resolve([code, details]),
      },
    );
    call.send(X);
    call.halfClose();
    call.request(1);
  });
  assert.deepEqual(await ended, [Status.OK, 'as you wished']);
});

it('there is one', () => {
  const handler: CallHandler = () => {
    throw new Error('never called');
  };
  const server = running.server().fallback(handler);
  assert.throws(() => server.fallback(handler), { message: 'the server has a fallback already' });
});
