// What a peer that stops reading, an application that stops reading, and a writer that does not
// listen can make us hold: no more than the limits say, on either side.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import type { Connection } from '#sluice/transport/connection.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import { openCall } from '../support/client-call.js';
import { TransportPair, type TransportPairOptions } from '../support/transport-pair.js';

const KIB = 1024;
const WIDE = { initialStreamWindow: 16_000_000, initialConnectionWindow: 16_000_000 };
/** Bytes a socket's own backlog may reach: its limit and the write that passes it. */
const BACKLOG = 256 * KIB + 64 * KIB;

interface Served {
  readonly stream: ServerStream;
  readonly cancels: string[];
  writable: number;
  messages: number;
}

function servingPair(options: TransportPairOptions = {}): {
  pair: TransportPair;
  served: Served[];
} {
  const served: Served[] = [];
  const pair = new TransportPair({
    onStream: (stream) => {
      const one: Served = { stream, cancels: [], writable: 0, messages: 0 };
      served.push(one);
      stream.listen({
        onMessage: () => {
          one.messages += 1;
        },
        onHalfClose() {},
        onWritable: () => {
          one.writable += 1;
        },
        onCancel: (reason) => one.cancels.push(reason),
      });
    },
    ...options,
  });
  return { pair, served };
}

test('a client that stops reading holds a bounded backlog, and new calls are refused', async () => {
  const { pair, served } = servingPair({
    client: { ...WIDE, staticWindows: true },
    clientLimits: { exposureBytes: 4 * 1024 ** 3 },
    toClient: { capacity: 10_000 },
  });
  await pair.settle();
  const calls = Array.from({ length: 120 }, () => openCall(pair.client));
  await pair.settle();
  pair.clientSocket.pause();
  const { connection } = pair.server;
  const payload = Buffer.alloc(30_000);
  const taken: number[] = [];
  for (const { stream } of served) {
    // A well-behaved writer: it stops at false, which comes with the third message; where half of
    // what may be queued is taken, with the first.
    const isTaken = connection.loopy.buffer.bytes > 2_097_152 - 2 * payload.length;
    let sent = 1;
    while (stream.send(payload)) sent += 1;
    if (!isTaken) assert.equal(sent, 3);
    else assert.ok(sent < 3, `${sent} messages`);
    taken.push(sent);
  }
  for (let turn = 0; turn < 10; turn += 1) {
    await pair.settle();
    assert.ok(connection.socketBytes <= BACKLOG, `${connection.socketBytes} bytes in the socket`);
  }
  assert.equal(connection.loopy.state, 'blocked-on-socket');
  assert.ok(connection.loopy.buffer.bytes > 4_194_304);
  const late = openCall(pair.client);
  await pair.settle();
  assert.equal(served.length, 120, 'no handler for it');
  assert.equal(pair.server.connection.limits.acted.of('queued-bytes'), 1);
  for (const call of calls) call.stream.request(100);
  late.stream.request(1);
  pair.clientSocket.resume();
  await pair.settle();
  assert.deepEqual(late.ends, [Status.RESOURCE_EXHAUSTED]);
  assert.match(late.details, /^refused by the queued-bytes limit: \d{7} of 4194304 bytes/);
  assert.deepEqual(
    calls.map((call) => call.messages.length),
    taken,
  );
  assert.ok(
    served.every((one) => one.writable === 1),
    'each writer is told to go on, once',
  );
  pair.assertAccounts();
  await pair.close();
});

test('a server that stops reading holds a bounded backlog of a client, and calls wait', async () => {
  const { pair } = servingPair({
    server: { ...WIDE, staticWindows: true },
    clientLimits: { queuedBytes: 500_000 },
    toServer: { capacity: 10_000 },
  });
  await pair.settle();
  pair.serverSocket.pause();
  const { connection, admission } = pair.client;
  let opened = 0;
  while (admission.refuses(30_000) === undefined) {
    opened += 1;
    openCall(pair.client).stream.send(Buffer.alloc(30_000), true);
    if (opened % 5 === 0) await pair.settle();
    assert.ok(connection.socketBytes <= BACKLOG);
    assert.ok(opened < 100);
  }
  assert.equal(admission.refuses(30_000), 'queued-bytes');
  const held = connection.loopy.buffer.bytes + connection.socketBytes;
  assert.ok(held <= 500_000 + KIB, `${held} bytes held`);
  pair.serverSocket.resume();
  await pair.settle();
  assert.equal(admission.refuses(30_000), undefined);
  await pair.close();
});

