// The inbound bound: what the open streams of a connection may send us unasked stays under a limit,
// by smaller initial windows, by growth within what is left, and past that by refusing streams.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import { openCall, RecordedCall } from '../support/client-call.js';
import { openPair } from '../support/served-pair.js';
import type { TransportPair } from '../support/transport-pair.js';

const FLOOR = 16_384;
const MIB = 1024 * 1024;

function openCalls(pair: TransportPair, count: number): RecordedCall[] {
  return Array.from({ length: count }, () => openCall(pair.client));
}

test('many streams shrink the initial window to the floor and no further', async () => {
  const { pair } = await openPair({ serverLimits: { exposureBytes: 4 * MIB } });
  const { inbound } = pair.server.connection.credit;
  const { loopy } = pair.client.connection;
  const seen = new Set<number>();
  for (let i = 0; i < 256; i += 1) {
    openCall(pair.client);
    await pair.settle();
    seen.add(inbound.announced);
    assert.equal(loopy.outgoingInitialWindow, inbound.announced, 'the client follows');
    assert.equal(inbound.enforced, inbound.announced);
    assert.ok(inbound.exposure <= inbound.limit, `${inbound.exposure} bytes with ${i + 1} streams`);
  }
  assert.deepEqual([...seen], [65_535, 32_767, FLOOR]);
  assert.equal(inbound.exposure, 4 * MIB);
  pair.assertAccounts();
  // Past that the server refuses; the client may try elsewhere.
  const late = openCall(pair.client);
  await pair.settle();
  assert.deepEqual(late.ends, [Status.UNAVAILABLE]);
  assert.equal(late.unprocessed, true);
  assert.equal(pair.server.connection.limits.acted.of('exposure-bytes'), 1);
  await pair.close();
});

test('a limit below one window admits one stream at a time, not none', async () => {
  const { pair } = await openPair({
    clientLimits: { exposureBytes: 1_000 },
    serverLimits: { exposureBytes: 1_000 },
  });
  const call = openCall(pair.client);
  await pair.settle();
  assert.equal(pair.server.connection.streams.size, 1);
  assert.equal(pair.client.admission.refuses(0), 'exposure-bytes');
  call.stream.cancel();
  await pair.settle();
  assert.equal(pair.client.admission.refuses(0), undefined);
  await pair.close();
});

test('the initial window grows back by steps of a second, to what was configured', async () => {
  const { pair } = await openPair({ serverLimits: { exposureBytes: 4 * MIB } });
  const { inbound } = pair.server.connection.credit;
  const calls = openCalls(pair, 256);
  await pair.settle();
  assert.equal(inbound.announced, FLOOR);
  for (const call of calls) call.stream.cancel();
  await pair.settle();
  assert.equal(inbound.announced, FLOOR, 'not within the second');
  const steps: number[] = [];
  for (let i = 0; i < 4; i += 1) {
    await pair.pass(1_000);
    openCall(pair.client).stream.halfClose();
    await pair.settle();
    steps.push(inbound.announced);
    assert.equal(pair.client.connection.loopy.outgoingInitialWindow, inbound.announced);
  }
  assert.deepEqual(steps, [32_768, 65_535, 65_535, 65_535]);
  pair.assertAccounts();
  await pair.close();
});

test('a smaller initial window is enforced only after the peer acknowledged it', async () => {
  const { pair, served } = await openPair({ serverLimits: { exposureBytes: 512 * 1024 } });
  const { inbound } = pair.server.connection.credit;
  const calls = openCalls(pair, 5);
  pair.clientTurns.run();
  await pair.serverTurns.deliver();
  assert.equal(served.length, 5);
  assert.equal(inbound.announced, 32_767);
  assert.equal(inbound.enforced, 65_535, 'the client cannot know yet');
  // It uses the whole of the old window before it hears of the new one.
  calls[0]?.stream.send(Buffer.alloc(65_530), true);
  for (let turn = 0; turn < 5; turn += 1) {
    pair.clientTurns.run();
    await pair.serverTurns.deliver();
  }
  assert.equal(pair.client.connection.loopy.buffer.bytes, 0);
  await pair.settle();
  assert.equal(inbound.enforced, 32_767);
  assert.ok(
    calls.every((call) => call.ends.length === 0),
    'nobody was reset for it',
  );
  assert.equal(pair.serverClosed, undefined);
  pair.assertAccounts();
  await pair.close();
});

