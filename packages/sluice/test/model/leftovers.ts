// What must hold at the end of a run, and at any quiet moment before: no call without its outcome, no
// stream, handler, slot, timer, socket or byte left in any account.

import assert from 'node:assert/strict';
import type { Channel } from '#sluice/channel/channel.js';
import { processPool, SubchannelPool } from '#sluice/channel/subchannel-pool.js';
import { ClientTransport } from '#sluice/transport/client-transport.js';
import type { Connection } from '#sluice/transport/connection.js';
import type { RuntimeStats } from '#sluice/transport/connection-stats.js';
import { ServerTransport } from '#sluice/transport/server-transport.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import { assertIdle, assertOwnAccounts, assertWindows } from '../support/transport-pair.js';
import type { Conversation } from './conversation.js';
import { ModelError } from './messages.js';

/** What lies at the end of a path of fields, private ones among them. */
function inside(object: unknown, ...path: readonly string[]): unknown {
  let found = object;
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

function elements(set: unknown): readonly unknown[] {
  return set instanceof Set ? [...set] : [];
}

export class Leftovers {
  private readonly world: Conversation;
  private readonly clients: Set<ClientTransport> = new Set();
  private readonly servers: Set<ServerTransport> = new Set();
  private readonly closedChannels: Channel[] = [];

  constructor(world: Conversation) {
    this.world = world;
  }

  closed(channel: Channel): void {
    this.lookAt(channel);
    this.closedChannels.push(channel);
  }

  /** Remembers the connections that there are. */
  look(): void {
    for (const channel of this.world.channels) this.lookAt(channel);
    for (const server of this.world.servers) {
      for (const live of elements(inside(server, 'live'))) {
        const transport = inside(live, 'transport');
        if (transport instanceof ServerTransport) this.servers.add(transport);
      }
    }
  }

  private lookAt(channel: Channel): void {
    for (const subchannel of elements(inside(channel, 'core', 'backends'))) {
      for (const live of elements(inside(subchannel, 'live'))) {
        const transport = inside(live, 'transport');
        if (transport instanceof ClientTransport) this.clients.add(transport);
      }
    }
  }

  /** At rest each account agrees with a recount, and with the one of the other end. */
  async checkAccounts(): Promise<void> {
    const { world } = this;
    const { network } = world.platform;
    for (const wire of network.wires) wire.release();
    await world.platform.settle();
    this.look();
    this.checkStats();
    if (!world.isClean) return;
    for (const client of this.clients) {
      const { connection } = client;
      if (connection.closedBy !== undefined) continue;
      assertOwnAccounts(connection, 'client');
      const wire = network.wires.find((one) => one.client === connection.socket);
      for (const server of this.servers) {
        if (server.connection.socket !== wire?.server) continue;
        if (server.connection.closedBy !== undefined) continue;
        assertOwnAccounts(server.connection, 'server');
        assertWindows(connection, server.connection, 'server to client');
        assertWindows(server.connection, connection, 'client to server');
      }
    }
  }

  /** Figures are never below nothing, and their limits hold. */
  checkStats(): void {
    const { channels, servers } = this.world;
    for (const owner of [...channels, ...servers]) assertFigures(owner.stats());
  }

  assertCallsOver(): void {
    const { calls } = this.world;
    const hanging = calls.filter((call) => call.ends === 0).map((call) => call.what);
    assert.deepEqual(hanging, [], 'calls without an outcome');
    for (const call of calls) assert.equal(call.ends, 1, `outcomes of ${call.what}`);
  }

  /** All calls are over and all handlers are done, and the connections are still open. */
  assertAtRest(): void {
    const { world } = this;
    if (!world.isClean) return;
    for (const server of world.servers) {
      assert.equal(inside(server, 'load', 'running'), 0, 'running handlers, while it serves');
    }
    for (const { admission, connection, state } of this.clients) {
      if (state === 'connecting') continue;
      assert.equal(admission.openCalls, 0, 'open calls of an open connection');
      assert.equal(connection.streams.size, 0, 'streams of an open connection');
    }
    for (const { connection, handlers } of this.servers) {
      assert.equal(connection.streams.size, 0, 'streams of an open connection');
      assert.equal(handlers, 0, 'handlers of an open connection');
    }
  }

  assertNothing(): void {
    const { world } = this;
    assert.deepEqual(world.problems, []);
    // Of a reporter that throws the process is to hear, and of nothing else.
    const thrown = world.platform.thrown.filter((error) => !(error instanceof ModelError));
    assert.deepEqual(thrown, [], 'errors thrown in the check phase');
    this.assertCallsOver();
    assert.deepEqual([...world.pending.values()], [], 'closes and drains');
    const underWay = [...world.underWay].map(({ what }) => what);
    assert.deepEqual(underWay, [], 'handlers and iterables that did not end');
    assert.equal(world.tracked, 0, 'picks without an end');
    for (const channel of this.closedChannels) assertChannelEmpty(channel);
    for (const server of world.servers) {
      assert.equal(inside(server, 'load', 'running'), 0, 'running handlers');
      assert.deepEqual(server.stats().connections, [], 'connections of a server');
    }
    for (const client of this.clients) {
      assert.ok(client.connection.closedBy, 'an open connection');
      assertOver(client.connection);
      assert.equal(client.admission.openCalls, 0, 'open calls');
      assert.equal(client.replayBytes, 0, 'bytes kept for a transparent retry');
    }
    for (const server of this.servers) {
      assert.ok(server.connection.closedBy, 'an open connection');
      assertOver(server.connection);
      assert.equal(server.handlers, 0, 'handlers of a connection');
    }
    assert.equal(processPool.size, 0, 'subchannels in the pool');
    const { network } = world.platform;
    const open = network.wires.filter((wire) => !wire.closed);
    assert.equal(open.length, 0, 'sockets');
    assert.equal(network.listeners.size - world.madListeners, 0, 'listeners');
    this.assertNoTimers();
  }

  private assertNoTimers(): void {
    const { clock } = this.world.platform;
    assert.deepEqual(timers(), [], 'timers');
    assert.equal(this.world.platform.holds, 0, 'timers that hold the process');
    // A wheel that empties lets its last wake pass.
    clock.advance(2 ** 27);
    assert.equal(clock.pending, 0, 'timers of the platform');
  }
}

/** A socket that takes nothing keeps the farewell; all else is gone from each account. */
function assertOver(connection: Connection): void {
  if (connection.loopy.state !== 'blocked-on-socket') assertIdle(connection);
  assert.equal(connection.streams.size, 0, 'streams');
  assert.equal(connection.loopy.buffer.bytes, 0, 'queued bytes');
}

/** What the wheel of the process holds, by kind. */
function timers(): string[] {
  const names: string[] = [];
  const heads = inside(processWheel, 'heads');
  if (!Array.isArray(heads)) return names;
  for (const head of heads) {
    let timer: unknown = head;
    for (; typeof timer === 'object' && timer !== null; timer = inside(timer, 'wheelNext')) {
      names.push(timer.constructor.name);
    }
  }
  return names;
}

function assertFigures(stats: RuntimeStats): void {
  assert.ok(stats.waitingCalls >= 0 && stats.oldestWaitMs >= 0, 'waiting calls');
  for (const [name, { depth, acted }] of Object.entries(stats.limits)) {
    assert.ok(depth >= 0 && Number.isFinite(depth), `depth of ${name}: ${depth}`);
    assert.ok(acted >= 0, `acted of ${name}: ${acted}`);
  }
  for (const connection of stats.connections) {
    const { queueItems, queueBytes, responseFrames, exposureBytes, unreadBytes } = connection;
    for (const figure of [queueItems, queueBytes, responseFrames, exposureBytes, unreadBytes]) {
      assert.ok(figure >= 0, JSON.stringify(connection));
    }
  }
}

function assertChannelEmpty(channel: Channel): void {
  assert.equal(channel.state, 'SHUTDOWN');
  const core = inside(channel, 'core');
  assert.equal(inside(core, 'placement', 'line', 'size'), 0, 'calls in the line');
  assert.equal(inside(core, 'placement', 'line', 'bytes'), 0, 'bytes in the line');
  assert.equal(inside(core, 'credentialsLine', 'size'), 0, 'calls waiting for credentials');
  assert.equal(inside(core, 'retries', 'waitingCalls'), 0, 'calls waiting to be retried');
  assert.equal(inside(core, 'retries', 'account', 'bytes'), 0, 'bytes kept for retries');
  assert.equal(elements(inside(core, 'held')).length, 0, 'subchannels of a balancer');
  const pool = inside(core, 'pool');
  if (pool instanceof SubchannelPool) assert.equal(pool.size, 0, 'subchannels in a pool');
}