test('streams whose peer reads nothing leave room for new calls, however many write', async () => {
  const { pair } = servingPair({ server: { staticWindows: true } });
  await pair.settle();
  const calls = Array.from({ length: 100 }, () => openCall(pair.client));
  await pair.settle();
  const payload = Buffer.alloc(16 * KIB);
  let sent = 0;
  for (let round = 0; round < 10; round += 1) {
    for (const { stream } of calls) {
      if (stream.out.paused) continue;
      stream.send(payload, false);
      sent += 1;
    }
    await pair.settle();
  }
  assert.ok(calls.every(({ stream }) => stream.out.paused));
  assert.ok(sent * payload.length > 2 * KIB * KIB, 'half of the limit is taken');
  assert.equal(pair.client.admission.refuses(payload.length), undefined);
  for (const { stream } of calls) stream.cancel();
  await pair.settle();
  await pair.close();
});

test('a peer that takes next to nothing for 20 s while bytes are owed to it is closed', async () => {
  const { pair, served } = servingPair({
    client: { ...WIDE, staticWindows: true },
    toClient: { capacity: 10_000 },
  });
  await pair.settle();
  const call = openCall(pair.client);
  await pair.settle();
  pair.clientSocket.pause();
  served[0]?.stream.send(Buffer.alloc(1_000_000));
  await pair.settle();
  await pair.pass(19_000, 1_000);
  assert.equal(pair.server.state, 'ready');
  await pair.pass(1_500, 500);
  const closedBy = pair.serverClosed;
  assert.ok(closedBy !== undefined && closedBy.kind === 'connection');
  assert.equal(closedBy.errorCode, ErrorCode.ENHANCE_YOUR_CALM);
  assert.equal(served[0]?.cancels.length, 1);
  await pair.pass(1_100);
  pair.clientSocket.resume();
  await pair.settle();
  assert.deepEqual(call.ends, [Status.UNAVAILABLE]);
  pair.assertNothingLeft();
});

function heldBy(connection: Connection): { unread: number; memory: number } {
  let unread = 0;
  let memory = 0;
  connection.streams.forEach(({ messages }) => {
    unread += messages.unreadBytes;
    memory += messages.heldBytes;
  });
  return { unread, memory };
}

for (const size of [0, 1, 1_000, 50_000]) {
  test(`a response stream nobody reads holds its window and no more: messages of ${size} B`, async () => {
    const { pair, served } = servingPair();
    await pair.settle();
    openCall(pair.client);
    await pair.settle();
    const stream = served[0]?.stream;
    assert.ok(stream !== undefined);
    const payload = Buffer.alloc(size);
    let sent = 0;
    const pump = (): void => {
      while (stream.send(payload)) sent += 1;
      sent += 1;
    };
    for (let told = 0; ; told = served[0]?.writable ?? 0) {
      pump();
      await pair.settle();
      if (served[0]?.writable === told) break;
    }
    assert.ok(sent > 1);
    const held = heldBy(pair.client.connection);
    assert.equal(held.unread, 65_535);
    assert.ok(held.memory <= 2 * 65_535 + 256, `${held.memory} bytes of memory`);
    assert.ok(stream.out.queuedBytes <= 64 * KIB + size + 5);
    assert.equal(pair.server.connection.loopy.state, 'parked', 'no work while the window is shut');
    pair.assertAccounts();
    // The other calls of the connection do not suffer.
    const other = openCall(pair.client);
    await pair.settle();
    other.stream.request(1);
    served[1]?.stream.send(Buffer.alloc(60_000));
    await pair.settle();
    assert.equal(other.messages[0]?.length, 60_000);
    await pair.close();
  });

  test(`a request stream nobody reads holds its window and no more: messages of ${size} B`, async () => {
    const { pair, served } = servingPair();
    await pair.settle();
    const call = openCall(pair.client);
    await pair.settle();
    const payload = Buffer.alloc(size);
    for (let told = 0; ; told = call.writable) {
      while (call.stream.send(payload, false));
      await pair.settle();
      if (call.writable === told) break;
    }
    const held = heldBy(pair.server.connection);
    assert.equal(held.unread, 65_535);
    assert.ok(held.memory <= 2 * 65_535 + 256, `${held.memory} bytes of memory`);
    assert.ok(call.stream.out.queuedBytes <= 64 * KIB + size + 5);
    pair.assertAccounts();
    served[0]?.stream.request(1_000_000);
    await pair.settle();
    assert.equal(call.stream.out.queuedBytes, 0);
    assert.ok(call.writable > 0);
    await pair.close();
  });
}

