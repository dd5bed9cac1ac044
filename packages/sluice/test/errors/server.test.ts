// "Statuses a server sends by itself", "In a handler" and what `onHandlerError` is given, of
// docs/errors.md: servers as users make them, and clients that speak raw frames to them.

import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import {
  type CallHandler,
  gzipEncoding,
  type MessageCodec,
  Metadata,
  registerMessageEncoding,
  type Server,
  type ServerInterceptor,
  type ServerResponse,
  Status,
  StatusError,
} from '#sluice/index.js';
import { QueueDelay } from '#sluice/server/queue-delay.js';
import type { MockPeer } from '../support/mock-peer.js';
import { framed } from '../support/mock-peer.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';
import { request } from '../support/server-end.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { assertListed, listed } from './listed.js';
import { LAST, rawClient, until } from './raw-ends.js';

const PATH = '/test.Server/Call';
const X = Buffer.from('x');

const running = new Running();
const clients: MockPeer[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await running.end();
});

async function clientOf(server: Server): Promise<MockPeer> {
  const client = await rawClient(await server.listen({ host: '127.0.0.1' }));
  clients.push(client);
  return client;
}

/** The status and text that end the client's call 1. */
async function answer(client: MockPeer): Promise<{ code: string; text: string }> {
  await until(client, /^HEADERS 1 END_STREAM/);
  const list = client.fieldsOf(1).length - 1;
  return {
    code: client.field(1, 'grpc-status', list) ?? '',
    text: decodeURIComponent(client.field(1, 'grpc-message', list) ?? ''),
  };
}

describe('a call whose deadline passes', () => {
  it('is told to the client and to the handler', async () => {
    const heard = signal<unknown>();
    const server = running.server().unary(PATH, (message, { signal: gone }) => {
      return new Promise((resolve) => {
        gone.addEventListener('abort', () => {
          heard.raise(gone.reason);
          resolve(message);
        });
      });
    });
    const client = await clientOf(server);
    client.headers(1, request(PATH, { 'grpc-timeout': '20m' })).data(1, framed('x'), LAST);
    const { code, text } = await answer(client);
    assertListed(text, 'the deadline passed on the server; waited <n> ms for <what>');
    assert.equal(code, String(Status.DEADLINE_EXCEEDED));
    const reason = await heard.happened;
    assert.ok(reason instanceof Error);
    assertListed(reason.message, 'the deadline passed');
  });
});

describe('a unary method', () => {
  for (const [text, send] of [
    [
      'the client sent more than one request message',
      (client: MockPeer) => client.data(1, framed('a')).data(1, framed('b'), LAST),
    ],
    [
      'the client ended the call without a request message',
      (client: MockPeer) => client.data(1, '', LAST),
    ],
  ] as const) {
    it(text, async () => {
      const client = await clientOf(running.server().unary(PATH, () => X));
      client.headers(1, request(PATH));
      send(client);
      const { code, text: told } = await answer(client);
      assertListed(told, text);
      assert.equal(code, String(Status.INTERNAL));
    });
  }
});

describe('a handler that throws', () => {
  it('is told as such to the client, and by itself to stderr', async () => {
    const channel = await running.channelTo(
      running.server().unary(PATH, () => {
        throw new Error('mine');
      }),
    );
    const log = mock.method(console, 'error', () => {});
    const { code, details } = await failureOf(channel.unary(PATH, X));
    log.mock.restore();
    assertListed(details, 'the handler failed');
    assert.equal(code, Status.INTERNAL);
    const [told, error] = log.mock.calls[0]?.arguments ?? [];
    assertListed(String(told), 'the handler of <path> failed:', { path: PATH });
    assert.match(String(error), /^Error: mine$/);
  });
});

describe('a handler that reads on', () => {
  it('after the client left', async () => {
    const begun = signal();
    const seen = signal<unknown>();
    const server = running.server().clientStreaming(PATH, async (requests, { signal: gone }) => {
      begun.raise();
      await messagesOf(requests).catch(seen.raise);
      const { reason } = gone;
      assertListed(
        reason instanceof Error ? reason.message : '',
        'the peer reset the stream with <CODE>',
        { CODE: 'CANCEL' },
      );
      return X;
    });
    const client = await clientOf(server);
    client.headers(1, request(PATH)).flush();
    await begun.happened;
    client.rstStream(1, 8).flush();
    const error = await seen.happened;
    assert.ok(error instanceof StatusError);
    assertListed(error.details, 'the client is gone');
    assert.equal(error.code, Status.CANCELLED);
  });

  it('after an interceptor answered', async () => {
    const seen = signal<unknown>();
    const server = running.server({
      interceptors: [
        async (given, next) => {
          void next(given);
          return own(true);
        },
      ],
    });
    const answered = signal();
    server.clientStreaming(PATH, async (requests) => {
      await answered.happened;
      await messagesOf(requests).catch(seen.raise);
      return X;
    });
    const channel = await running.channelTo(server);
    assert.equal(String(await channel.clientStreaming(PATH, [X])), 'x');
    answered.raise();
    const error = await seen.happened;
    assert.ok(error instanceof StatusError);
    assertListed(error.details, 'the call has ended');
  });
});

