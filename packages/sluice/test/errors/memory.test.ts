// The texts of docs/errors.md that begin with `memory-budget` or name it: what becomes of connections and
// calls while all connections together hold as much as they may.
// Not here: when that is (test/transport/memory-budget.test.ts).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CallListener, memoryBudget, Status } from '#sluice/index.js';
import { ControlBuffer } from '#sluice/transport/control-buffer.js';
import { MemoryAccount, type MemoryHolder } from '#sluice/transport/memory-account.js';
import { MemoryBudget } from '#sluice/transport/memory-budget.js';
import { processWheel, TimerWheel } from '#sluice/transport/timer-wheel.js';
import { openCall } from '../support/client-call.js';
import { MockPeer } from '../support/mock-peer.js';
import { failureOf, Running, signal } from '../support/running.js';
import { openPair } from '../support/served-pair.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { assertListed } from './listed.js';
import { RawServer, until } from './raw-ends.js';

const PATH = '/test.Memory/Call';
const X = Buffer.from('x');
const MIB = 1024 * 1024;
const DEFAULT_LIMIT = memoryBudget.limitBytes;

const running = new Running();
/** What is undone behind a test, the last first. */
const undo: (() => void)[] = [];

function restore(): void {
  for (const back of undo.splice(0).reverse()) back();
  memoryBudget.limitBytes = DEFAULT_LIMIT;
}

afterEach(async () => {
  restore();
  await running.end();
});

function fill(budget: MemoryBudget, bytes: number): void {
  const charged = bytes - budget.usedBytes;
  budget.charge(charged);
  undo.push(() => budget.charge(-charged));
}

/** The budget is short, and the share of each connection is a hundredth of it. */
function crowd(budget: MemoryBudget): void {
  budget.limitBytes = MIB;
  for (let i = 0; i < 100; i += 1) {
    const account = new MemoryAccount(budget, NOTHING, new ControlBuffer({ wake() {} }));
    undo.push(() => account.close());
  }
  fill(budget, Math.floor(0.95 * MIB));
}

const NOTHING: MemoryHolder = {
  heldBytes: () => 0,
  progressBytes: 0,
  onConstrained() {},
  onRoom() {},
  shed: () => 0,
  onEvicted() {},
};

function ownBudget(): MemoryBudget {
  return new MemoryBudget(4 * MIB, new TimerWheel(new VirtualClock(1_000)));
}

describe('without any memory left', () => {
  it('a client makes no connection', async () => {
    memoryBudget.limitBytes = MIB;
    fill(memoryBudget, MIB);
    const { code, details } = await failureOf(running.channel('127.0.0.1:1').unary(PATH, X));
    assert.equal(code, Status.UNAVAILABLE);
    assertListed(
      details,
      'no connection to <host:port> is made: memory-budget: <n> of <n> bytes are held by the connections of this process',
    );
  });

  it('a server takes none, and says why by GOAWAY', async () => {
    const { port } = await running.server().listen({ host: '127.0.0.1' });
    memoryBudget.limitBytes = MIB;
    fill(memoryBudget, MIB);
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const lines = await until(new MockPeer(socket, 'client').preface().settings(), /^GOAWAY/);
    const [, text] = /^GOAWAY 0 ENHANCE_YOUR_CALM (.*)$/.exec(lines.at(-1) ?? '') ?? [];
    assertListed(
      text,
      'memory-budget: <n> of <n> bytes are held by the connections of this process',
    );
    socket.destroy();
    restore();
    // The server has yet to see that its peer is gone.
    while (processWheel.size > 0) await nextTurn();
  });
});

describe('a connection above its share of what is left', () => {
  it('is given no new call by its client', async () => {
    const server = await RawServer.greeting();
    undo.push(() => server.close());
    const channel = running.channel(server.target, { admissionPolicy: 'fail' });
    await channel.ready();
    crowd(memoryBudget);
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assertListed(
      details,
      'refused by the memory-budget limit: <n> of <n> bytes are held by the connections of this process, <n> by this one, whose share is <n>; read responses sooner, slow down or raise memoryBudget.limitBytes',
    );
  });

  it('ends a call that writes on though it was told to pause', async () => {
    const server = await RawServer.greeting({ INITIAL_WINDOW_SIZE: 0 });
    undo.push(() => server.close());
    const channel = running.channel(server.target);
    await channel.ready();
    const ended = signal<[Status, string]>();
    const listener: CallListener = {
      onHeader() {},
      onMessage() {},
      onWritable() {},
      onEnd: (code, details) => ended.raise([code, details]),
    };
    const call = channel.call(PATH, {}, listener);
    while (call.send(Buffer.alloc(1_000)));
    crowd(memoryBudget);
    call.send(X);
    const [code, details] = await ended.happened;
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assertListed(
      details,
      'refused by the memory-budget limit: <n> of <n> bytes are held by the connections of this process, <n> by this one, whose share is <n>; this call writes on; wait for onWritable after send() returns false',
    );
  });

  it('ends calls of its client to make room for others', async () => {
    const budget = ownBudget();
    const { pair } = await openPair({ client: { budget } });
    const call = openCall(pair.client);
    call.stream.send(Buffer.alloc(300_000), false);
    await pair.settle();
    pair.client.connection.shed(1);
    await pair.settle();
    assert.deepEqual(call.ends, [Status.RESOURCE_EXHAUSTED]);
    assertListed(
      call.details,
      'ended by the memory-budget limit: <n> of <n> bytes are held by the connections of this process, <n> by this one, whose share is <n>; read responses sooner, slow down or raise memoryBudget.limitBytes',
    );
    await pair.close();
  });

  it('is given no handler by its server', async () => {
    const budget = ownBudget();
    const { pair } = await openPair({ server: { budget } });
    crowd(budget);
    const call = openCall(pair.client);
    await pair.settle();
    assert.deepEqual(call.ends, [Status.RESOURCE_EXHAUSTED]);
    assertListed(
      call.details,
      'refused by the memory-budget limit: <n> of <n> bytes are held by the connections of this process, <n> by this one, whose share is <n>; read responses sooner, or raise memoryBudget.limitBytes on the server',
    );
    await pair.close();
  });

  it('is closed by GOAWAY when it makes no progress', async () => {
    const clock = new VirtualClock(1_000);
    const budget = new MemoryBudget(4 * MIB, new TimerWheel(clock));
    const { pair } = await openPair({ server: { budget }, clock });
    crowd(budget);
    for (let passed = 0; passed < 11_000 && pair.serverClosed === undefined; passed += 250) {
      await pair.pass(250);
    }
    assertListed(pair.clientClosed?.reason, 'the server sent GOAWAY(<CODE>) "<text>"', {
      CODE: 'ENHANCE_YOUR_CALM',
    });
    assertListed(
      pair.serverClosed?.reason,
      'memory-budget: this connection holds <n> bytes, above its share of <n>, and made no progress for <n> s',
    );
    pair.assertNothingLeft();
  });
});
