// The same behaviour between Sluice and @grpc/grpc-js in both roles, and between Sluice and itself,
// over plain TCP and TLS. gRPC PROTOCOL-HTTP2.md.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Status } from '#sluice/index.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import { grpcJsPeer } from './grpc-js-peer.js';
import {
  FAILURE,
  type Fields,
  type Kind,
  type OpenCall,
  type Outcome,
  type Peer,
  type PeerClient,
  type PeerServer,
  paths,
  type Security,
} from './peer.js';
import { sluicePeer } from './sluice-peer.js';

const PAIRS: readonly (readonly [Peer, Peer])[] = [
  [sluicePeer, grpcJsPeer],
  [grpcJsPeer, sluicePeer],
  [sluicePeer, sluicePeer],
];
const MIB = 1024 * 1024;
const ALL_KINDS: readonly Kind[] = ['unary', 'serverStreaming', 'clientStreaming', 'bidiStreaming'];

function filled(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = (i * 31) & 0xff;
  return bytes;
}

function value(fields: Fields, key: string): string | Buffer | undefined {
  return fields.find(([name]) => name === key)?.[1];
}

function texts({ messages }: Outcome): string[] {
  return messages.map(String);
}

function pair(clientPeer: Peer, serverPeer: Peer, security: Security): void {
  let server: PeerServer;
  let client: PeerClient;
  let hangs = 0;
  let cancels = 0;

  async function hang(options?: { timeoutMs: number }): Promise<OpenCall> {
    const call = client.start('unary', paths.hang, [Buffer.from('x')], options);
    hangs += 1;
    await server.hanging(hangs);
    return call;
  }

  before(async () => {
    server = await serverPeer.serve(security);
    client = clientPeer.connect(server.port, security);
  });
  after(async () => {
    assert.equal(client.leftOpen(), 0, 'streams or calls left open on the client');
    assert.equal(server.leftOpen(), 0, 'streams or handlers left on the server');
    await client.close();
    await server.close();
    // Streams, connections and deadlines all keep a timer or wait in the wheel at some time.
    assert.equal(processWheel.size, 0, 'timers left behind');
  });

  it('one request, one response', async () => {
    const outcome = await client.start('unary', paths.unary, [Buffer.from('hello')]).outcome;
    assert.equal(outcome.code, Status.OK, outcome.details);
    assert.deepEqual(texts(outcome), ['hello']);
  });

  it('empty messages are messages', async () => {
    const nothing = Buffer.alloc(0);
    const unary = await client.start('unary', paths.unary, [nothing]).outcome;
    assert.deepEqual(texts(unary), ['']);
    const bidi = await client.start('bidiStreaming', paths.bidiStreaming, [nothing, nothing])
      .outcome;
    assert.deepEqual(texts(bidi), ['', '']);
  });

  it('one request, many responses in order', async () => {
    const outcome = await client.start('serverStreaming', paths.serverStreaming, [
      Buffer.from('100'),
    ]).outcome;
    assert.equal(outcome.code, Status.OK, outcome.details);
    assert.deepEqual(
      texts(outcome),
      Array.from({ length: 100 }, (_, i) => `reply ${i}`),
    );
  });

  it('many requests, one response; none too', async () => {
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i));
    const outcome = await client.start('clientStreaming', paths.clientStreaming, messages).outcome;
    assert.deepEqual(texts(outcome), ['50 1225']);
    const none = await client.start('clientStreaming', paths.clientStreaming, []).outcome;
    assert.deepEqual(texts(none), ['0 0']);
  });

  it('many requests, many responses', async () => {
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.from(`message ${i}`));
    const outcome = await client.start('bidiStreaming', paths.bidiStreaming, messages).outcome;
    assert.equal(outcome.code, Status.OK, outcome.details);
    assert.deepEqual(texts(outcome), messages.map(String));
  });

  it('1 MiB messages, both ways, alone and in a stream', async () => {
    const big = filled(MIB);
    const unary = await client.start('unary', paths.unary, [big]).outcome;
    assert.equal(unary.code, Status.OK, unary.details);
    assert.ok(unary.messages[0]?.equals(big));
    const bidi = await client.start('bidiStreaming', paths.bidiStreaming, [big, big, big, big])
      .outcome;
    assert.equal(bidi.code, Status.OK, bidi.details);
    assert.equal(bidi.messages.length, 4);
    for (const message of bidi.messages) assert.ok(message.equals(big));
  });

  for (const kind of ALL_KINDS) {
    it(`metadata as text and bytes, in requests, headers and trailers: ${kind}`, async () => {
      const metadata: Fields = [
        ['x-text', 'plain ASCII, with: punctuation'],
        ['x-bytes-bin', Buffer.from([0, 1, 254, 255, 61, 44])],
      ];
      const request = Buffer.from('1');
      const { code, header, trailer } = await client.start(kind, paths[kind], [request], {
        metadata,
      }).outcome;
      assert.equal(code, Status.OK);
      assert.equal(value(header, 'h-x-text'), 'plain ASCII, with: punctuation');
      assert.deepEqual(value(header, 'h-x-bytes-bin'), Buffer.from([0, 1, 254, 255, 61, 44]));
      assert.equal(value(trailer, 't-x-text'), 'plain ASCII, with: punctuation');
      assert.deepEqual(value(trailer, 't-x-bytes-bin'), Buffer.from([0, 1, 254, 255, 61, 44]));
    });
  }

  it('several values of one key, and a list of 12 KiB over CONTINUATION', async () => {
    const metadata: Fields = Array.from({ length: 12 }, (_, i) => [
      'x-text',
      `${i} ${'v'.repeat(800)}`,
    ]);
    const { code, details, trailer } = await client.start(
      'unary',
      paths.unary,
      [Buffer.from('x')],
      { metadata },
    ).outcome;
    assert.equal(code, Status.OK, details);
    const values = trailer.filter(([key]) => key === 't-x-text').map(([, text]) => text);
    assert.deepEqual(values.join(', '), metadata.map(([, text]) => text).join(', '));
  });

  it('an error status with unicode details and its trailers', async () => {
    const outcome = await client.start('unary', paths.fail, [Buffer.from('x')]).outcome;
    assert.equal(outcome.code, FAILURE.code);
    assert.equal(outcome.details, FAILURE.details);
    assert.deepEqual(outcome.messages, []);
    assert.equal(value(outcome.trailer, 'x-reason'), 'because');
  });

  it('an error status behind messages', async () => {
    const outcome = await client.start('serverStreaming', paths.failLate, [Buffer.from('x')])
      .outcome;
    assert.deepEqual(texts(outcome), ['one', 'two']);
    assert.equal(outcome.code, Status.ABORTED);
    assert.equal(outcome.details, 'after two');
  });

  it('an unknown method is UNIMPLEMENTED and names itself: trailers only', async () => {
    for (const kind of ALL_KINDS) {
      const outcome = await client.start(kind, paths.unknown, [Buffer.from('x')]).outcome;
      assert.equal(outcome.code, Status.UNIMPLEMENTED);
      assert.ok(outcome.details.includes('/test.Peer/Unknown'), outcome.details);
    }
  });

  it('a deadline that passes ends the call on both sides', async () => {
    const call = await hang({ timeoutMs: 200 });
    const outcome = await call.outcome;
    assert.equal(outcome.code, Status.DEADLINE_EXCEEDED, outcome.details);
    cancels += 1;
    await server.cancelled(cancels);
  });

  it('a deadline far away harms nobody', async () => {
    const outcome = await client.start('unary', paths.unary, [Buffer.from('x')], {
      timeoutMs: 3_600_000,
    }).outcome;
    assert.equal(outcome.code, Status.OK);
  });

  it('a client that cancels is heard of by the server', async () => {
    const call = await hang();
    await call.started;
    call.cancel();
    assert.equal((await call.outcome).code, Status.CANCELLED);
    cancels += 1;
    await server.cancelled(cancels);
  });

  it('a client that cancels while it still sends', async () => {
    let goOn = (): void => {};
    const cancelledNow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('first');
      await cancelledNow;
      for (let i = 0; i < 10; i += 1) yield Buffer.from('more');
    };
    const call = client.start('bidiStreaming', paths.bidiStreaming, requests());
    await call.started;
    call.cancel();
    goOn();
    assert.equal((await call.outcome).code, Status.CANCELLED);
  });

  it('a server that gives up', async () => {
    const call = await hang();
    server.giveUp();
    const outcome = await call.outcome;
    assert.equal(outcome.code, Status.CANCELLED);
    assert.equal(outcome.details, 'the server gave up');
  });

  it('500 calls of all kinds at once', async () => {
    const calls: Promise<void>[] = [];
    for (let i = 0; i < 500; i += 1) {
      const kind = ALL_KINDS[i % 4] ?? 'unary';
      const request = Buffer.from(String(i % 7));
      const call = client.start(kind, paths[kind], [request]);
      calls.push(
        call.outcome.then((outcome) => {
          assert.equal(outcome.code, Status.OK, `${kind} ${i}: ${outcome.details}`);
          const count = kind === 'serverStreaming' ? i % 7 : 1;
          assert.equal(outcome.messages.length, count, `${kind} ${i}`);
        }),
      );
    }
    await Promise.all(calls);
  });
}

for (const [clientPeer, serverPeer] of PAIRS) {
  for (const security of ['plain', 'tls'] as const) {
    describe(`${clientPeer.name} client, ${serverPeer.name} server, ${security}`, () =>
      pair(clientPeer, serverPeer, security));
  }
}
