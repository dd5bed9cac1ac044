// Messages as streams compress them: headers, flags, order and accounts. gRPC compression.md.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';
import type { MessageCodec } from '#sluice/grpc/compression-codec.js';
import { uncompressed } from '#sluice/grpc/compression-mark.js';
import { messageCodec, registerMessageEncoding } from '#sluice/grpc/compression-names.js';
import { ClientEnd, TestCall } from '../support/client-end.js';
import { HeldCodec } from '../support/held-codec.js';
import type { MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const held = new HeldCodec('test-sent');
registerMessageEncoding(held);

const broken: MessageCodec = {
  name: 'test-broken',
  compress: () => {
    throw new Error('out of order');
  },
  decompress: () => Buffer.of(),
};
registerMessageEncoding(broken);

/** Fails in its thread, when the test says so. */
const failing: MessageCodec & { fail(): void } = {
  name: 'test-failing',
  compress: (message) => message,
  decompress: (message) => message,
  compressAsync: (_message, done) => {
    failing.fail = () => done(new Error('out of order'));
  },
  fail: () => {},
};
registerMessageEncoding(failing);

const LARGE = Buffer.alloc(30_000, 'l');

const ends: (ClientEnd | ServerEnd)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end.finish();
  assert.equal(held.waiting, 0);
});

async function client(): Promise<ClientEnd> {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000_000 });
  end.peer.windowUpdate(0, 1_000_000);
  await end.settle();
  ends.push(end);
  return end;
}

function open(end: ClientEnd, codec: MessageCodec | undefined): TestCall {
  const call = new TestCall();
  call.started(end.transport.newStream(call, '/s/m', [], -1, undefined, codec));
  call.stream.request(10);
  return call;
}

async function served(fields: { readonly [name: string]: string }): Promise<ServerEnd> {
  const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 1_000_000 });
  end.peer.windowUpdate(0, 1_000_000);
  ends.push(end);
  end.peer.headers(1, request('/s/m', fields), { endStream: true });
  await end.settle();
  return end;
}

/** The messages on a stream: flag, colon, text or length. */
function messagesOn(peer: MockPeer, id: number, read: (bytes: Buffer) => Buffer): string[] {
  const body = peer.body(id);
  const messages: string[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const bytes = body.subarray(at + 5, end);
    const message = body[at] === 1 ? read(bytes) : bytes;
    messages.push(`${body[at]}:${message.length > 20 ? message.length : String(message)}`);
    at = end;
  }
  return messages;
}

function unpacked(bytes: Buffer): Buffer {
  return bytes.subarray('packed:'.length);
}

function answer(end: ClientEnd): void {
  const fields = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0'];
  end.peer.headers(1, fields, { endStream: true });
}

describe('a call that compresses', () => {
  for (const [name, read] of [
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const) {
    it(`says that it does with ${name}, and flags what is`, async () => {
      const end = await client();
      const call = open(end, messageCodec(name));
      call.send('hello');
      call.stream.send(uncompressed(Buffer.from('as it is')), false);
      call.send('');
      call.send('bye', true);
      await end.settle();
      assert.equal(end.peer.field(1, 'grpc-encoding'), name);
      assert.deepEqual(messagesOn(end.peer, 1, read), ['1:hello', '0:as it is', '0:', '1:bye']);
      answer(end);
      await end.settle();
      assert.deepEqual(call.events, ['end OK']);
    });
  }

  it('is told from one that does not, on the same connection', async () => {
    const end = await client();
    const calls = [messageCodec('gzip'), undefined, messageCodec('deflate'), messageCodec('gzip')];
    for (const codec of calls) open(end, codec).send('x', true);
    await end.settle();
    const named = [1, 3, 5, 7].map((id) => end.peer.field(id, 'grpc-encoding'));
    assert.deepEqual(named, ['gzip', undefined, 'deflate', 'gzip']);
    end.transport.close('done');
  });

  it('does not once the server has said that it takes other encodings', async () => {
    const end = await client();
    const answered = async (id: number, accepted: string): Promise<unknown> => {
      open(end, messageCodec('gzip')).send('x', true);
      await end.settle();
      const fields = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '12'];
      end.peer.headers(id, [...fields, 'grpc-accept-encoding', accepted], { endStream: true });
      await end.settle();
      return [end.peer.field(id, 'grpc-encoding'), end.peer.body(id)[0]];
    };
    assert.deepEqual(await answered(1, 'identity,deflate'), ['gzip', 1]);
    assert.deepEqual(await answered(3, 'identity,gzip'), [undefined, 0]);
    assert.deepEqual(await answered(5, 'identity,gzip'), ['gzip', 1]);
  });

  it('keeps its order behind a large message, and its end', async () => {
    const end = await client();
    const call = open(end, held);
    call.send('one');
    call.send(LARGE);
    call.send('three');
    call.stream.halfClose();
    await end.settle();
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), ['1:one']);
    held.release();
    const lines = await end.transcript();
    assert.match(lines.at(-1) ?? '', /^DATA 1 \d+ END_STREAM$/);
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), ['1:one', '1:30000', '1:three']);
    answer(end);
    await end.settle();
  });

  it('ends with a large last message', async () => {
    const end = await client();
    const call = open(end, held);
    call.send(LARGE, true);
    await end.settle();
    held.release();
    assert.match((await end.transcript()).at(-1) ?? '', /END_STREAM$/);
    answer(end);
    await end.settle();
  });

  it('accounts for what waits with its full length, and pauses its writer', async () => {
    const end = await client();
    const call = open(end, held);
    await end.settle();
    const { buffer } = end.transport.loopy;
    assert.equal(call.send(LARGE), true);
    assert.equal(call.send(LARGE), true);
    assert.equal(call.send(LARGE), false);
    assert.deepEqual([buffer.items, buffer.bytes], [3, 3 * 30_005]);
    assert.equal(held.waiting, 1);
    held.release();
    await end.settle();
    assert.deepEqual([buffer.items, buffer.bytes], [2, 2 * 30_005]);
    assert.deepEqual(call.events, ['writable']);
    held.release();
    held.release();
    await end.settle();
    assert.deepEqual([buffer.items, buffer.bytes], [0, 0]);
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), ['1:30000', '1:30000', '1:30000']);
    call.stream.cancel();
  });

  it('lets go of what waits when it is cancelled', async () => {
    const end = await client();
    const call = open(end, held);
    call.send(LARGE);
    call.send('behind');
    await end.settle();
    call.stream.cancel();
    assert.equal(end.transport.loopy.buffer.bytes, 0);
    held.release();
    await end.settle();
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), []);
  });

  it('fails with INTERNAL when its encoding does', async () => {
    const end = await client();
    const call = open(end, broken);
    call.send('x', true);
    assert.deepEqual(call.events, [
      'end INTERNAL: cannot compress a message (test-broken): out of order',
    ]);
  });
});

