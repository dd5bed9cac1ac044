// The floods of replies that nobody reads, against node:http2, which is neither of the runtimes: what
// the attacker writes is what it claims, and its answers are counted right.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { calmFaults, endOf, streamsTaken } from '../../dist/measure/connection-end.js';
import { answersOf } from '../../dist/wire/answers.js';
import { FrameType, headers, ping, requestBlock, rstStream } from '../../dist/wire/frames.js';
import { RawPeer } from '../../dist/wire/raw-peer.js';
import { askUnread } from '../../dist/wire/unread-replies.js';

describe('a raw client of node:http2', () => {
  let server: Http2Server;
  let address: { port: number; trusted: undefined };

  before(async () => {
    server = createServer();
    server.on('stream', (stream, fields) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      // What the client fills the pipe with; every other path is answered at once.
      if (fields[':path'] === '/attack.Target/Stream') stream.write(Buffer.alloc(16_000_000));
      else stream.end('answer');
    });
    server.on('session', (session) => session.on('error', () => {}));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = { port: (server.address() as AddressInfo).port, trusted: undefined };
  });

  after(() => {
    server.close();
  });

  it('gets every answer that it did not read at first', async () => {
    const asked = await askUnread(address, 40, FrameType.PING, ping, 300);
    assert.deepEqual(asked, { acks: 40, goAwayCode: 'none', goAwayText: '' });
  });

  it('knows which of its streams are answered', async () => {
    const peer = await RawPeer.connect(address);
    const answers = answersOf(peer);
    for (const id of [1, 3, 5]) {
      answers.open.add(id);
      peer.write(headers(id, requestBlock('/any'), true));
    }
    assert.equal(await peer.until(() => answers.open.size === 0, 5_000), true);
    assert.equal(answers.ended, 3);
    assert.equal(answers.resets.size, 0);
    assert.equal(endOf(peer), 'none');
    peer.end();
  });

  it('knows how its connection ended, and how far it came', async () => {
    const peer = await RawPeer.connect(address);
    peer.write(headers(1, requestBlock('/any'), true));
    await peer.fence();
    // RST_STREAM on a stream that was never opened.
    peer.write(rstStream(7, 8));
    assert.equal(await peer.until(() => peer.isOver, 5_000), true);
    assert.equal(typeof endOf(peer), 'number');
    assert.equal(streamsTaken(peer), 1);
    peer.end();
  });
});

it('only GOAWAY(ENHANCE_YOUR_CALM) is enough of Sluice, any end of another runtime', () => {
  assert.deepEqual(calmFaults(11, 'sluice'), []);
  assert.deepEqual(calmFaults(2, 'sluice'), ['GOAWAY code 2, not 11']);
  assert.deepEqual(calmFaults(2, 'grpc-js'), []);
  assert.deepEqual(calmFaults('closed without', 'grpc-js'), []);
  assert.deepEqual(calmFaults('closed without', 'sluice'), ['GOAWAY code closed without, not 11']);
  assert.deepEqual(calmFaults('none', 'grpc-js'), ['GOAWAY code none, not 11']);
});
