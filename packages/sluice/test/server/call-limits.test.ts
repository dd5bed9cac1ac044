// Limits on the messages of a call, and calls that a busy server turns away at their headers.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createServer, Metadata, type Server, Status, StatusError } from '#sluice/index.js';
import type { ArrivingCall } from '#sluice/server/handler-load.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';

const PATH = '/test.Limits/Method';
const SMALL = '/test.Limits/Small';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('the length of messages', () => {
  const received = (bytes: number, limit: number): string =>
    `received a message of ${bytes} bytes, above the limit of ${limit}; raise maxReceiveMessageLength on the server`;

  it('received: by the server, and by the method in place of it', async () => {
    const server = running.server({ maxReceiveMessageLength: 100 });
    server
      .unary(PATH, (request) => request)
      .unary(SMALL, (request) => request, { maxReceiveMessageLength: 10 })
      .handle(
        '/test.Limits/Large',
        (call) => ({
          onMessage(message) {
            call.send(message);
            call.end(Status.OK);
          },
          onHalfClose() {
            call.request(1);
          },
          onWritable() {},
          onCancel() {
            call.end(Status.OK);
          },
        }),
        { maxReceiveMessageLength: 1_000 },
      );
    const channel = await running.channelTo(server);
    const refusal = async (path: string, bytes: number): Promise<string> => {
      const error = await failureOf(channel.unary(path, Buffer.alloc(bytes)));
      assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
      return error.details;
    };
    assert.equal((await channel.unary(PATH, Buffer.alloc(100))).length, 100);
    assert.equal(await refusal(PATH, 101), received(101, 100));
    assert.equal((await channel.unary(SMALL, Buffer.alloc(10))).length, 10);
    assert.equal(await refusal(SMALL, 11), received(11, 10));
  });

  const sent =
    'a response message of 11 bytes exceeds the limit of 10; raise maxSendMessageLength on the server';
  const kinds: readonly (readonly [string, (server: Server, bytes: number) => void])[] = [
    ['unary', (server, bytes) => server.unary(PATH, () => Buffer.alloc(bytes))],
    [
      'serverStreaming',
      (server, bytes) => server.serverStreaming(PATH, () => [Buffer.alloc(bytes)]),
    ],
    ['clientStreaming', (server, bytes) => server.clientStreaming(PATH, () => Buffer.alloc(bytes))],
    ['bidiStreaming', (server, bytes) => server.bidiStreaming(PATH, () => [Buffer.alloc(bytes)])],
  ];
  for (const [kind, add] of kinds) {
    it(`sent, ${kind}: past it the call ends with RESOURCE_EXHAUSTED`, async () => {
      const { errors, onHandlerError } = recorder();
      for (const bytes of [10, 11]) {
        const server = running.server({ maxSendMessageLength: 10, onHandlerError });
        add(server, bytes);
        const channel = await running.channelTo(server);
        const call = textsOf(channel.bidiStreaming(PATH, [X]));
        if (bytes === 10) {
          assert.equal((await call)[0]?.length, 10);
        } else {
          const error = await failureOf(call);
          assert.deepEqual([error.code, error.details], [Status.RESOURCE_EXHAUSTED, sent]);
        }
        assert.equal(server.stats().limits['total-handlers']?.depth, 0);
      }
      assert.deepEqual(errors, []);
    });
  }

  it('sent, by callbacks: the handler hears that the call is over', async () => {
    const told = signal<string>();
    const server = running.server().handle(
      PATH,
      (call) => ({
        onMessage() {},
        onHalfClose() {
          assert.equal(call.send(Buffer.alloc(11)), true);
        },
        onWritable() {},
        onCancel(reason) {
          call.end(Status.OK);
          told.raise(reason);
        },
      }),
      { maxSendMessageLength: 10 },
    );
    const channel = await running.channelTo(server);
    const error = await failureOf(textsOf(channel.bidiStreaming(PATH, [])));
    assert.equal(error.details, sent);
    assert.equal(await told.happened, sent);
    assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  });

  it('that is no length is a RangeError', () => {
    assert.throws(() => createServer({ maxSendMessageLength: 0 }), {
      name: 'RangeError',
      message: 'maxSendMessageLength is 0; it must be more than 0 bytes',
    });
    const options = { maxReceiveMessageLength: -1 };
    assert.throws(() => createServer().unary(PATH, (request) => request, options), {
      name: 'RangeError',
      message: 'maxReceiveMessageLength is -1; it must be more than 0 bytes',
    });
  });
});