describe('a response', () => {
  it('is compressed for a client that takes the encoding', async () => {
    const end = await served({ 'grpc-accept-encoding': 'identity, gzip' });
    const call = end.call();
    call.stream.compress('gzip');
    call.send('hello');
    call.stream.send(uncompressed(Buffer.from('as it is')));
    call.send('');
    call.end();
    await end.settle();
    assert.equal(end.peer.field(1, 'grpc-encoding'), 'gzip');
    assert.deepEqual(messagesOn(end.peer, 1, gunzipSync), ['1:hello', '0:as it is', '0:']);
  });

  it('is not for one that does not', async () => {
    for (const accepted of ['deflate', 'identity', '']) {
      const end = await served({ 'grpc-accept-encoding': accepted });
      end.call().stream.compress('gzip');
      end.call().send('hello');
      end.call().end();
      await end.settle();
      assert.equal(end.peer.field(1, 'grpc-encoding'), undefined);
      assert.deepEqual(messagesOn(end.peer, 1, gunzipSync), ['0:hello']);
    }
  });

  it('can go back to identity until its headers are sent, and to nothing after', async () => {
    const end = await served({ 'grpc-accept-encoding': 'gzip' });
    const { stream } = end.call();
    stream.compress('gzip');
    stream.compress('identity');
    assert.throws(() => stream.compress('snappy'), /^RangeError: compress is "snappy"/);
    end.call().send('hello');
    assert.throws(() => stream.compress('gzip'), {
      name: 'Error',
      message:
        'compress "gzip" comes too late: the response headers were sent; set it before them and before the first message',
    });
    end.call().end();
    await end.settle();
    assert.deepEqual(messagesOn(end.peer, 1, gunzipSync), ['0:hello']);
  });

  it('of no message names no encoding', async () => {
    const end = await served({ 'grpc-accept-encoding': 'gzip' });
    end.call().stream.compress('gzip');
    end.call().end();
    await end.settle();
    assert.equal(end.peer.field(1, 'grpc-encoding'), undefined);
    assert.equal(end.peer.field(1, 'grpc-status'), '0');
  });

  it('has its status behind a large message', async () => {
    const end = await served({ 'grpc-accept-encoding': held.name });
    const call = end.call();
    call.stream.compress(held.name);
    call.send(LARGE);
    call.send('behind');
    call.end();
    await end.settle();
    assert.equal(end.peer.fieldsOf(1).length, 1);
    held.release();
    await end.settle();
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), ['1:30000', '1:behind']);
    assert.equal(end.peer.field(1, 'grpc-status', 1), '0');
  });

  it('lets go of what waits when the client is gone', async () => {
    const end = await served({ 'grpc-accept-encoding': held.name });
    const call = end.call();
    call.stream.compress(held.name);
    call.send(LARGE);
    call.end();
    await end.settle();
    end.peer.rstStream(1, 8);
    await end.settle();
    assert.equal(end.transport.connection.loopy.buffer.bytes, 0);
    held.release();
    await end.settle();
  });

  it('ends with INTERNAL when its encoding fails, and its handler hears of it', async () => {
    const end = await served({ 'grpc-accept-encoding': broken.name });
    const call = end.call();
    call.stream.compress(broken.name);
    call.send('x');
    await end.settle();
    const text = 'cannot compress a message (test-broken): out of order';
    assert.deepEqual(call.events, ['half-close', `cancel: ${text}`]);
    assert.equal(end.peer.field(1, 'grpc-status', 1), '13');
    assert.equal(end.peer.field(1, 'grpc-message', 1), text);
  });

  it('sends nothing behind a message that its encoding fails on', async () => {
    const end = await served({ 'grpc-accept-encoding': failing.name });
    const call = end.call();
    call.stream.compress(failing.name);
    call.send(LARGE);
    call.send('behind');
    call.end();
    await end.settle();
    failing.fail();
    await end.settle();
    assert.deepEqual(messagesOn(end.peer, 1, unpacked), []);
    assert.equal(end.peer.field(1, 'grpc-status', 1), '13');
    assert.equal(end.transport.connection.loopy.buffer.bytes, 0);
  });
});
