// Compression between channels and servers, and with @grpc/grpc-js at the other end.
// gRPC compression.md.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import {
  brotliEncoding,
  type Channel,
  type Method,
  registerMessageEncoding,
  type Server,
  Status,
  uncompressed,
} from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

registerMessageEncoding(brotliEncoding());

const PATH = '/test.Compression/Method';
const TEXT = Buffer.from('hello hello hello hello');

const running = new Running();

afterEach(() => running.end());

/** Messages of many sizes, on both sides of what is compressed in a thread. */
function mixed(): Buffer[] {
  const sizes = [10, 200_000, 0, 1, 20_000, 40_000, 5, 500_000, 16_384, 16_385, 3, 65_536, 70_000];
  return sizes.map((size, i) => Buffer.alloc(size, `message ${i} `));
}

/** Answers each message with its text and whether it came compressed, then ends. */
function telling(server: Server): void {
  server.handle(PATH, (call) => {
    call.request(100);
    return {
      onMessage: (message, compressed) => {
        call.send(Buffer.from(`${compressed ? 'compressed' : 'plain'} ${message.length}`));
      },
      onHalfClose: () => call.end(Status.OK),
      onWritable: () => {},
      onCancel: () => {},
    };
  });
}

async function texts(messages: AsyncIterable<Buffer>): Promise<string[]> {
  const all: string[] = [];
  for await (const message of messages) all.push(String(message));
  return all;
}

function echoing(server: Server): void {
  server.bidiStreaming(PATH, async function* (requests) {
    yield* requests;
  });
}

async function echoes(channel: Channel, messages: Buffer[], compress?: string): Promise<void> {
  const got: Buffer[] = [];
  for await (const message of channel.bidiStreaming(PATH, messages, { compress })) {
    got.push(message);
  }
  assert.deepEqual(got, messages);
}

