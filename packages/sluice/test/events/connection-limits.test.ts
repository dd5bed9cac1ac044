// `sluice:limit` of what a peer does to a connection: each limit that acts is told once, with its own
// name, and counted once under it; on a server and on a client.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { LimitEvent } from '#sluice/transport/diagnostics.js';
import { type LimitName, limits } from '#sluice/transport/limit-table.js';
import { ClientEnd } from '../support/client-end.js';
import { Heard } from '../support/heard.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const SETTINGS = 0x4;
const PING = 0x6;
const HEAD = [':status', '200', 'content-type', 'application/grpc'];

const heard = new Heard();

afterEach(() => {
  heard.stop();
});

type Send = (peer: MockPeer) => unknown;

const FIELD = Buffer.from('000100000000', 'hex');

/** What either end holds against its peer; the stream with the id 1 is open. */
const OF_BOTH: readonly (readonly [LimitName, Send])[] = [
  ['protocol-errors', (peer) => peer.frame(PING, 0, 0, Buffer.alloc(7))],
  ['protocol-errors', (peer) => peer.windowUpdate(0, 0x7fff_ffff)],
  ['settings-entries', (peer) => peer.frame(SETTINGS, 0, 0, Buffer.alloc(33 * 6, FIELD))],
  ['message-length', (peer) => peer.headers(1, HEAD).data(1, Buffer.from('00ffffffff', 'hex'))],
  ['header-list', (peer) => peer.headers(1, [...HEAD, 'k', 'v'.repeat(17_000)])],
  [
    'header-list-hard',
    (peer) => {
      const pair = ['k', 'v'.repeat(500)];
      peer.headers(1, Array.from({ length: 1_000 }, () => pair).flat());
    },
  ],
];

function short({ limit, value, unit, what, side }: LimitEvent): unknown[] {
  return [limit, value, unit, what, side];
}

function assertTold(events: readonly LimitEvent[], name: LimitName, side: string): void {
  const { value, unit } = limits[name];
  assert.deepEqual(events.map(short), [[name, value, unit, 'refused', side]]);
}

describe('a client tells of, and counts', () => {
  for (const [name, send] of OF_BOTH) {
    it(name, async () => {
      const end = await ClientEnd.ready();
      end.unary();
      await end.settle();
      const events = heard.to('sluice:limit');
      const before = limits[name].acted;
      send(end.peer);
      await end.settle();
      end.clock.advance(1_100);
      await end.settle();
      assertTold(events, name, 'client');
      assert.equal(end.transport.limitReadings()[name]?.acted, 1);
      assert.equal(limits[name].acted, before + 1);
      await end.finish();
    });
  }
});

describe('a server tells of, and counts', () => {
  for (const [name, send] of OF_BOTH) {
    it(name, async () => {
      const end = await ServerEnd.ready();
      const events = heard.to('sluice:limit');
      // A message comes after request headers, a list in them.
      if (name === 'message-length') {
        end.peer.headers(1, request()).data(1, Buffer.from('00ffffffff', 'hex'));
      } else if (name === 'header-list') {
        end.peer.headers(1, request('/s/m', { k: 'v'.repeat(17_000) }));
      } else {
        send(end.peer);
      }
      await end.settle();
      assertTold(events, name, 'server');
      assert.equal(end.transport.connection.limits.acted.of(name), 1);
      await end.finish();
    });
  }

  it('ping-strikes', async () => {
    const end = await ServerEnd.ready();
    const events = heard.to('sluice:limit');
    for (let i = 0; i < 5; i += 1) end.peer.ping(1, i);
    const lines = await end.transcript();
    assert.ok(lines.some((line) => / ENHANCE_YOUR_CALM too_many_pings$/.test(line)));
    assertTold(events, 'ping-strikes', 'server');
    await end.finish();
  });

  it('handshake-timeout', async () => {
    const end = new ServerEnd();
    const events = heard.to('sluice:limit');
    end.clock.advance(9_900);
    assert.equal(end.transport.connection.limits.reading('handshake-timeout').depth, 9_900);
    end.clock.advance(200);
    await end.settle();
    assertTold(events, 'handshake-timeout', 'server');
    await end.finish();
  });

  it('a gate that closes, as what waits', async () => {
    const end = await ServerEnd.ready(
      {},
      { transport: { minPingIntervalMs: 0, permitPingsWithoutStream: true } },
    );
    const events = heard.to('sluice:limit');
    for (let i = 0; i < 60; i += 1) end.peer.ping(1, i);
    await end.settle();
    assert.deepEqual(events.map(short), [['response-gate', 50, 'frames', 'waited', 'server']]);
    assert.equal(events[0]?.depth, 50);
    await end.finish();
  });
});

it('a connection that ends by one limit counts no other', async () => {
  const end = await ServerEnd.ready();
  const events = heard.to('sluice:limit');
  end.peer.headers(1, request()).data(1, framed('x'));
  for (let i = 0; i < 150; i += 1) end.peer.data(1, '');
  await end.settle();
  assertTold(events, 'empty-data', 'server');
  for (const call of end.calls) call.release();
  await end.finish();
});