describe('an encoding that gives no Uint8Array', () => {
  const loose: MessageCodec = {
    ...gzipEncoding(),
    name: 'test-loose',
    compress: () => 'text' as unknown as Buffer,
    decompress: () => 'text' as unknown as Buffer,
  };

  it('is told to the client, for requests and for responses', async () => {
    registerMessageEncoding(loose);
    const server = running.server({ compress: 'test-loose' }).unary(PATH, () => X);
    const client = await clientOf(server);
    const encoded = { 'grpc-encoding': 'test-loose', 'grpc-accept-encoding': 'test-loose' };
    client.headers(1, request(PATH, encoded)).data(1, framed('x', true), LAST);
    const bad = await answer(client);
    assertListed(bad.text, 'cannot decompress a message (<encoding>): <why>', {
      encoding: 'test-loose',
      why: 'its codec gave no Uint8Array',
    });
    assert.equal(bad.code, String(Status.INTERNAL));
    const other = await clientOf(server);
    other.headers(1, request(PATH, encoded)).data(1, framed('x'), LAST);
    const { code, text } = await answer(other);
    assertListed(text, 'cannot compress a message (<encoding>): <why>', { encoding: 'test-loose' });
    assertListed(text.split('): ')[1], 'its codec gave no Uint8Array');
    assert.equal(code, String(Status.INTERNAL));
  });
});

describe('a callback handler', () => {
  it('that forgets its callbacks', async () => {
    const told = signal<unknown>();
    const server = running.server({ onHandlerError: told.raise });
    server.handle(PATH, (() => {}) as unknown as CallHandler);
    const channel = await running.channelTo(server);
    assertListed((await failureOf(channel.unary(PATH, X))).details, 'the handler failed');
    const error = await told.happened;
    assert.ok(error instanceof TypeError);
    assertListed(error.message, 'the handler of <path> answered with <type>, not its callbacks');
  });

  it('whose call ends before it has given its callbacks', async () => {
    const heard = signal<string>();
    const server = running.server({ maxSendMessageLength: 1 }).handle(PATH, (call) => {
      call.send(Buffer.from('too long'));
      return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel: heard.raise };
    });
    const channel = await running.channelTo(server);
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assertListed(
      details,
      'a response message of <n> bytes exceeds the limit of <n>; raise maxSendMessageLength on the server',
    );
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.equal(await heard.happened, details);
  });
});

/** An answer of an interceptor's own. */
function own(stream: boolean, count = 1): ServerResponse {
  const [header, trailer] = [new Metadata(), new Metadata()];
  if (!stream) return { stream, header, trailer, message: X };
  return { stream, header, trailer, message: several(count) };
}

async function* several(count: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i += 1) yield X;
}

describe('an interceptor of a server', () => {
  type Kind = 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidiStreaming';

  const answers =
    (stream: boolean, count?: number): ServerInterceptor =>
    async () =>
      own(stream, count);
  const handsOnStream: ServerInterceptor = (given, next) =>
    next({ ...given, stream: true, message: several(2) });
  const handsOnOne: ServerInterceptor = (given, next) =>
    next({ ...given, stream: false, message: X });

  // Without types it may forget to return.
  const silent = (async () => {}) as unknown as ServerInterceptor;

  const rows: readonly (readonly [Kind, text: string, ServerInterceptor])[] = [
    ['unary', 'an interceptor answered with a stream for <path>, which is <kind>', answers(true)],
    [
      'bidiStreaming',
      'an interceptor answered with a single message for <path>, which is <kind>',
      answers(false),
    ],
    [
      'clientStreaming',
      'an interceptor answered with <n> messages for <path>; it takes one',
      answers(true, 2),
    ],
    ['unary', 'an interceptor of <path> gave no response; return what next gave', silent],
    ['unary', 'an interceptor handed on a stream for <path>, which is <kind>', handsOnStream],
    [
      'bidiStreaming',
      'an interceptor handed on a single message for <path>, which is <kind>',
      handsOnOne,
    ],
    [
      'serverStreaming',
      'an interceptor handed on <n> messages for <path>; it takes one',
      handsOnStream,
    ],
  ];

  for (const [kind, text, interceptor] of rows) {
    it(`of a ${kind} method: ${text.slice(0, 60)}`, async () => {
      const told = signal<unknown>();
      const server = running.server({ interceptors: [interceptor], onHandlerError: told.raise });
      server.unary('/test.Server/unary', () => X);
      server.serverStreaming('/test.Server/serverStreaming', () => [X]);
      server.clientStreaming('/test.Server/clientStreaming', () => X);
      server.bidiStreaming('/test.Server/bidiStreaming', (requests) => requests);
      const client = await clientOf(server);
      client.headers(1, request(`/test.Server/${kind}`)).data(1, framed('x'), LAST);
      const { code, text: seen } = await answer(client);
      assertListed(seen, 'the handler failed');
      assert.equal(code, String(Status.INTERNAL));
      const error = await told.happened;
      assert.ok(error instanceof TypeError);
      assert.match(error.message, listed(text));
    });
  }
});

it('a call behind a blocked event loop is refused by the queue-delay limit', () => {
  const clock = new VirtualClock(1_000);
  const shedding = new QueueDelay({}, { clock, idle: () => clock.now(), random: () => 0 });
  const arrivedMs = clock.now();
  assert.equal(shedding.refusal(PATH, arrivedMs), undefined);
  clock.stall(500);
  const refused = shedding.refusal(PATH, arrivedMs);
  assert.equal(refused?.code, Status.RESOURCE_EXHAUSTED);
  assertListed(
    refused.details,
    'refused by the queue-delay limit: calls wait <n> ms on this server, <n> ms are allowed; slow down or add servers',
  );
});
