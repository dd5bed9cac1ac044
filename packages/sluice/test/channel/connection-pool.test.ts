// Several connections to one backend as its subchannel has them: when one more opens, what takes the
// place of one that is lost, and when they are given up. gRFC A105.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { connectionSettings } from '#sluice/channel/channel-options.js';
import type { ConnectionsOptions } from '#sluice/channel/connections-options.js';
import type { Subchannel, SubchannelUser } from '#sluice/channel/subchannel.js';
import { SubchannelPool } from '#sluice/channel/subchannel-pool.js';
import type { AdmissionLimit } from '#sluice/transport/admission.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { openCall } from '../support/client-call.js';
import { MockPeer } from '../support/mock-peer.js';
import { VirtualClock } from '../support/virtual-clock.js';

const clock = new VirtualClock();
const wheel = new TimerWheel(clock);
const servers: net.Server[] = [];
let sockets: net.Socket[] = [];

/** A server that sends SETTINGS, and the connections it has had. */
class Peers {
  readonly ends: MockPeer[] = [];
  port = 0;
  /** It closes connections as they come. */
  refuses = false;

  async listen(): Promise<this> {
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('end', () => socket.end());
      const end = new MockPeer(socket, 'server');
      this.ends.push(end);
      if (this.refuses) socket.destroy();
      else end.settings({}).flush();
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  hangUp(): void {
    for (const end of this.ends) end.socket.destroy();
  }

  /** Credit for the connection, from all of them. */
  credit(): void {
    for (const end of this.ends) end.windowUpdate(0, 1).flush();
  }
}

/** Calls that wait for a subchannel, as a channel's placement makes them wait. */
class Waiting implements SubchannelUser {
  readonly states: string[] = [];
  limit: AdmissionLimit | undefined = undefined;
  readonly subchannel: Subchannel;

  constructor(port: number, connections: ConnectionsOptions) {
    const settings = connectionSettings('test', { connections }, defaultClientLimits, wheel);
    this.subchannel = new SubchannelPool().take({
      ...settings,
      endpoint: { kind: 'tcp', host: '127.0.0.1', port },
    });
    this.subchannel.addUser(this);
    this.subchannel.connect();
  }

  get connections(): number {
    return this.subchannel.pool?.current.length ?? -1;
  }

  onState(): void {
    this.states.push(this.subchannel.state);
  }

  onCapacity(): void {
    const transport = this.subchannel.connectionFor(0);
    if (this.limit === undefined || transport === undefined) return;
    this.subchannel.onHeldBack(transport, this.limit);
  }

  hold(limit: AdmissionLimit): void {
    this.limit = limit;
    this.onCapacity();
  }

  async reach(connections: number): Promise<void> {
    await until(() => this.connections === connections);
  }

  async end(): Promise<void> {
    this.subchannel.removeUser(this);
    await this.subchannel.whenClosed();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Turns of the event loop in which an attempt would have reached the server. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
}

/** Lets time pass in steps, in each of which the sockets are served. */
async function pass(ms: number, inEach: () => void = () => {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    inEach();
    await quiet();
    clock.advance(10);
  }
}

afterEach(async () => {
  // Of a test that failed, some are open still.
  for (const socket of sockets) socket.destroy();
  sockets = [];
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
  assert.equal(wheel.size, 0, 'timers left behind');
});

describe('a fixed number of connections', () => {
  it('is made behind a backend that is READY already', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'fixed', maxConnections: 3 });
    await waiting.reach(3);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    assert.equal(waiting.subchannel.opened, 3);
    await waiting.end();
    assert.equal(waiting.subchannel.closed, 3);
  });

  it('is kept when the server sends one away, and the backend stays READY', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'fixed', maxConnections: 2 });
    await waiting.reach(2);
    const first = waiting.subchannel.transport;
    clock.advance(1_000);
    peers.ends[0]?.goAway(0).flush();
    await until(() => waiting.subchannel.opened === 3);
    await waiting.reach(2);
    assert.notEqual(waiting.subchannel.transport, first);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    await waiting.end();
  });

  it('is tried again after a backoff that grows, which calls never notice', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'fixed', maxConnections: 2 });
    await waiting.reach(2);
    peers.refuses = true;
    peers.ends[1]?.goAway(0).flush();
    await waiting.reach(1);
    const tries: number[] = [];
    for (const ms of [1_200, 1_920, 3_072]) {
      await pass(ms + 20);
      tries.push(peers.ends.length);
    }
    assert.deepEqual(tries, [3, 4, 5]);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    assert.equal(waiting.subchannel.lastFailure, '');
    peers.refuses = false;
    await pass(6_000);
    await waiting.reach(2);
    await waiting.end();
  });

  it('goes with the last of them, and comes again with the next', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'fixed', maxConnections: 3 });
    await waiting.reach(3);
    peers.hangUp();
    await until(() => waiting.states.includes('IDLE'));
    assert.equal(waiting.connections, 0);
    waiting.subchannel.connect();
    await waiting.reach(3);
    await waiting.end();
  });
});

