// Admission: each limit of a client's connection refuses under its own name, counts that it acted,
// and lets in again once there is room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import type { AdmissionLimit } from '#sluice/transport/admission.js';
import { openCall, RecordedCall } from '../support/client-call.js';
import { openPair } from '../support/served-pair.js';
import { TransportPair, type TransportPairOptions } from '../support/transport-pair.js';

function readyPair(options?: TransportPairOptions): ReturnType<typeof openPair> {
  return openPair(options, 1_000);
}

/** The next call is refused by this limit, whose counter and text say so. */
function assertRefused(pair: TransportPair, name: AdmissionLimit, text: RegExp): void {
  const { admission, connection } = pair.client;
  const items = connection.loopy.buffer.items;
  const before = admission.readings()[name]?.acted ?? 0;
  assert.equal(admission.refuses(0), name);
  assert.equal(new RecordedCall().open(pair.client), false);
  assert.equal(connection.loopy.buffer.items, items, 'a refused call leaves nothing behind');
  admission.count(name);
  assert.equal(admission.readings()[name]?.acted, before + 1);
  assert.match(admission.describe(name), text);
}

test('open-calls: calls past the limit are refused until one ends', async () => {
  const { pair, served } = await readyPair({ clientLimits: { openCalls: 2 } });
  const calls = [openCall(pair.client), openCall(pair.client)];
  assertRefused(pair, 'open-calls', /^the open-calls limit: 2 of 2 calls are open/);
  await pair.settle();
  assertRefused(pair, 'open-calls', /raise limits\.openCalls$/);
  pair.client.notifyCapacity();
  calls[0]?.stream.halfClose();
  calls[0]?.stream.request(1);
  served[0]?.end(Status.OK, '', []);
  await pair.settle();
  assert.deepEqual(calls[0]?.ends, [Status.OK]);
  assert.equal(pair.capacityOffers, 1);
  openCall(pair.client).stream.cancel();
  calls[1]?.stream.cancel();
  openCall(pair.client);
  await pair.close();
});

test('peer-streams: 100 before the first SETTINGS, then what the server says', async () => {
  const pair = new TransportPair({ serverLimits: { streams: 2 } });
  for (let i = 0; i < 100; i += 1) openCall(pair.client).stream.cancel();
  const early = Array.from({ length: 100 }, () => openCall(pair.client));
  assertRefused(pair, 'peer-streams', /^the peer-streams limit: 100 of 100 streams/);
  for (const call of early) call.stream.cancel();
  await pair.settle();
  const calls = [openCall(pair.client), openCall(pair.client)];
  assertRefused(pair, 'peer-streams', /2 of 2 streams allowed by the peer are open/);
  calls[0]?.stream.cancel();
  openCall(pair.client);
  await pair.close();
});

test('queued-items: the queue takes as many as the limit says, and again once it drained', async () => {
  const { pair } = await readyPair({ clientLimits: { queuedItems: 3 } });
  for (let i = 0; i < 3; i += 1) openCall(pair.client);
  assertRefused(pair, 'queued-items', /^the queued-items limit: 3 of 3 items wait/);
  await pair.settle();
  openCall(pair.client);
  await pair.close();
});

test('queued-items: 2,048 at least, and as many as drain within the age limit', async () => {
  const many = { exposureBytes: 4 * 1024 ** 3 };
  const { pair } = await readyPair({
    clientLimits: { ...many, openCalls: 100_000 },
    serverLimits: { ...many, streams: Number.POSITIVE_INFINITY, handlers: 100_000 },
  });
  const { admission } = pair.client;
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 2_048; i += 1) openCall(pair.client);
    assertRefused(pair, 'queued-items', /^the queued-items limit: 2048 of 2048 items/);
    // These take a second and a half: fewer than 2,048 drain in one.
    pair.clock.advance(1_500);
    await pair.settle();
  }
  for (let round = 0; round < 20; round += 1) {
    for (let i = 0; i < 2_000; i += 1) openCall(pair.client);
    pair.clock.advance(50);
    pair.clientTurns.run();
  }
  assert.ok(admission.itemLimit > 20_000, `${admission.itemLimit} items drain in a second`);
  await pair.close();
});

