// What a connection does when the memory of the process is short and it holds more than its share:
// calls are refused by name, writers pause and go on, credit goes back as bytes are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import type { Connection } from '#sluice/transport/connection.js';
import { CONNECTION_CHARGE } from '#sluice/transport/limits.js';
import { MemoryAccount, type MemoryHolder } from '#sluice/transport/memory-account.js';
import { MemoryBudget } from '#sluice/transport/memory-budget.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { openCall, RecordedCall } from '../support/client-call.js';
import { openPair } from '../support/served-pair.js';
import { VirtualClock } from '../support/virtual-clock.js';

const MIB = 1024 * 1024;

function budgets() {
  const wheel = new TimerWheel(new VirtualClock(1_000));
  const server = new MemoryBudget(4 * MIB, wheel);
  const client = new MemoryBudget(4 * MIB, wheel);
  return { server, client };
}

test('an open connection is charged for itself, and for nothing once it is closed', async () => {
  const { server, client } = budgets();
  const { pair } = await openPair({ server: { budget: server }, client: { budget: client } });
  await pair.settle();
  assert.equal(server.usedBytes, CONNECTION_CHARGE);
  const call = openCall(pair.client);
  call.stream.send(Buffer.alloc(10_000), true);
  await pair.settle();
  assert.ok(server.usedBytes > CONNECTION_CHARGE + 10_000, 'unread bytes and the stream');
  await pair.close();
  assert.deepEqual([server.usedBytes, client.usedBytes], [0, 0]);
});

test('a request that a handler holds is charged until the handler is done', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } }, 1);
  const call = openCall(pair.client);
  call.stream.send(Buffer.alloc(50_000), true);
  await pair.settle();
  assert.equal(pair.server.deliveredBytes, 50_000);
  call.stream.cancel();
  await pair.settle();
  assert.ok(
    server.usedBytes >= CONNECTION_CHARGE + 50_000,
    'the client is gone, the handler is not',
  );
  pair.server.handlerDone(first(served));
  assert.equal(pair.server.deliveredBytes, 0);
  await pair.close();
});

test('large request headers are charged until the handler is done and the stream is gone', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } });
  const large = ['x-large', 'v'.repeat(8_000)];
  for (const call of [new RecordedCall(), new RecordedCall()]) {
    const stream = pair.client.newStream(call, '/test/Call', large, -1);
    stream?.halfClose();
  }
  await pair.settle();
  assert.ok(pair.server.headBytes > 16_000, 'both');
  assert.ok(server.usedBytes >= CONNECTION_CHARGE + pair.server.headBytes, 'in the budget');
  const [answered, running] = served;
  assert.ok(answered !== undefined && running !== undefined);
  answered.end(Status.OK, '', []);
  await pair.settle();
  assert.ok(pair.server.headBytes > 16_000, 'its handler still has them');
  pair.server.handlerDone(answered);
  assert.ok(pair.server.headBytes > 8_000 && pair.server.headBytes < 16_000, 'the other one');
  pair.server.handlerDone(running);
  assert.ok(pair.server.headBytes > 8_000, 'its stream still has them');
  running.end(Status.OK, '', []);
  await pair.settle();
  assert.equal(pair.server.headBytes, 0);
  await pair.close();
});

test('usual request headers are part of what an open call is charged', async () => {
  const { pair } = await openPair({});
  openCall(pair.client);
  await pair.settle();
  assert.equal(pair.server.headBytes, 0);
  await pair.close();
});

test('above its share a connection gets no calls, and is told the limit, its value and the cure', async () => {
  const { server } = budgets();
  const { pair } = await openPair({ server: { budget: server } });
  hog(pair.server, server);
  const refused = openCall(pair.client);
  await pair.settle();
  assert.deepEqual(refused.ends, [Status.RESOURCE_EXHAUSTED]);
  assert.match(
    refused.details,
    /^refused by the memory-budget limit: \d+ of 1048576 bytes are held by the connections of this process, \d+ by this one, whose share is \d+; read responses sooner, or raise memoryBudget.limitBytes on the server$/,
  );
  assert.equal(pair.server.connection.limits.acted.of('memory-budget'), 1);
  relieve(pair.server, server);
  const taken = openCall(pair.client);
  await pair.settle();
  assert.deepEqual(taken.ends, []);
  await pair.close();
});

test('a writer that waits is paused while its connection is held back, and goes on after', async () => {
  const { server } = budgets();
  let writable = 0;
  const served: ServerStream[] = [];
  const { pair } = await openPair({
    server: { budget: server },
    onStream: (stream) => {
      served.push(stream);
      stream.listen({
        onMessage() {},
        onHalfClose() {},
        onWritable: () => {
          writable += 1;
        },
        onCancel() {},
      });
    },
  });
  const call = openCall(pair.client);
  call.stream.request(10);
  await pair.settle();
  const stream = first(served);
  assert.equal(stream.send(Buffer.alloc(100)), true);
  hog(pair.server, server);
  assert.equal(stream.send(Buffer.alloc(100)), false, 'a small one is taken');
  await pair.settle();
  assert.equal(call.messages.length, 2);
  assert.equal(writable, 0, 'though all is written');
  relieve(pair.server, server);
  await pair.settle();
  assert.equal(writable, 1);
  assert.equal(stream.send(Buffer.alloc(100)), true);
  stream.end(Status.OK, '', []);
  await pair.settle();
  assert.deepEqual(call.ends, [Status.OK]);
  await pair.close();
});

