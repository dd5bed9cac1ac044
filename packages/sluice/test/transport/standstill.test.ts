// The two-sided standstill: both peers have closed their gates on each other and neither socket
// takes a byte, because each waits for the other to read (grpc-go #9330). It must resolve by itself
// with every call served and no connection closed.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import type { Connection } from '#sluice/transport/connection.js';
import { pingItem } from '#sluice/transport/control-buffer.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import { openCall } from '../support/client-call.js';
import { TransportPair, type TransportPairOptions } from '../support/transport-pair.js';

const CALLS = 512;
const MESSAGE = 4_096;
/** Replies each side will owe the other: four times what closes the gate. */
const PINGS = 200;
const WIDE = {
  initialStreamWindow: 65_535,
  initialConnectionWindow: 8_000_000,
  staticWindows: true,
};

async function standstill(options: TransportPairOptions): Promise<void> {
  const served: ServerStream[] = [];
  let requests = 0;
  const pair = new TransportPair({
    ...options,
    client: WIDE,
    server: { ...WIDE, minPingIntervalMs: 0, permitPingsWithoutStream: true },
    onStream: (stream) => {
      served.push(stream);
      stream.listen({
        onMessage: () => {
          requests += 1;
          stream.end(Status.OK, '', []);
          pair.server.handlerDone(stream);
        },
        onHalfClose() {},
        onWritable() {},
        onCancel() {},
      });
      stream.request(1);
    },
  });
  await pair.until(() => pair.client.ready, 'ready');
  const calls = Array.from({ length: CALLS }, () => openCall(pair.client));
  await pair.until(() => served.length === CALLS, 'all calls arrive');

  // Both write until their sockets are full; the replies to come are asked for first.
  pair.clientSocket.pause();
  pair.serverSocket.pause();
  const ends = [pair.client.connection, pair.server.connection];
  for (const { loopy } of ends) {
    for (let i = 0; i < PINGS; i += 1) loopy.buffer.put(pingItem(0x7e57, i));
  }
  for (const call of calls) {
    call.stream.request(1);
    call.stream.send(Buffer.alloc(MESSAGE, 1), true);
  }
  for (const stream of served) stream.send(Buffer.alloc(MESSAGE, 2));
  const blocked = ({ loopy }: Connection): boolean => loopy.state === 'blocked-on-socket';
  await pair.until(() => ends.every(blocked), 'both sockets are full');

  pair.clientSocket.resume();
  pair.serverSocket.resume();
  const closed = ({ reader, loopy }: Connection): boolean =>
    reader.gate === 'closed' && loopy.buffer.responseFrames === 50;
  await pair.until(() => ends.every(closed), 'both gates are closed');
  await pair.settle();
  assert.ok(
    ends.every((end) => closed(end) && blocked(end)),
    'it stands still',
  );

  pair.clock.advance(1_100);
  await pair.until(() => calls.every((call) => call.ends.length === 1), 'all calls end');
  for (const call of calls) {
    assert.deepEqual(call.ends, [Status.OK]);
    assert.equal(call.messages[0]?.length, MESSAGE);
  }
  assert.equal(requests, CALLS);
  assert.ok(
    ends.every(({ closedBy }) => closedBy === undefined),
    'no connection was closed',
  );
  await pair.until(() => ends.every(({ loopy }) => loopy.buffer.items === 0), 'all is written');
  assert.ok(ends.every(({ reader }) => reader.gate === 'open'));
  pair.assertAccounts();
  pair.client.close('the test is over');
  await pair.until(() => pair.clientSocket.destroyed && pair.serverSocket.destroyed, 'closed');
  pair.assertNothingLeft();
}

test('512 calls over a full pipe with both gates closed are all served', async () => {
  await standstill({ toServer: { capacity: 65_536 }, toClient: { capacity: 65_536 } });
});

test('the same with chunks of odd sizes', async () => {
  let size = 0;
  const chunkLength = (): number => {
    size = (size * 31 + 7) % 3_001;
    return size;
  };
  await standstill({
    toServer: { capacity: 10_000, chunkLength },
    toClient: { capacity: 10_000, chunkLength },
  });
});

test('the same over real sockets', async () => {
  // Unix domain sockets: their kernel buffers are small and stay so.
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-'));
  const server = net.createServer();
  try {
    await new Promise<void>((resolve) => server.listen(path.join(folder, 's'), resolve));
    const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
    const a = net.connect(path.join(folder, 's'));
    await standstill({ sockets: { a, b: await accepted } });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