test('queued-bytes: an empty account admits one message of any size, and no more', async () => {
  const { pair } = await readyPair({ clientLimits: { queuedBytes: 10_000 } });
  const { admission } = pair.client;
  assert.equal(admission.refuses(3_000_000), undefined);
  const call = openCall(pair.client);
  assert.equal(call.stream.send(Buffer.alloc(3_000_000), true), false);
  assertRefused(pair, 'queued-bytes', /^the queued-bytes limit: 300\d{4} of 10000 bytes/);
  await pair.settle();
  assert.equal(pair.client.connection.loopy.buffer.bytes, 0);
  openCall(pair.client);
  await pair.close();
});

test('queued-bytes: what waits in the socket counts too', async () => {
  const { pair } = await readyPair({
    clientLimits: { queuedBytes: 10_000 },
    server: { initialStreamWindow: 100_000, initialConnectionWindow: 100_000 },
    toServer: { capacity: 1_000 },
  });
  pair.serverSocket.pause();
  const call = openCall(pair.client);
  call.stream.send(Buffer.alloc(50_000), true);
  await pair.settle();
  assert.equal(pair.client.connection.loopy.buffer.items, 0);
  assertRefused(pair, 'queued-bytes', /^the queued-bytes limit: \d{5} of 10000 bytes/);
  pair.serverSocket.resume();
  await pair.settle();
  openCall(pair.client);
  await pair.close();
});

test('queue-age: a call that has waited a second on a full socket keeps others out', async () => {
  const { pair } = await readyPair({
    server: { initialStreamWindow: 1_000_000, initialConnectionWindow: 1_000_000 },
    toServer: { capacity: 1_000 },
  });
  pair.serverSocket.pause();
  openCall(pair.client).stream.send(Buffer.alloc(500_000), true);
  await pair.settle();
  assert.equal(pair.client.connection.loopy.state, 'blocked-on-socket');
  // The socket has been full for long, but nobody has waited: the clock of the turn stands still.
  await pair.pass(5_000);
  const waiting = openCall(pair.client);
  openCall(pair.client);
  await pair.pass(1_000);
  openCall(pair.client);
  await pair.pass(8);
  assertRefused(pair, 'queue-age', /^the queue-age limit: 1008 of 1000 ms old/);
  waiting.stream.cancel();
  pair.serverSocket.resume();
  await pair.settle();
  openCall(pair.client);
  await pair.close();
});

test('exposure-bytes: as many calls as fit at the smallest window, in one turn or in many', async () => {
  const { pair } = await readyPair({ clientLimits: { exposureBytes: 4 * 16_384 } });
  const calls = Array.from({ length: 4 }, () => openCall(pair.client));
  assertRefused(pair, 'exposure-bytes', /^the exposure-bytes limit: \d+ of 65536 bytes/);
  await pair.settle();
  assert.ok(pair.client.connection.credit.inbound.exposure <= 65_536);
  assertRefused(pair, 'exposure-bytes', /raise limits\.exposureBytes$/);
  calls[0]?.stream.cancel();
  openCall(pair.client);
  await pair.close();
});

test('draining: a connection that was told to go takes no call, and says so', async () => {
  const { pair, served } = await readyPair();
  const call = openCall(pair.client);
  await pair.settle();
  pair.server.drain('maintenance', 60_000);
  await pair.settle();
  assert.equal(new RecordedCall().open(pair.client), false);
  assert.equal(pair.client.admission.refuses(0), 'draining');
  assert.equal(
    pair.client.admission.describe('draining'),
    'a connection that is draining; the next one is being made',
  );
  call.stream.halfClose();
  call.stream.request(1);
  served[0]?.end(Status.OK, '', []);
  await pair.settle();
  assert.deepEqual(call.ends, [Status.OK], 'the open call is finished');
  await pair.pass(1_100);
  pair.assertNothingLeft();
});

test('a response that nobody has read yet keeps its place among the open calls', async () => {
  const { pair, served } = await readyPair({ clientLimits: { openCalls: 1 } });
  const call = openCall(pair.client);
  await pair.settle();
  // The server ends first; the client has neither ended nor read.
  served[0]?.send(Buffer.alloc(1_000));
  served[0]?.end(Status.OK, '', []);
  await pair.settle();
  assertRefused(pair, 'open-calls', /1 of 1 calls/);
  assert.deepEqual(call.ends, []);
  call.stream.request(1);
  call.stream.request(1);
  assert.deepEqual(call.ends, [Status.OK]);
  assert.equal(call.messages[0]?.length, 1_000);
  openCall(pair.client);
  await pair.close();
});