describe('the total-handlers limit', () => {
  it('counts handlers over all connections, and is told and counted', async () => {
    const twoRun = signal();
    const release = signal();
    let begun = 0;
    const server = running.server({ limits: { totalHandlers: 2 } }).unary(PATH, async (request) => {
      begun += 1;
      if (begun === 2) twoRun.raise();
      await release.happened;
      return request;
    });
    const first = await running.channelTo(server);
    const second = await running.channelTo(server);
    const calls = [first.unary(PATH, X), second.unary(PATH, X)];
    await twoRun.happened;
    const error = await failureOf(second.unary(PATH, X));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      error.details,
      'refused by the total-handlers limit: 2 of 2 run on this server; slow down or raise limits.totalHandlers on the server',
    );
    assert.deepEqual(server.stats().limits['total-handlers'], {
      value: 2,
      unit: 'handlers',
      depth: 2,
      acted: 1,
    });
    release.raise();
    await Promise.all(calls);
    assert.equal(String(await first.unary(PATH, X)), 'x');
  });
});

describe('shedding', () => {
  it('is asked at the headers, and its error ends the call before a message is read', async () => {
    const asked: ArrivingCall[] = [];
    const metadata = new Metadata([['grpc-retry-pushback-ms', '500']]);
    const server = running.server({
      shed: (call) => {
        asked.push(call);
        if (call.metadata.get('x-priority') === 'high') return undefined;
        return new StatusError(Status.UNAVAILABLE, 'busy', { metadata });
      },
    });
    server.clientStreaming(PATH, async (requests) => {
      for await (const _request of requests) {
      }
      return X;
    });
    const channel = await running.channelTo(server);
    const endless = async function* (): AsyncGenerator<Buffer> {
      await new Promise(() => {});
      yield X;
    };
    // The client sends nothing at all, and is answered.
    const error = await failureOf(channel.clientStreaming(PATH, endless()));
    assert.deepEqual([error.code, error.details], [Status.UNAVAILABLE, 'busy']);
    assert.equal(error.metadata.get('grpc-retry-pushback-ms'), '500');
    const high = new Metadata([['x-priority', 'high']]);
    assert.equal(String(await channel.clientStreaming(PATH, [X], { metadata: high })), 'x');
    assert.deepEqual(
      asked.map(({ path, running: count, peer }) => [path, count, peer.encrypted]),
      [
        [PATH, 0, false],
        [PATH, 0, false],
      ],
    );
    assert.equal(server.stats().limits.shed?.acted, 1);
    assert.equal(server.stats().limits.handlers?.depth, 0);
    // Of a method that nobody serves it is not asked.
    assert.equal((await failureOf(channel.unary(SMALL, X))).code, Status.UNIMPLEMENTED);
    assert.equal(asked.length, 2);
  });

  it('that closes the server leaves no handler behind', async () => {
    const server = running.server({
      shed: () => {
        void server.close();
        return undefined;
      },
    });
    server.unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.UNAVAILABLE);
    assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  });

  it('that throws refuses the call: a StatusError as it is, others as INTERNAL', async () => {
    const broken = new Error('secret');
    let thrown: unknown = broken;
    const { errors, onHandlerError } = recorder();
    const server = running.server({
      onHandlerError,
      shed: () => {
        throw thrown;
      },
    });
    server.unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary(PATH, X));
    assert.deepEqual([error.code, error.details], [Status.INTERNAL, 'the handler failed']);
    assert.deepEqual(errors, [broken]);
    thrown = new StatusError(Status.ABORTED, 'not now');
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.ABORTED);
    assert.equal(errors.length, 1);
  });
});

function recorder(): { errors: unknown[]; onHandlerError: (error: unknown) => void } {
  const errors: unknown[] = [];
  return { errors, onHandlerError: (error) => errors.push(error) };
}
