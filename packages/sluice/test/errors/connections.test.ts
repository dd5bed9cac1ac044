// Why a channel with the option `connections` gives up one of several: the GOAWAYs of docs/errors.md that
// the server reads then. Not here: when that is (test/channel/connection-pool.test.ts).

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectionSettings } from '#sluice/channel/channel-options.js';
import type { ConnectionPool } from '#sluice/channel/connection-pool.js';
import { SubchannelPool } from '#sluice/channel/subchannel-pool.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import type { MockPeer } from '../support/mock-peer.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { assertListed } from './listed.js';
import { RawServer } from './raw-ends.js';

/** The first GOAWAY that one of them is sent. */
async function goAwayOf(peers: readonly MockPeer[]): Promise<string> {
  for (;;) {
    for (const peer of peers) {
      const goAway = peer.take().find((line) => line.startsWith('GOAWAY'));
      if (goAway !== undefined) return goAway;
    }
    await nextTurn();
  }
}

for (const [what, text, give] of [
  ['not needed', 'fewer connections are enough', (pool: ConnectionPool) => pool.shrinkTo(1)],
  ['no faster', 'it brought nothing', (pool: ConnectionPool) => pool.dropFrom(1)],
] as const) {
  it(`a connection that is ${what} ends with GOAWAY(NO_ERROR) "${text}"`, async () => {
    const peers: MockPeer[] = [];
    const server = await RawServer.greeting({}, (peer) => peers.push(peer));
    const wheel = new TimerWheel(new VirtualClock());
    const connections = { policy: 'fixed', maxConnections: 2 } as const;
    const subchannel = new SubchannelPool().take({
      ...connectionSettings('test', { connections }, defaultClientLimits, wheel),
      endpoint: { kind: 'tcp', host: '127.0.0.1', port: server.port },
    });
    const user = { onState() {}, onCapacity() {} };
    subchannel.addUser(user);
    subchannel.connect();
    while (subchannel.pool?.current.length !== 2) await nextTurn();
    give(subchannel.pool);
    assertListed((await goAwayOf(peers)).replace('GOAWAY 0 NO_ERROR ', ''), text);
    assert.equal(subchannel.pool.current.length, 1);
    subchannel.removeUser(user);
    for (const peer of peers) peer.socket.end();
    await subchannel.whenClosed();
    server.close();
    assert.equal(wheel.size, 0, 'timers left behind');
  });
}