test('a handler that ignores false ends with RESOURCE_EXHAUSTED behind what was queued', async () => {
  const { pair, served } = servingPair({ serverLimits: { queuedBytes: 1_000_000 } });
  await pair.settle();
  const call = openCall(pair.client);
  await pair.settle();
  const one = served[0];
  assert.ok(one !== undefined);
  for (let i = 0; i < 50; i += 1) one.stream.send(Buffer.alloc(100_000, i));
  assert.equal(one.stream.isEnded, true);
  assert.equal(one.cancels.length, 1);
  assert.match(
    one.cancels[0] ?? '',
    /^refused by the queued-bytes limit: \d+ of 1000000 bytes wait .* this call writes on/,
  );
  assert.ok(one.stream.out.queuedBytes <= 1_000_000);
  call.stream.request(100);
  await pair.settle();
  assert.equal(call.messages.length, 9);
  assert.ok(call.messages.every((message, i) => message.length === 100_000 && message[0] === i));
  assert.deepEqual(call.ends, [Status.RESOURCE_EXHAUSTED]);
  assert.match(call.details, /wait for onWritable after send\(\) returns false$/);
  await pair.close();
});

test('a handler that waits may send messages larger than the whole queue', async () => {
  const queued: number[] = [];
  let stream: ServerStream | undefined;
  const send = (): void => {
    if (stream === undefined) return;
    queued.push(stream.out.queuedBytes);
    if (queued.length <= 3) assert.equal(stream.send(Buffer.alloc(1_000_000)), false);
    else stream.end(Status.OK, '', []);
  };
  const { pair } = servingPair({
    serverLimits: { queuedBytes: 100_000 },
    onStream: (opened) => {
      stream = opened;
      opened.listen({ onMessage() {}, onHalfClose() {}, onWritable: send, onCancel: assert.fail });
      send();
    },
  });
  await pair.settle();
  const call = openCall(pair.client);
  call.stream.request(100);
  call.stream.halfClose();
  await pair.settle();
  assert.equal(call.messages.length, 3);
  assert.deepEqual(call.ends, [Status.OK]);
  assert.ok(
    queued.slice(1).every((bytes) => bytes > 0 && bytes < 64 * KIB),
    'told before it is empty',
  );
  await pair.close();
});

test('a whole response that waits to be read outlives its connection', async () => {
  const { pair, served } = servingPair();
  await pair.settle();
  const whole = openCall(pair.client);
  const partial = openCall(pair.client);
  await pair.settle();
  served[0]?.stream.send(Buffer.alloc(1_000));
  served[0]?.stream.end(Status.OK, '', []);
  served[1]?.stream.send(Buffer.alloc(1_000));
  await pair.settle();
  pair.serverSocket.destroy();
  await pair.settle();
  assert.deepEqual(partial.ends, [Status.UNAVAILABLE]);
  assert.deepEqual(whole.ends, []);
  whole.stream.request(2);
  assert.equal(whole.messages.length, 1);
  assert.deepEqual(whole.ends, [Status.OK]);
  pair.assertNothingLeft();
});
