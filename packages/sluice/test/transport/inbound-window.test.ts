// What a connection grants its peer, as arithmetic: windows of busy streams and the room they leave.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InboundWindow } from '#sluice/transport/inbound-window.js';
import { MAX_BDP_WINDOW, WINDOW_FLOOR } from '#sluice/transport/limits.js';

const MIB = 1024 * 1024;
const LIMIT = 64 * MIB;

/** Streams that stay open and are busy for long: each asks for all that BDP may give it. */
function busyStreams(limit: number, streams: number): InboundWindow {
  const inbound = new InboundWindow(limit, 65_535);
  inbound.settle();
  inbound.open = streams;
  inbound.admitted = streams;
  for (let round = 0; round < 100; round += 1) {
    for (let i = 0; i < streams; i += 1) inbound.extra += inbound.growth(65_535, MAX_BDP_WINDOW);
  }
  return inbound;
}

describe('windows of busy streams', () => {
  it('leave room for a thousand streams more, however long they grow', () => {
    const inbound = busyStreams(LIMIT, 100);
    assert.ok(inbound.exposure > LIMIT / 2, 'they do grow');
    const room = LIMIT - inbound.exposure;
    assert.ok(room >= 1_000 * WINDOW_FLOOR, `${room} bytes are left`);
    for (let more = 0; more < 1_000; more += 1) {
      assert.equal(inbound.admits, true);
      inbound.open += 1;
      inbound.admitted += 1;
      // As SETTINGS make them while streams multiply.
      inbound.enforced = WINDOW_FLOOR;
    }
  });

  it('grow to what BDP says where there is no limit', () => {
    const inbound = new InboundWindow(Number.POSITIVE_INFINITY, 65_535);
    assert.equal(inbound.growth(65_535, MAX_BDP_WINDOW), MAX_BDP_WINDOW - 65_535);
  });
});

describe('the first window', () => {
  it('is what was asked for, where one stream leaves half of the limit to others', () => {
    assert.equal(new InboundWindow(LIMIT, MIB).announced, MIB);
    assert.equal(new InboundWindow(2 * MIB, MIB).announced, MIB);
    assert.equal(new InboundWindow(Number.POSITIVE_INFINITY, 2 ** 31 - 1).announced, 2 ** 31 - 1);
  });

  it('is a half of it, or less, where a stream that nobody reads could pass the limit', () => {
    const inbound = new InboundWindow(200_000, 1_000_000);
    assert.equal(inbound.announced, 62_500);
    inbound.open = 1;
    assert.equal(inbound.adjust(0), 0, 'nothing to take back from the first stream');
    assert.equal(new InboundWindow(WINDOW_FLOOR, MIB).announced, WINDOW_FLOOR);
  });
});