test('one that does not wait, and one with a large message, end with RESOURCE_EXHAUSTED', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } });
  const calls = [openCall(pair.client), openCall(pair.client)];
  for (const call of calls) call.stream.request(10);
  await pair.settle();
  hog(pair.server, server);
  const [hasty, large] = served;
  assert.equal(hasty?.send(Buffer.alloc(100)), false);
  hasty?.send(Buffer.alloc(100));
  large?.send(Buffer.alloc(100_000));
  await pair.settle();
  for (const call of calls) {
    assert.deepEqual(call.ends, [Status.RESOURCE_EXHAUSTED]);
    assert.match(call.details, /^refused by the memory-budget limit: /);
  }
  assert.equal(calls[0]?.messages.length, 1, 'what was taken is sent');
  await pair.close();
});

test('while held back, credit of the connection goes back as bytes are read, and not before', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } });
  const unread = openCall(pair.client);
  const read = openCall(pair.client);
  await pair.settle();
  hog(pair.server, server);
  unread.stream.send(Buffer.alloc(40_000), false);
  await pair.settle();
  const { flow } = pair.server.connection.credit;
  assert.equal(flow.unacked, 40_005);
  served[1]?.request(100);
  for (let i = 0; i < 20; i += 1) {
    read.stream.send(Buffer.alloc(10_000), false);
    await pair.settle();
  }
  assert.equal(pair.server.connection.credit.unread, 40_005, 'all of the other stream was read');
  assert.ok(flow.unacked >= 40_005, `${flow.unacked} bytes are kept back`);
  pair.assertAccounts();
  relieve(pair.server, server);
  await pair.settle();
  assert.equal(flow.isHeld, false);
  assert.equal(flow.unacked, 0);
  pair.assertAccounts();
  await pair.close();
});

test('a client admits no call for which there is no room, names the limit, and offers room later', async () => {
  const { client } = budgets();
  const { pair } = await openPair({ client: { budget: client } });
  hog(pair.client, client);
  assert.equal(pair.client.admission.refuses(100), 'memory-budget');
  assert.equal(new RecordedCall().open(pair.client), false);
  pair.client.admission.count('memory-budget');
  assert.match(
    pair.client.admission.describe('memory-budget'),
    /whose share is \d+; read responses sooner, slow down or raise memoryBudget.limitBytes$/,
  );
  assert.equal(pair.client.admission.readings()['memory-budget']?.acted, 1);
  pair.client.notifyCapacity();
  relieve(pair.client, client);
  await pair.pass(300);
  assert.equal(pair.capacityOffers, 1);
  const call = openCall(pair.client);
  call.stream.cancel();
  await pair.close();
});

test('calls of a connection that gives way end by name; the rest of it goes on', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } });
  const calls = Array.from({ length: 4 }, () => openCall(pair.client));
  await pair.settle();
  const kept = first(served);
  for (const stream of served.slice(1)) {
    stream.send(Buffer.alloc(300_000));
    stream.end(Status.OK, '', []);
  }
  pair.server.connection.shed(600_000);
  await pair.settle();
  for (const call of calls) call.stream.request(1);
  kept.end(Status.OK, '', []);
  await pair.settle();
  const ends = calls.map((call) => call.ends[0]);
  assert.equal(ends.filter((code) => code === Status.RESOURCE_EXHAUSTED).length, 2);
  assert.equal(ends.filter((code) => code === Status.OK).length, 2);
  pair.assertAccounts();
  await pair.close();
});

test('a call in the middle of a message gives way by a reset', async () => {
  const { server } = budgets();
  const { pair, served } = await openPair({ server: { budget: server } });
  const call = openCall(pair.client);
  await pair.settle();
  first(served).send(Buffer.alloc(300_000));
  await pair.settle();
  assert.ok(pair.server.connection.loopy.buffer.partWritten > 0);
  pair.server.connection.shed(1);
  await pair.settle();
  assert.deepEqual(call.ends, [Status.RESOURCE_EXHAUSTED]);
  await pair.close();
});

/** The connection holds more than its share of a budget that is short. */
function hog({ connection }: { readonly connection: Connection }, budget: MemoryBudget): void {
  budget.limitBytes = MIB;
  connection.memory.update();
  budget.charge(Math.floor(0.95 * MIB) - budget.usedBytes);
  // Its share is little: many others are open.
  for (let i = 0; i < 100; i += 1) new MemoryAccount(budget, NOTHING, connection.loopy.buffer);
  budget.post(connection.memory, 0);
  assert.equal(connection.memory.isConstrained, true);
}

/** What the others took is free again. */
function relieve({ connection }: { readonly connection: Connection }, budget: MemoryBudget): void {
  budget.charge(connection.heldBytes() - budget.usedBytes);
  assert.equal(connection.memory.isConstrained, false);
}

const NOTHING: MemoryHolder = {
  heldBytes: () => 0,
  progressBytes: 0,
  onConstrained() {},
  onRoom() {},
  shed: () => 0,
  onEvicted() {},
};

function first(served: readonly ServerStream[]): ServerStream {
  const stream = served[0];
  assert.ok(stream !== undefined);
  return stream;
}
