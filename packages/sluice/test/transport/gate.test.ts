// The throttle gate: replies to received frames that wait to be written pause the reader, so that a
// peer that asks and never reads is bounded (CVE-2019-9512, -9515), and nothing else pauses it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import type { Connection } from '#sluice/transport/connection.js';
import { pingItem, settingsItem } from '#sluice/transport/control-buffer.js';
import { Alarm } from '../support/alarm.js';
import { openCall, type RecordedCall } from '../support/client-call.js';
import { TransportPair } from '../support/transport-pair.js';

const PING_FRAME = 17;
const WIDE = { initialStreamWindow: 4_000_000, initialConnectionWindow: 4_000_000 };
const FREE_PINGS = { minPingIntervalMs: 0, permitPingsWithoutStream: true };

function ask(connection: Connection, pings: number): void {
  for (let i = 0; i < pings; i += 1) connection.loopy.buffer.put(pingItem(0x7e57, i));
}

test('fifty queued replies pause the reader before the next frame; writing them lets it go on', async () => {
  const pair = new TransportPair();
  await pair.settle();
  const { connection } = pair.client;
  ask(pair.server.connection, 120);
  pair.serverTurns.run();
  await pair.clientTurns.deliver();
  assert.equal(connection.loopy.buffer.responseFrames, 50);
  assert.equal(connection.reader.gate, 'closed');
  pair.clientTurns.run();
  await pair.clientTurns.deliver();
  // The turn wrote 50 and read on: the next 50 are here.
  assert.equal(connection.loopy.buffer.responseFrames, 50);
  await pair.settle();
  assert.equal(connection.loopy.buffer.responseFrames, 0);
  assert.equal(connection.reader.gate, 'open');
  await pair.close();
});

test('what has come and waits to be parsed is in the account of the connection', async () => {
  const pair = new TransportPair();
  await pair.settle();
  const { connection } = pair.client;
  const before = connection.heldBytes();
  ask(pair.server.connection, 120);
  pair.serverTurns.run();
  await pair.clientTurns.deliver();
  assert.equal(connection.reader.waitingBytes, 70 * PING_FRAME);
  assert.equal(connection.heldBytes() - before, 70 * PING_FRAME);
  await pair.settle();
  assert.equal(connection.heldBytes(), before);
  await pair.close();
});

test('below fifty the gate stays open', async () => {
  const pair = new TransportPair();
  await pair.settle();
  ask(pair.server.connection, 49);
  pair.serverTurns.run();
  await pair.clientTurns.deliver();
  assert.equal(pair.client.connection.loopy.buffer.responseFrames, 49);
  assert.equal(pair.client.connection.reader.gate, 'open');
  await pair.settle();
  await pair.close();
});

test('fifty replies to the last frames of a chunk do not hold the chunk that comes after them', async () => {
  const pair = new TransportPair();
  await pair.settle();
  ask(pair.server.connection, 50);
  await pair.settle();
  const call = openCall(pair.client);
  await pair.settle();
  ask(pair.server.connection, 1);
  await pair.settle();
  assert.equal(pair.client.connection.socketBytes, 0);
  assert.equal(pair.clientSocket.isPaused(), false);
  pair.server.connection.streams.forEach((stream) => {
    pair.server.connection.resetStream(stream, ErrorCode.INTERNAL_ERROR, false);
  });
  await pair.settle();
  assert.equal(call.ends.length, 1, 'the reset was read');
  await pair.close();
});

test('thousands of cancels and deadlines of ours never close our own gate', async () => {
  const pair = new TransportPair({ serverLimits: { streams: Number.POSITIVE_INFINITY } });
  await pair.settle();
  const calls: RecordedCall[] = [];
  while (calls.length < 4_000) {
    for (let i = 0; i < 1_000; i += 1) calls.push(openCall(pair.client));
    await pair.settle();
  }
  // Old enough that the server takes the resets for use.
  await pair.pass(1_100);
  calls.forEach((call, i) => {
    if (i % 2 === 0) call.stream.cancel();
    else new Alarm(pair.wheel, 1, () => call.stream.cancel());
  });
  pair.clock.advance(10);
  const { loopy, reader } = pair.client.connection;
  assert.equal(loopy.buffer.items, 4_000);
  assert.equal(loopy.buffer.responseFrames, 0);
  ask(pair.server.connection, 10);
  pair.serverTurns.run();
  await pair.clientTurns.deliver();
  assert.equal(loopy.buffer.responseFrames, 10, 'the reader goes on');
  assert.equal(reader.gate, 'open');
  await pair.settle();
  assert.equal(pair.server.connection.closedBy, undefined);
  assert.equal(pair.server.connection.streams.size, 0);
  await pair.close();
});