describe('one connection more', () => {
  it('opens when the stream limit has held calls back for openAfterMs, and not before', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic', openAfterMs: 200 });
    await waiting.reach(1);
    waiting.hold('peer-streams');
    await pass(190);
    assert.equal(peers.ends.length, 1);
    await pass(60);
    await waiting.reach(2);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    await waiting.end();
  });

  it('does not open for a burst that is over before', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic', openAfterMs: 200 });
    await waiting.reach(1);
    for (let burst = 0; burst < 5; burst += 1) {
      waiting.hold('peer-streams');
      await pass(100);
      waiting.limit = undefined;
      await pass(400);
    }
    assert.equal(peers.ends.length, 1);
    await waiting.end();
  });

  it('opens again and again up to the maximum', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic', maxConnections: 3 });
    await waiting.reach(1);
    waiting.hold('peer-streams');
    await pass(1_000);
    assert.equal(waiting.connections, 3);
    assert.equal(peers.ends.length, 3);
    await waiting.end();
  });

  it('does not open for limits that more connections would only evade', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic' });
    await waiting.reach(1);
    for (const limit of ['open-calls', 'exposure-bytes', 'concurrency', 'memory-budget'] as const) {
      waiting.hold(limit);
      await pass(300);
    }
    assert.equal(peers.ends.length, 1);
    await waiting.end();
  });

  it('does not open for a queue while the server takes nothing, and opens once it answers', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic' });
    await waiting.reach(1);
    const { transport } = waiting.subchannel;
    assert.ok(transport !== undefined);
    // More than the window of the connection: what is left waits for a server that does not read.
    for (let i = 0; i < 3; i += 1) openCall(transport).stream.send(Buffer.alloc(60_000), true);
    await until(() => transport.loopy.sendQuota === 0);
    waiting.hold('queued-bytes');
    await pass(1_000);
    assert.equal(peers.ends.length, 1);
    await pass(200, () => peers.credit());
    await until(() => peers.ends.length === 2);
    peers.hangUp();
    await waiting.end();
  });

  it('does not open for a queue that this process is too slow to write', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic' });
    await waiting.reach(1);
    waiting.hold('queued-items');
    await pass(500, () => peers.credit());
    assert.equal(peers.ends.length, 1);
    await waiting.end();
  });

  it('is tried again after a backoff when it could not be made', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'automatic', maxConnections: 2 });
    await waiting.reach(1);
    peers.refuses = true;
    waiting.hold('peer-streams');
    await pass(700);
    assert.equal(peers.ends.length, 2);
    peers.refuses = false;
    await pass(700);
    await waiting.reach(2);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    await waiting.end();
  });
});

describe('connections that nobody needs', () => {
  it('are given up after idleMs, down to one', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, {
      policy: 'automatic',
      maxConnections: 4,
      idleMs: 1_000,
    });
    await waiting.reach(1);
    waiting.hold('peer-streams');
    await pass(500);
    assert.equal(waiting.connections, 4);
    waiting.limit = undefined;
    await pass(1_000);
    assert.equal(waiting.connections, 4);
    await pass(2_000);
    await waiting.reach(1);
    assert.equal(peers.ends.length, 4);
    assert.deepEqual(waiting.states, ['CONNECTING', 'READY']);
    await waiting.end();
  });

  it('end with the last call on them', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, {
      policy: 'automatic',
      maxConnections: 2,
      idleMs: 1_000,
    });
    await waiting.reach(1);
    waiting.hold('peer-streams');
    await pass(100);
    await waiting.reach(2);
    const extra = waiting.subchannel.pool?.current[1]?.transport;
    assert.ok(extra !== undefined);
    const call = openCall(extra);
    waiting.limit = undefined;
    await pass(4_000);
    await waiting.reach(1);
    assert.equal(extra.state, 'draining');
    assert.deepEqual(call.ends, []);
    const end = peers.ends[1];
    assert.ok(end !== undefined);
    end.headers(1, [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0'], {
      endStream: true,
    });
    end.flush();
    await until(() => call.ends.length === 1);
    assert.deepEqual(call.ends, [0]);
    await until(() => waiting.subchannel.live.size === 1);
    await waiting.end();
  });
});

describe('a call', () => {
  it('goes to the connection with the fewest calls that admits it', async () => {
    const peers = await new Peers().listen();
    const waiting = new Waiting(peers.port, { policy: 'fixed', maxConnections: 3 });
    await waiting.reach(3);
    for (let i = 0; i < 9; i += 1) {
      const transport = waiting.subchannel.connectionFor(0);
      assert.ok(transport !== undefined);
      openCall(transport);
    }
    const open = (): number[] =>
      (waiting.subchannel.pool?.current ?? []).map(
        ({ transport }) => transport.admission.openCalls,
      );
    assert.deepEqual(open(), [3, 3, 3]);
    peers.ends[1]?.settings({ MAX_CONCURRENT_STREAMS: 3 }).flush();
    const second = waiting.subchannel.pool?.current[1]?.transport;
    await until(() => second?.peerMaxStreams === 3);
    for (let i = 0; i < 4; i += 1) {
      const transport = waiting.subchannel.connectionFor(0);
      assert.ok(transport !== undefined);
      openCall(transport);
    }
    assert.deepEqual(open(), [5, 3, 5]);
    peers.hangUp();
    await waiting.end();
  });
});
