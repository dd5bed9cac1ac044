// Calls by method: messages are made and read by its codecs, and what a codec throws is an outcome
// of one call.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Status, StatusError } from '#sluice/index.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';

interface Question {
  readonly n: number | bigint;
}

interface Answer {
  readonly square: number;
}

const UNARY = jsonMethod<Question, Answer>('/test.Typed/Unary', 'unary');
const SERVER = jsonMethod<Question, Answer>('/test.Typed/Server', 'serverStreaming');
const CLIENT = jsonMethod<Question, Answer>('/test.Typed/Client', 'clientStreaming');
const BIDI = jsonMethod<Question, Answer>('/test.Typed/Bidi', 'bidiStreaming');

const NO_JSON = /^13 INTERNAL: cannot decode the response of \/test\.Typed\/\w+: Unexpected token/;
const NO_TEXT = /^13 INTERNAL: cannot encode the request of \/test\.Typed\/\w+: Do not know how/;

const running = new Running();

afterEach(() => running.end());

function square(request: Uint8Array): Buffer {
  const { n } = JSON.parse(String(request));
  return Buffer.from(JSON.stringify({ square: n * n }));
}

async function* squares(requests: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const request of requests) yield square(request);
}

describe('a call by method', () => {
  it('takes and gives messages, whatever its kind', async () => {
    const server = running.server();
    server.unary(UNARY.path, square);
    server.serverStreaming(SERVER.path, (request) => [square(request), square(request)]);
    server.clientStreaming(CLIENT.path, async (requests) => {
      let last: Buffer = Buffer.alloc(0);
      for await (const answer of squares(requests)) last = answer;
      return last;
    });
    server.bidiStreaming(BIDI.path, squares);
    const channel = await running.channelTo(server);

    assert.deepEqual(await channel.unary(UNARY, { n: 3 }), { square: 9 });
    const streamed = await messagesOf(channel.serverStreaming(SERVER, { n: 2 }));
    assert.deepEqual(streamed, [{ square: 4 }, { square: 4 }]);
    const last = await channel.clientStreaming(CLIENT, [{ n: 1 }, { n: 5 }]);
    assert.deepEqual(last, { square: 25 });
    const echoed = await messagesOf(channel.bidiStreaming(BIDI, [{ n: 1 }, { n: 4 }]));
    assert.deepEqual(echoed, [{ square: 1 }, { square: 16 }]);
  });

  it('whose request cannot be encoded fails with INTERNAL, and a single one is not sent', async () => {
    const server = running.server();
    let served = 0;
    const count = (): Buffer => {
      served += 1;
      return Buffer.from('{}');
    };
    server.unary(UNARY.path, count).serverStreaming(SERVER.path, () => [count()]);
    server.clientStreaming(CLIENT.path, async (requests) => {
      await messagesOf(requests);
      return Buffer.from('{}');
    });
    const channel = await running.channelTo(server);

    const unary = await failureOf(channel.unary(UNARY, { n: 1n }));
    assert.match(unary.message, NO_TEXT);
    assert.ok(unary.cause instanceof TypeError);
    const stream = channel.serverStreaming(SERVER, { n: 1n });
    assert.match((await failureOf(stream.next())).message, NO_TEXT);
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    assert.equal(served, 0);
    const many = await failureOf(channel.clientStreaming(CLIENT, [{ n: 1 }, { n: 1n }]));
    assert.match(many.message, NO_TEXT);
  });

  it('whose response is no message fails with INTERNAL', async () => {
    const server = running.server().unary(UNARY.path, () => Buffer.from('<html>'));
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary(UNARY, { n: 1 }));
    assert.match(error.message, NO_JSON);
    assert.ok(error.cause instanceof SyntaxError);
  });

  it('is cancelled by a streamed response that is no message; messages before it are given', async () => {
    const server = running.server();
    const ended = signal();
    server.bidiStreaming(BIDI.path, async function* () {
      try {
        yield Buffer.from('{"square":1}');
        for (;;) yield Buffer.from('?');
      } finally {
        ended.raise();
      }
    });
    const channel = await running.channelTo(server);
    const stream = channel.bidiStreaming(BIDI, []);
    assert.deepEqual(await stream.next(), { value: { square: 1 }, done: false });
    const [failed, after] = [stream.next(), stream.next()];
    assert.match((await failureOf(failed)).message, NO_JSON);
    assert.deepEqual(await after, { value: undefined, done: true });
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await ended.happened;
  });

  it('decodes a message when it is handed out, and not before', async () => {
    const server = running.server();
    server.serverStreaming(SERVER.path, () => [Buffer.from('{}'), Buffer.from('{}')]);
    const channel = await running.channelTo(server);
    let decoded = 0;
    const decode = (): Answer => {
      decoded += 1;
      return { square: decoded };
    };
    const method = { ...SERVER, response: { ...SERVER.response, decode } };
    const stream = channel.serverStreaming(method, { n: 1 });
    assert.deepEqual((await stream.next()).value, { square: 1 });
    assert.equal(decoded, 1);
    await stream.return?.();
  });

  it('of another kind than its method is a TypeError that names the right one', async () => {
    const channel = running.channel('127.0.0.1:1');
    const text = '/test.Typed/Bidi is a bidiStreaming method; call it with channel.bidiStreaming';
    await assert.rejects(channel.unary(BIDI, { n: 1 }), { name: 'TypeError', message: text });
    assert.throws(() => channel.serverStreaming(BIDI, { n: 1 }), { message: text });
    const unary = /is a unary method; call it with channel\.unary$/;
    await assert.rejects(channel.clientStreaming(UNARY, []), { message: unary });
    assert.throws(() => channel.bidiStreaming(UNARY, []), { message: unary });
  });

  it('whose codec gives no bytes fails with INTERNAL', async () => {
    const channel = running.channel('127.0.0.1:1');
    const encode = (): Uint8Array => JSON.parse('"text"');
    const method = { ...UNARY, request: { ...UNARY.request, encode } };
    const error = await failureOf(channel.unary(method, { n: 1 }));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /a request must be a Uint8Array, not string$/);
    assert.ok(error instanceof StatusError);
  });
});