/** A pair whose server has written until its socket was full: the client does not read. */
async function blockedServer(chunkLength: number): Promise<TransportPair> {
  const pair = new TransportPair({
    client: WIDE,
    server: FREE_PINGS,
    toServer: { chunkLength: () => chunkLength },
    toClient: { capacity: 1_000 },
    onStream: (stream) => {
      stream.listen({ onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} });
      stream.send(Buffer.alloc(1_000_000));
    },
  });
  await pair.settle();
  pair.clientSocket.pause();
  openCall(pair.client);
  await pair.settle();
  assert.equal(pair.server.connection.loopy.state, 'blocked-on-socket');
  return pair;
}

test('a gate closed for a second on a blocked socket reads on by single chunks', async () => {
  const pair = await blockedServer(10 * PING_FRAME);
  const { buffer } = pair.server.connection.loopy;
  ask(pair.client.connection, 95);
  await pair.settle();
  assert.equal(buffer.responseFrames, 50);
  await pair.pass(900);
  assert.equal(buffer.responseFrames, 50, 'not before the second is over');
  await pair.pass(150);
  assert.equal(buffer.responseFrames, 95);
  assert.equal(pair.server.connection.reader.gate, 'closed');
  pair.clientSocket.resume();
  await pair.settle();
  assert.equal(buffer.responseFrames, 0);
  assert.equal(pair.server.connection.reader.gate, 'open');
  assert.equal(pair.server.connection.closedBy, undefined);
  await pair.close();
});

test('a closed gate whose socket is writable does not read on', async () => {
  const pair = new TransportPair({ server: FREE_PINGS });
  await pair.settle();
  ask(pair.client.connection, 200);
  pair.clientTurns.run();
  await pair.serverTurns.deliver();
  for (let i = 0; i < 5; i += 1) pair.clock.advance(1_000);
  await pair.serverTurns.deliver();
  assert.equal(pair.server.connection.loopy.buffer.responseFrames, 50);
  await pair.settle();
  await pair.close();
});

test('a thousand replies that nobody reads end the connection with ENHANCE_YOUR_CALM', async () => {
  const pair = await blockedServer(10 * PING_FRAME);
  ask(pair.client.connection, 2_000);
  await pair.settle();
  await pair.pass(1_100);
  const closedBy = pair.serverClosed;
  assert.ok(closedBy?.kind === 'connection');
  assert.equal(closedBy.errorCode, ErrorCode.ENHANCE_YOUR_CALM);
  assert.match(closedBy.reason, /^response-frames: 1000 replies wait/);
  pair.clientSocket.resume();
  await pair.settle();
  assert.match(pair.draining ?? '', /GOAWAY\(ENHANCE_YOUR_CALM\)/);
  await pair.pass(1_100);
  pair.assertNothingLeft();
});

test('SETTINGS whose acknowledgements nobody reads end the connection in the same way', async () => {
  const pair = await blockedServer(10 * PING_FRAME);
  for (let i = 0; i < 2_000; i += 1) pair.client.connection.loopy.buffer.put(settingsItem([]));
  await pair.settle();
  assert.equal(pair.server.connection.reader.gate, 'closed');
  await pair.pass(1_100);
  assert.match(pair.serverClosed?.reason ?? '', /^response-frames: 1000 replies wait/);
  assert.equal(pair.server.connection.limits.acted.of('response-gate'), 1);
  assert.equal(pair.server.connection.limits.acted.of('response-frames'), 1);
  pair.clientSocket.resume();
  await pair.settle();
  await pair.pass(1_100);
  pair.assertNothingLeft();
});

test('a connection lost while its gate is closed leaves no timer behind', async () => {
  const pair = await blockedServer(10 * PING_FRAME);
  ask(pair.client.connection, 95);
  await pair.settle();
  assert.equal(pair.server.connection.reader.gate, 'closed');
  pair.clientSocket.destroy();
  pair.serverSocket.destroy(new Error('reset'));
  await pair.settle();
  pair.assertNothingLeft();
});
