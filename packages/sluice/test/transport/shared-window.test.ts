// A busy stream beside small calls: its window falls to what the path needs, and grows again after.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InFlow } from '#sluice/transport/in-flow.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const SHARED = 512 * KIB;

const MESSAGE = framed('x'.repeat(16_000));

/** A server whose estimate is 4 MiB, of a path of so many bytes; stream 1 is open. */
async function busy(pathBytes: number): Promise<ServerEnd> {
  const end = await ServerEnd.ready(
    {},
    { transport: { staticWindows: false, initialConnectionWindow: 8 * MIB } },
  );
  end.handler = (call) => call.stream.request(10_000);
  const { bdp } = end.transport.connection.credit;
  // A first round trip is long, as where two processes start.
  for (const [rttMs, bytes] of [
    [1_000, 2 * MIB],
    [1, 0],
  ] as const) {
    bdp.onData(1);
    bdp.pingWritten(end.clock.now());
    bdp.onMoreData(bytes);
    bdp.onAck(end.clock.now() + rttMs);
  }
  bdp.onData(1);
  bdp.pingWritten(0);
  bdp.onMoreData(pathBytes / 2);
  bdp.onAck(1);
  end.peer.headers(1, request());
  await end.settle();
  return end;
}

function windowOf(end: ServerEnd): InFlow {
  return end.call().stream.inFlow;
}

/** Messages on stream 1, as many bytes as its window lets through. */
async function upload(end: ServerEnd, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += MESSAGE.length) {
    assert.ok(windowOf(end).available() >= MESSAGE.length, 'the stream goes on');
    end.peer.data(1, MESSAGE);
    await end.settle();
  }
}

async function smallCall(end: ServerEnd, id: number): Promise<void> {
  end.peer.headers(id, request());
  end.peer.data(id, framed('small'), { endStream: true });
  await end.settle();
  end.call(end.calls.length - 1).end();
  await end.settle();
}

async function finish(end: ServerEnd): Promise<void> {
  end.call().end();
  await end.settle();
  assert.equal(end.transport.connection.credit.inbound.exposure, 0);
  await end.finish();
}

test('alone a stream has the whole estimate', async () => {
  const end = await busy(0);
  await upload(end, 8 * MIB);
  const estimate = end.transport.connection.credit.bdp.bdpBytes;
  assert.ok(estimate >= 4 * MIB);
  assert.equal(windowOf(end).limit, estimate);
  await finish(end);
});

test('beside small calls it is taken back to 512 KiB, and has all of it again a second after', async () => {
  const end = await busy(0);
  await upload(end, 8 * MIB);
  const alone = windowOf(end).limit;
  await smallCall(end, 3);
  await upload(end, 4 * MIB);
  assert.equal(windowOf(end).limit, SHARED);
  end.clock.advance(1_001);
  await upload(end, 8 * MIB);
  assert.equal(windowOf(end).limit, alone);
  await finish(end);
});

test('beside small calls it grows no further than that', async () => {
  const end = await busy(0);
  await upload(end, 64 * KIB);
  assert.ok(windowOf(end).limit > 65_535);
  for (let id = 3; id < 43; id += 2) {
    await smallCall(end, id);
    await upload(end, 128 * KIB);
    assert.ok(windowOf(end).limit <= SHARED);
  }
  assert.equal(windowOf(end).limit, SHARED);
  await finish(end);
});

test('beside small calls a long path is still filled', async () => {
  const end = await busy(2 * MIB);
  await upload(end, 8 * MIB);
  await smallCall(end, 3);
  await upload(end, 4 * MIB);
  const { pathBytes } = end.transport.connection.credit.bdp;
  assert.ok(pathBytes >= 2 * MIB);
  assert.equal(windowOf(end).limit, Math.ceil(pathBytes));
  await finish(end);
});

test('small calls alone change nothing', async () => {
  const end = await busy(0);
  for (let id = 3; id < 43; id += 2) await smallCall(end, id);
  await upload(end, 8 * MIB);
  assert.equal(windowOf(end).limit, end.transport.connection.credit.bdp.bdpBytes);
  await finish(end);
});
