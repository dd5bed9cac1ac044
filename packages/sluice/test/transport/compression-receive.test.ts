// Compressed messages as streams receive them: order, limits and damage. gRPC compression.md.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { registerMessageEncoding } from '#sluice/grpc/compression-names.js';
import { ClientEnd, type TestCall } from '../support/client-end.js';
import { HeldCodec, packed } from '../support/held-codec.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const held = new HeldCodec('test-received');
registerMessageEncoding(held);

const LARGE = Buffer.alloc(100_000, 'l');
const LONG = 1_048_576;

const ends: (ClientEnd | ServerEnd)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end.finish();
  assert.equal(held.waiting, 0);
});

/** A server with one call of this encoding, whose windows take anything. */
async function served(encoding: string, demand = 1_000): Promise<ServerEnd> {
  const options = { initialStreamWindow: LONG, initialConnectionWindow: LONG };
  const end = await ServerEnd.ready({}, { transport: options });
  ends.push(end);
  end.handler = (call) => call.stream.request(demand);
  end.peer.headers(1, request('/s/m', { 'grpc-encoding': encoding }));
  return end;
}

function sends(end: ServerEnd | ClientEnd, payload: Buffer): void {
  for (let at = 0; at < payload.length; at += 16_384) {
    end.peer.data(1, payload.subarray(at, at + 16_384));
  }
}

/** A client whose call was answered with headers of this encoding. */
async function answered(encoding: string | undefined): Promise<[ClientEnd, TestCall]> {
  const options = { initialStreamWindow: LONG, initialConnectionWindow: LONG };
  const end = await ClientEnd.ready({}, { transport: options });
  ends.push(end);
  const call = end.unary();
  await end.settle();
  const fields = [':status', '200', 'content-type', 'application/grpc'];
  if (encoding !== undefined) fields.push('grpc-encoding', encoding);
  end.peer.headers(1, fields);
  return [end, call];
}

function trailers(end: ClientEnd): void {
  end.peer.headers(1, ['grpc-status', '0'], { endStream: true });
}

describe('a request that is compressed', () => {
  for (const [name, compress] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const) {
    it(`with ${name} is received as it was`, async () => {
      const end = await served(name);
      end.peer.data(1, framed(compress('hello'), true), { endStream: true });
      await end.settle();
      assert.deepEqual(end.call().events, ['message hello', 'half-close']);
      end.call().end();
    });
  }

  it('may have messages among it that are not', async () => {
    const end = await served('gzip');
    end.peer
      .data(1, framed('one'))
      .data(1, framed(gzipSync('two'), true))
      .data(1, framed('three'));
    await end.settle();
    assert.deepEqual(end.call().events, ['message one', 'message two', 'message three']);
    end.call().end();
  });

  it('with an unknown encoding is refused, and told the known ones', async () => {
    const end = await served('snappy');
    end.peer.data(1, framed('x', true), { endStream: true });
    await end.settle();
    const text =
      'grpc-encoding "snappy" is not supported; send one of identity,deflate,gzip,test-received';
    assert.deepEqual(end.call().events, [`cancel: ${text}`]);
    assert.equal(end.peer.field(1, 'grpc-status'), '12');
    assert.equal(end.peer.field(1, 'grpc-message'), text);
    assert.equal(end.peer.field(1, 'grpc-accept-encoding'), 'identity,deflate,gzip,test-received');
  });

  it('without an encoding is refused', async () => {
    for (const encoding of ['identity', '']) {
      const end = await served(encoding);
      end.peer.data(1, framed(gzipSync('x'), true), { endStream: true });
      await end.settle();
      assert.deepEqual(end.call().events, ['cancel: a compressed message without grpc-encoding']);
      assert.equal(end.peer.field(1, 'grpc-status'), '13');
    }
  });

  it('is damaged: the call fails and the connection goes on', async () => {
    const damaged: [Buffer, RegExp][] = [
      [Buffer.from('no gzip at all'), /incorrect header check/],
      [gzipSync('x').subarray(0, -1), /unexpected end of file/],
      [Buffer.concat([gzipSync('x'), Buffer.of(0)]), /1 bytes follow its end/],
      [Buffer.concat([gzipSync('x'), Buffer.from('rubbish')]), /incorrect header check/],
    ];
    for (const [bytes, why] of damaged) {
      const end = await served('gzip');
      end.peer.data(1, framed(bytes, true));
      // What is no gzip may look like a large message, which is left to the threads.
      do await end.settle();
      while (end.call().events.length === 0);
      const [event = ''] = end.call().events;
      assert.match(event, /^cancel: cannot decompress a message \(gzip\): /);
      assert.match(event, why);
      assert.equal(end.peer.field(1, 'grpc-status'), '13');
      end.peer.headers(3, request(), { endStream: true });
      await end.settle();
      end.call(1).end();
    }
  });

  it('and empty is taken for an empty message', async () => {
    const end = await served('gzip');
    end.peer.data(1, framed('', true)).data(1, framed(gzipSync(''), true), { endStream: true });
    await end.settle();
    assert.deepEqual(end.call().events, ['message ', 'message ', 'half-close']);
    end.call().end();
  });

  it('becomes larger than it may be: the text names the limit', async () => {
    const end = await ServerEnd.ready({}, { transport: { maxReceiveMessageLength: 1_000 } });
    ends.push(end);
    const exact = framed(gzipSync(Buffer.alloc(1_000)), true);
    const over = framed(gzipSync(Buffer.alloc(1_001)), true);
    end.peer
      .headers(1, request('/s/m', { 'grpc-encoding': 'gzip' }))
      .data(1, exact)
      .data(1, over);
    await end.settle();
    const text =
      'received a compressed message that exceeds 1000 bytes when decompressed; raise maxReceiveMessageLength on the server';
    assert.deepEqual(end.call().events, ['message 1000', `cancel: ${text}`]);
    assert.equal(end.peer.field(1, 'grpc-status'), '8');
  });
});

