// An independent peer: what node:http2's client and server write to each other parses without a
// fault, and says what they said. Bytes pass in memory; no socket is opened.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http2 from 'node:http2';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { mulberry32 } from '../support/random.js';
import { OPTIONS, Recorder } from './recorder.js';

/** Runs `converse` over a tapped pair, says goodbye, and returns both directions as their chunks. */
async function tapped(
  converse: (client: http2.ClientHttp2Session) => Promise<void>,
): Promise<{ toServer: Buffer[]; toClient: Buffer[] }> {
  const toServer: Buffer[] = [];
  const toClient: Buffer[] = [];
  const [clientSide, clientTap] = duplexPair();
  const [serverSide, serverTap] = duplexPair();
  clientTap.on('data', (chunk: Buffer) => {
    toServer.push(chunk);
    serverTap.write(chunk);
  });
  serverTap.on('data', (chunk: Buffer) => {
    toClient.push(chunk);
    clientTap.write(chunk);
  });
  const server = http2.createServer({ paddingStrategy: http2.constants.PADDING_STRATEGY_MAX });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {}); // the reset below
    if (headers[':path'] === '/reset') {
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    stream.respond({ ':status': 200, 'x-large': 'v'.repeat(20_000) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  server.on('session', (session) => session.on('goaway', () => server.emit('goaway seen')));
  server.emit('connection', serverSide);
  const client = http2.connect('http://oracle', {
    createConnection: () => clientSide,
    settings: { initialWindowSize: 100_000, maxFrameSize: 20_000 },
  });
  try {
    await converse(client);
    const arrived = once(server, 'goaway seen');
    client.goaway(0, 0, Buffer.from('bye'));
    await arrived;
  } finally {
    client.destroy();
    for (const side of [clientSide, clientTap, serverSide, serverTap]) side.destroy();
  }
  return { toServer, toClient };
}

function readBack(bytes: Buffer, expectPreface: boolean, chunkLength: () => number): string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, { ...OPTIONS, maxFrameSize: 20_000, expectPreface });
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + chunkLength());
    assert.equal(reader.read(bytes, at, end), end);
    at = end;
  }
  return recorder.events;
}

/** The payload bytes of a stream, joined from its DATA frames. */
function dataOf(events: readonly string[], streamId: number): string {
  return events
    .filter((event) => event.startsWith(`end ${streamId} `))
    .map((event) => event.split(' ')[4] ?? '')
    .join('');
}

test('a conversation between node:http2 peers parses without a fault and says the same', async () => {
  const body = Buffer.alloc(150_000);
  for (let i = 0; i < body.length; i++) body[i] = i % 251;
  const { toServer, toClient } = await tapped(async (client) => {
    const echo = client.request({
      ':method': 'POST',
      ':path': '/echo',
      'x-long': 'q'.repeat(40_000),
    });
    echo.end(body);
    const parts: Buffer[] = [];
    for await (const part of echo) parts.push(part as Buffer); // a stream of bytes, typed as any
    assert.deepEqual(Buffer.concat(parts), body);
    const reset = client.request({ ':method': 'POST', ':path': '/reset' });
    await assert.rejects(once(reset, 'response'));
    await new Promise<void>((resolve, reject) => {
      client.ping(Buffer.from('oraclep!'), (error) => (error ? reject(error) : resolve()));
    });
    client.settings({ initialWindowSize: 70_000 });
    await once(client, 'localSettings');
  });
  const random = mulberry32(20);
  const chunkings: (() => number)[] = [
    () => 1,
    () => 65_536,
    () => 1 + Math.floor(random() * 9000),
  ];
  for (const chunkLength of chunkings) {
    const client = readBack(Buffer.concat(toServer), true, chunkLength);
    const server = readBack(Buffer.concat(toClient), false, chunkLength);
    for (const event of [...client, ...server]) assert.doesNotMatch(event, /^(CONNECTION|STREAM)/);
    assert.equal(client.filter((event) => event.startsWith('headers ')).length, 2);
    assert.equal(dataOf(client, 1), body.toString('hex'));
    assert.equal(dataOf(server, 1), body.toString('hex'));
    assert.ok(server.some((event) => /^end 1 .*padding=[1-9]/.test(event)));
    assert.ok(server.includes('rst 3 7'));
    const ping = Buffer.from('oraclep!');
    const [high, low] = [ping.readUInt32BE(0), ping.readUInt32BE(4)];
    assert.ok(client.includes(`ping ${high} ${low}`));
    assert.ok(server.includes(`ping ack ${high} ${low}`));
    assert.ok(client.includes('goaway 0 0 bye'));
    assert.ok(server.includes('settings ack'));
  }
});
