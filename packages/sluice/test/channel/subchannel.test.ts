// One backend's connection: who is told of it, what ends with it, and how often it is made anew.
// gRPC connectivity-semantics-and-api.md, connection-backoff.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { connectionSettings } from '#sluice/channel/channel-options.js';
import { ChannelSubchannel } from '#sluice/channel/channel-subchannel.js';
import type { Subchannel, SubchannelUser } from '#sluice/channel/subchannel.js';
import { SubchannelPool } from '#sluice/channel/subchannel-pool.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { MockPeer } from '../support/mock-peer.js';
import { VirtualClock } from '../support/virtual-clock.js';

const clock = new VirtualClock();
const wheel = new TimerWheel(clock);
const servers: net.Server[] = [];

/** A server that sends SETTINGS and whatever else it is told, and the connections it had. */
async function peer(
  then: (peer: MockPeer) => void,
): Promise<{ readonly port: number; readonly sockets: net.Socket[] }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    const end = new MockPeer(socket, 'server');
    end.settings({});
    then(end);
    end.flush();
    socket.on('end', () => socket.end());
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets };
}

function subchannelTo(port: number): Subchannel {
  const settings = connectionSettings('test', {}, defaultClientLimits, wheel);
  return new SubchannelPool().take({
    ...settings,
    endpoint: { kind: 'tcp', host: '127.0.0.1', port },
  });
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
  assert.equal(wheel.size, 0, 'timers left behind');
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('a subchannel', () => {
  it('that is left from inside its own CONNECTING makes no connection', async () => {
    const { port, sockets } = await peer(() => {});
    const subchannel = subchannelTo(port);
    const user: SubchannelUser = {
      onState: () => subchannel.removeUser(user),
      onCapacity() {},
    };
    subchannel.addUser(user);
    subchannel.connect();
    assert.equal(subchannel.state, 'SHUTDOWN');
    await new Promise(setImmediate);
    assert.equal(subchannel.live.size, 0);
    assert.equal(sockets.length, 0);
  });

  it('tells nobody who has released it, even in the middle of telling', async () => {
    const { port } = await peer(() => {});
    const shared = subchannelTo(port);
    const heard: string[] = [];
    const holds: ChannelSubchannel[] = [];
    const address = { endpoint: { kind: 'tcp', host: '127.0.0.1', port } } as const;
    for (const name of ['first', 'second']) {
      holds.push(
        new ChannelSubchannel(address, shared, {
          onState: () => {
            heard.push(name);
            holds[1]?.release();
          },
          onCapacity() {},
          onReleased() {},
        }),
      );
    }
    holds[0]?.connect();
    assert.deepEqual(heard, ['first']);
    holds[0]?.release();
    await shared.whenClosed();
  });
});

describe('a server that sends GOAWAY with its SETTINGS', () => {
  it('is connected to again at once three times, then after a backoff that grows', async () => {
    const { port, sockets } = await peer((end) => end.goAway(0));
    const subchannel = subchannelTo(port);
    const states: string[] = [];
    const user: SubchannelUser = {
      onState: () => {
        states.push(subchannel.state);
        subchannel.connect();
      },
      onCapacity() {},
    };
    subchannel.addUser(user);
    subchannel.connect();
    await until(() => subchannel.state === 'TRANSIENT_FAILURE');
    assert.equal(sockets.length, 4);
    assert.match(subchannel.lastFailure, /^the server sent GOAWAY/);
    const waits: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const before: number = sockets.length;
      waits.push(subchannel.retryAtMs - clock.now());
      clock.advance(waits[i] ?? 0);
      clock.advance(10);
      await until(() => sockets.length > before && subchannel.state === 'TRANSIENT_FAILURE');
      assert.equal(sockets.length, before + 1);
    }
    // 1 s, 1.6 s, 2.56 s, each with a fifth more or less.
    assert.ok((waits[0] ?? 0) <= 1_200 && (waits[2] ?? 0) >= 2_000, waits.join());
    subchannel.removeUser(user);
    await subchannel.whenClosed();
  });

  it('is connected to at once when the connection had lasted', async () => {
    const peers: MockPeer[] = [];
    const { port, sockets } = await peer((end) => peers.push(end));
    const subchannel = subchannelTo(port);
    const user: SubchannelUser = { onState: () => subchannel.connect(), onCapacity() {} };
    subchannel.addUser(user);
    subchannel.connect();
    for (let i = 0; i < 10; i += 1) {
      await until(() => peers.length > i && subchannel.state === 'READY');
      clock.advance(1_000);
      peers[i]?.goAway(0).flush();
      await until(() => subchannel.state !== 'READY');
      assert.equal(subchannel.state, 'CONNECTING');
    }
    await until(() => subchannel.state === 'READY');
    assert.equal(sockets.length, 11);
    subchannel.removeUser(user);
    await subchannel.whenClosed();
  });
});