describe('a large compressed message', () => {
  it('holds back what comes behind it, and the end', async () => {
    const end = await served(held.name);
    sends(end, framed(packed(LARGE), true));
    end.peer.data(1, framed(packed('two'), true)).data(1, framed('three'), { endStream: true });
    await end.settle();
    assert.deepEqual(end.call().events, []);
    assert.equal(held.waiting, 1);
    held.release();
    const all = ['message 100000', 'message two', 'message three', 'half-close'];
    assert.deepEqual(end.call().events, all);
    end.call().end();
  });

  it('holds back the end that comes alone', async () => {
    const end = await served(held.name);
    sends(end, framed(packed(LARGE), true));
    end.peer.data(1, '', { endStream: true });
    await end.settle();
    assert.deepEqual(end.call().events, []);
    held.release();
    assert.deepEqual(end.call().events, ['message 100000', 'half-close']);
    end.call().end();
  });

  it('counts for one of those that were asked for, and no more are delivered', async () => {
    const end = await served(held.name, 1);
    sends(end, framed(packed(LARGE), true));
    end.peer.data(1, framed('two')).data(1, framed('three'));
    await end.settle();
    held.release();
    assert.deepEqual(end.call().events, ['message 100000']);
    end.call().stream.request(1);
    assert.deepEqual(end.call().events, ['message 100000', 'message two']);
    end.call().end();
    await end.settle();
  });

  it('is not the only one that may be asked for meanwhile', async () => {
    const end = await served(held.name, 1);
    sends(end, framed(packed(LARGE), true));
    sends(end, framed(packed(LARGE), true));
    end.peer.data(1, framed('three'));
    await end.settle();
    end.call().stream.request(2);
    assert.equal(held.waiting, 1);
    held.release();
    assert.deepEqual(end.call().events, ['message 100000']);
    assert.equal(held.waiting, 1);
    held.release();
    assert.deepEqual(end.call().events, ['message 100000', 'message 100000', 'message three']);
    end.call().end();
    await end.settle();
  });

  it('is dropped when its call is over', async () => {
    const end = await served(held.name);
    sends(end, framed(packed(LARGE), true));
    await end.settle();
    end.peer.rstStream(1, 8);
    await end.settle();
    held.release();
    assert.deepEqual(end.call().events, ['cancel: the peer reset the stream with CANCEL']);
  });

  it('that turns out damaged or too large fails its call', async () => {
    const end = await served(held.name);
    sends(end, framed(Buffer.concat([Buffer.from('x'), LARGE]), true));
    await end.settle();
    held.release();
    assert.deepEqual(end.call().events, [
      'cancel: cannot decompress a message (test-received): it is not packed',
    ]);
    await end.settle();
  });

  it('waits for a thread when three are at work', async () => {
    const end = await served(held.name);
    for (const id of [1, 3, 5, 7, 9]) {
      if (id > 1) end.peer.headers(id, request('/s/m', { 'grpc-encoding': held.name }));
      const bytes = framed(packed(LARGE), true);
      for (let at = 0; at < bytes.length; at += 16_384) {
        end.peer.data(id, bytes.subarray(at, at + 16_384));
      }
    }
    await end.settle();
    assert.equal(held.waiting, 3);
    // One that waits is cancelled: it never starts.
    end.peer.rstStream(7, 8);
    await end.settle();
    for (let left = 4; left > 0; left -= 1) held.release();
    assert.deepEqual(
      end.calls.map((call) => call.events[0]),
      [
        'message 100000',
        'message 100000',
        'message 100000',
        'cancel: the peer reset the stream with CANCEL',
        'message 100000',
      ],
    );
    for (const call of end.calls) call.end();
    await end.settle();
  });

  it('blocks nobody when it is a bomb of a few bytes', async () => {
    const end = await served('gzip');
    end.peer.data(1, framed(gzipSync(Buffer.alloc(1_000_000)), true));
    await end.settle();
    // Not on the event loop: what the threads do is known when they say so.
    while (end.call().events.length === 0) await end.settle();
    assert.deepEqual(end.call().events, ['message 1000000']);
    end.call().end();
    await end.settle();
  });
});

