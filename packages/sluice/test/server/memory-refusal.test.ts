// While all of the process's memory budget is taken no connection is made or taken, and whoever asks
// hears why.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, test } from 'node:test';
import { Status } from '#sluice/index.js';
import { memoryBudget } from '#sluice/transport/memory-budget.js';
import { until } from '../errors/raw-ends.js';
import { MockPeer } from '../support/mock-peer.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Memory/Method';
const X = Buffer.from('x');
const FULL = memoryBudget.limitBytes;

const running = new Running();

afterEach(() => running.end());

/** All of it is taken by others, while `work` runs. */
async function whileFull(work: () => Promise<void>): Promise<void> {
  memoryBudget.charge(FULL);
  try {
    await work();
  } finally {
    memoryBudget.charge(-FULL);
  }
}

test('a client makes no connection: its calls fail with the reason, and go on once there is room', async () => {
  const channel = await running.channelTo(
    running.server().unary(PATH, () => X),
    {
      backoff: { initialMs: 1 },
    },
  );
  await whileFull(async () => {
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assert.equal(code, Status.UNAVAILABLE);
    assert.match(
      details,
      /no connection to 127\.0\.0\.1:\d+ is made: memory-budget: \d+ of \d+ bytes are held by the connections of this process/,
    );
  });
  assert.deepEqual(await channel.unary(PATH, X, { waitForReady: true }), X);
});

test('a server takes none: GOAWAY says why, and the connection is closed', async () => {
  const server = running.server();
  const { port } = await server.listen({ host: '127.0.0.1' });
  await whileFull(async () => {
    const refusedBefore = memoryBudget.refusedConnections;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const peer = new MockPeer(socket, 'client');
    const closed = once(socket, 'close');
    peer.preface().settings().flush();
    const lines = await until(peer, /^GOAWAY/);
    assert.match(
      lines.join('\n'),
      /^SETTINGS\nGOAWAY .*ENHANCE_YOUR_CALM.*memory-budget: \d+ of \d+ bytes are held by the connections of this process/,
    );
    peer.end();
    await closed;
    assert.equal(memoryBudget.refusedConnections, refusedBefore + 1);
    assert.deepEqual(server.stats().connections, []);
  });
});

test('the stats of channel and server show the budget', async () => {
  const server = running.server().unary(PATH, () => X);
  const channel = await running.channelTo(server);
  await channel.unary(PATH, X);
  for (const { limits } of [server.stats(), channel.stats()]) {
    const reading = limits['memory-budget'];
    assert.equal(reading?.value, memoryBudget.limitBytes);
    assert.equal(reading?.unit, 'bytes');
    assert.equal(reading?.depth, memoryBudget.usedBytes);
    assert.equal(reading?.acted, 0);
  }
  assert.ok(memoryBudget.usedBytes >= 2 * 16_384, 'two ends of a connection');
});