describe('a call', () => {
  it('compresses what it sends when it is told to, or its channel is', async () => {
    const server = running.server();
    telling(server);
    const plain = await running.channelTo(server);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const gzip = running.channel(`127.0.0.1:${port}`, { compress: 'gzip' });
    const requests = [TEXT, uncompressed(Buffer.from('as it is')), Buffer.of()];
    const sent = ['compressed 23', 'plain 8', 'plain 0'];
    const unsent = ['plain 23', 'plain 8', 'plain 0'];
    for (const encoding of ['gzip', 'deflate', 'br']) {
      assert.deepEqual(
        await texts(plain.bidiStreaming(PATH, requests, { compress: encoding })),
        sent,
      );
    }
    assert.deepEqual(await texts(plain.bidiStreaming(PATH, requests)), unsent);
    assert.deepEqual(await texts(gzip.bidiStreaming(PATH, requests)), sent);
    const identity = gzip.bidiStreaming(PATH, requests, { compress: 'identity' });
    assert.deepEqual(await texts(identity), unsent);
  });

  it('keeps the order of messages of every size, both ways', async () => {
    const server = running.server({ compress: 'deflate' });
    echoing(server);
    const channel = await running.channelTo(server);
    for (const encoding of ['gzip', 'br']) await echoes(channel, mixed(), encoding);
    await Promise.all(Array.from({ length: 20 }, () => echoes(channel, mixed(), 'gzip')));
  });

  it('with an encoding that nobody knows never starts', async () => {
    const server = running.server();
    server.unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const unknown = /^RangeError: compress is "snappy"; it must be one of identity, deflate, gzip/;
    await assert.rejects(channel.unary(PATH, TEXT, { compress: 'snappy' }), unknown);
    assert.throws(() => running.channel('127.0.0.1:1', { compress: 'snappy' }), unknown);
    assert.throws(() => running.server({ compress: 'snappy' }), unknown);
  });

  it('of a method carries the mark of a message over to its bytes', async () => {
    const server = running.server();
    telling(server);
    const method: Method<{ t: string }, string> = {
      path: PATH,
      kind: 'bidiStreaming',
      request: {
        encode: (value) => Buffer.from(value.t),
        decode: (bytes) => ({ t: String(bytes) }),
      },
      response: { encode: (value) => Buffer.from(value), decode: (bytes) => String(bytes) },
    };
    const channel = await running.channelTo(server, { compress: 'gzip' });
    const answers: string[] = [];
    const requests = [{ t: 'one' }, uncompressed({ t: 'two' })];
    for await (const answer of channel.bidiStreaming(method, requests)) answers.push(answer);
    assert.deepEqual(answers, ['compressed 3', 'plain 3']);
  });

  it('whose message becomes too large fails alone, on either side', async () => {
    const server = running.server({ compress: 'gzip', maxReceiveMessageLength: 1_000_000 });
    server.unary(PATH, (request) => Buffer.alloc(Number(String(request.subarray(0, 8)))));
    const channel = await running.channelTo(server, { maxReceiveMessageLength: 500_000 });
    const small = Buffer.from('00000001');
    const bomb = failureOf(channel.unary(PATH, Buffer.alloc(1_000_001), { compress: 'gzip' }));
    const answered = failureOf(channel.unary(PATH, Buffer.from('00500001')));
    const others = [small, small].map((request) => channel.unary(PATH, request));
    assert.equal((await bomb).code, Status.RESOURCE_EXHAUSTED);
    assert.match(
      (await bomb).details,
      /^received a compressed message that exceeds 1000000 bytes when decompressed; raise maxReceiveMessageLength on the server$/,
    );
    assert.equal((await answered).code, Status.RESOURCE_EXHAUSTED);
    assert.match((await answered).details, /exceeds 500000 bytes when decompressed/);
    for (const other of await Promise.all(others)) assert.equal(other.length, 1);
  });

  it('hears on the callback level whether a response came compressed', async () => {
    const server = running.server();
    server.unary(PATH, (request, context) => {
      if (request.length > 0) context.compress = 'gzip';
      return TEXT;
    });
    const channel = await running.channelTo(server);
    const heard: boolean[] = [];
    for (const request of [TEXT, Buffer.of()]) {
      await new Promise<void>((resolve) => {
        const call = channel.call(
          PATH,
          {},
          {
            onHeader: () => {},
            onMessage: (message, compressed) => {
              assert.deepEqual(message, TEXT);
              heard.push(compressed);
            },
            onWritable: () => {},
            onEnd: () => resolve(),
          },
        );
        call.request(2);
        call.send(request);
        call.halfClose();
      });
    }
    assert.deepEqual(heard, [true, false]);
  });
});

const same = (bytes: Buffer): Buffer => bytes;
const definition = {
  path: PATH,
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};

describe('with grpc-js at the other end', () => {
  for (const [algorithm, name] of [
    [1, 'deflate'],
    [2, 'gzip'],
  ] as const) {
    it(`its ${name} is understood, and it understands ours`, async () => {
      const server = running.server({ compress: name });
      echoing(server);
      const { port } = await server.listen({ host: '127.0.0.1' });
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
        'grpc.default_compression_algorithm': algorithm,
      });
      const call = client.makeBidiStreamRequest(PATH, same, same);
      const messages = mixed();
      for (const message of messages) call.write(message);
      call.end();
      const got: Buffer[] = [];
      for await (const message of call) got.push(Buffer.from(message));
      assert.deepEqual(got, messages);
      client.close();
    });

    it(`as a server it takes ${name} from us`, async () => {
      const server = new grpc.Server({ 'grpc.default_compression_algorithm': algorithm });
      server.addService(
        { method: definition },
        {
          method: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
            call.on('data', (message: Buffer) => call.write(message));
            call.on('end', () => call.end());
          },
        },
      );
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
          if (error === null) resolve(bound);
          else reject(error);
        });
      });
      const channel = running.channel(`127.0.0.1:${port}`);
      await echoes(channel, mixed(), name);
      await channel.close();
      server.forceShutdown();
    });
  }
});