describe('a response that is compressed', () => {
  it('is received as it was', async () => {
    const [end, call] = await answered('gzip');
    end.peer.data(1, framed(gzipSync('hello'), true));
    trailers(end);
    await end.settle();
    assert.deepEqual(call.events, ['head', 'message hello', 'end OK']);
  });

  it('with an unknown encoding or none fails the call with INTERNAL', async () => {
    const known = 'identity,deflate,gzip,test-received';
    const cases: [string | undefined, string][] = [
      ['snappy', `grpc-encoding "snappy" is not supported; this client takes ${known}`],
      [undefined, 'a compressed message without grpc-encoding'],
      ['', 'a compressed message without grpc-encoding'],
    ];
    for (const [encoding, text] of cases) {
      const [end, call] = await answered(encoding);
      end.peer.data(1, framed(gzipSync('hello'), true));
      await end.settle();
      assert.deepEqual(call.events, ['head', `end INTERNAL: ${text}`]);
    }
  });

  it('and large holds back the status', async () => {
    const [end, call] = await answered(held.name);
    sends(end, framed(packed(LARGE), true));
    trailers(end);
    await end.settle();
    assert.deepEqual(call.events, ['head']);
    held.release();
    assert.deepEqual(call.events, ['head', 'message 100000', 'end OK']);
  });

  it('and large is dropped when the call is cancelled', async () => {
    const [end, call] = await answered(held.name);
    sends(end, framed(packed(LARGE), true));
    await end.settle();
    call.stream.cancel();
    held.release();
    assert.deepEqual(call.events, ['head']);
  });

  it('and large is lost with its connection, before its end came', async () => {
    const [end, call] = await answered(held.name);
    sends(end, framed(packed(LARGE), true));
    await end.settle();
    end.transport.close('the channel was closed');
    held.release();
    assert.deepEqual(call.events, ['head', 'end UNAVAILABLE: the channel was closed']);
  });

  it('is asked for with the encodings that are known', async () => {
    const [end] = await answered(undefined);
    assert.equal(end.peer.field(1, 'grpc-accept-encoding'), 'identity,deflate,gzip,test-received');
    trailers(end);
    await end.settle();
  });
});