/** Sends `count` messages of `size` bytes from the server; the client reads them all. */
async function download(
  pair: TransportPair,
  stream: ServerStream,
  call: RecordedCall,
  size: number,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const before = call.messages.length;
    call.stream.request(1);
    stream.send(Buffer.alloc(size));
    for (let round = 0; call.messages.length === before; round += 1) {
      assert.ok(round < 1_000);
      pair.clock.advance(1);
      await pair.settle();
    }
  }
}

test('windows grow with the estimate, never fall, and stay within 16 MiB and the limit', async () => {
  const exposureBytes = 8 * MIB;
  const { pair, served } = await openPair({ clientLimits: { exposureBytes } });
  const calls = openCalls(pair, 3);
  await pair.settle();
  const { connection } = pair.client;
  let largest = 0;
  for (let round = 0; round < 20; round += 1) {
    const call = calls[round % 3];
    const stream = served[round % 3];
    assert.ok(call !== undefined && stream !== undefined);
    const before = call.stream.inFlow.limit;
    await download(pair, stream, call, 1_000_000, 1);
    assert.ok(call.stream.inFlow.limit >= before, 'a window never shrinks');
    assert.ok(connection.credit.flow.limit <= 16 * MIB);
    assert.ok(connection.credit.inbound.exposure <= exposureBytes);
    assert.ok(call.stream.inFlow.limit <= connection.credit.bdp.bdpBytes);
    largest = Math.max(largest, call.stream.inFlow.limit);
    pair.assertAccounts();
  }
  assert.ok(largest > 65_535, `${largest} is the largest window`);
  assert.equal(connection.credit.flow.limit, connection.credit.bdp.bdpBytes);
  assert.equal(connection.credit.inbound.announced, 65_535, 'streams to come are promised nothing');
  await pair.close();
});

test('an initial window above the estimate is not lowered to it', async () => {
  const { pair, served } = await openPair({ client: { initialStreamWindow: 2_000_000 } });
  const [call] = openCalls(pair, 1);
  await pair.settle();
  const [stream] = served;
  assert.ok(call !== undefined && stream !== undefined);
  await download(pair, stream, call, 100_000, 5);
  assert.ok(call.stream.inFlow.limit >= 2_000_000);
  pair.assertAccounts();
  await pair.close();
});

test('static windows neither grow nor ping', async () => {
  const { pair, served } = await openPair({
    client: { staticWindows: true, initialStreamWindow: 20_000 },
  });
  const [call] = openCalls(pair, 1);
  await pair.settle();
  const [stream] = served;
  assert.ok(call !== undefined && stream !== undefined);
  await download(pair, stream, call, 50_000, 20);
  assert.equal(call.stream.inFlow.limit, 20_000);
  assert.equal(pair.client.connection.credit.flow.limit, 65_535);
  assert.equal(pair.client.connection.credit.bdp.rttMs, 0, 'no round trip was measured');
  pair.assertAccounts();
  await pair.close();
});

test('a message larger than its window passes at once, within the limit, and leaves no credit', async () => {
  const { pair, served } = await openPair({ client: { staticWindows: true } });
  const [call] = openCalls(pair, 1);
  await pair.settle();
  const [stream] = served;
  assert.ok(call !== undefined && stream !== undefined);
  await download(pair, stream, call, 3_000_000, 2);
  assert.equal(call.stream.inFlow.delta, 0);
  assert.equal(pair.client.connection.credit.inbound.extra, 0);
  pair.assertAccounts();
  await pair.close();
});

test('a message larger than the whole limit still passes, a window at a time', async () => {
  const { pair, served } = await openPair({
    client: { staticWindows: true },
    clientLimits: { exposureBytes: 200_000 },
  });
  const [call] = openCalls(pair, 1);
  await pair.settle();
  const [stream] = served;
  assert.ok(call !== undefined && stream !== undefined);
  await download(pair, stream, call, 2_000_000, 1);
  assert.ok(pair.client.connection.credit.inbound.exposure <= 200_000);
  pair.assertAccounts();
  await pair.close();
});

test('a call cancelled from inside its own message gives no credit after its reset', async () => {
  const { pair, served } = await openPair({});
  const call = new (class extends RecordedCall {
    override onMessage(message: Buffer): void {
      super.onMessage(message);
      this.stream.cancel();
    }
  })();
  assert.equal(call.open(pair.client), true);
  await pair.settle();
  served[0]?.send(Buffer.alloc(40_000));
  await pair.settle();
  call.stream.request(1);
  assert.equal(call.messages.length, 1);
  // A frame on a stream that we closed would break RFC 9113 §5.1.
  assert.equal(call.stream.out.windowUpdate, 0);
  await pair.settle();
  pair.assertAccounts();
  await pair.close();
});
