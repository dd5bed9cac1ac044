// The connection's receive window against a model of the peer that sends into it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransportInFlow } from '#sluice/transport/transport-in-flow.js';
import { mulberry32 } from '../support/random.js';

test('bytes are given back at a quarter of the window, whoever reads them', () => {
  const flow = new TransportInFlow();
  assert.equal(flow.limit, 65_535);
  assert.equal(flow.onData(16_383), 0);
  assert.equal(flow.onData(1), 16_384);
  assert.equal(flow.unacked, 0);
});

test('more than the window is a violation, exactly the window is not', () => {
  const flow = new TransportInFlow();
  flow.onData(10_000);
  assert.equal(flow.onData(55_536), -1);
  assert.equal(flow.onData(55_535), 65_535);
});

test('a raised window is announced by the difference, and it never falls', () => {
  const flow = new TransportInFlow();
  assert.equal(flow.setLimit(100_000), 34_465);
  assert.equal(flow.setLimit(65_535), 0);
  assert.equal(flow.limit, 100_000);
  assert.equal(flow.setLimit(2 ** 40), 2 ** 31 - 1 - 100_000);
  assert.equal(flow.limit, 2 ** 31 - 1);
});

test('credit is conserved: limit = unacked + the quota of the peer', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = mulberry32(seed);
    const flow = new TransportInFlow();
    let sendQuota = 65_535;
    for (let step = 0; step < 500; step++) {
      const action = random();
      if (action < 0.9) {
        const n = Math.min(sendQuota, Math.floor(random() * 30_000));
        const update = flow.onData(n);
        assert.ok(update >= 0, 'refused what it had granted');
        sendQuota += update - n;
      } else {
        sendQuota += flow.setLimit(Math.floor(random() * 2 ** 31));
      }
      assert.equal(flow.unacked + sendQuota, flow.limit);
      assert.ok(sendQuota > 0, 'stuck');
      assert.ok(sendQuota <= 2 ** 31 - 1);
    }
    assert.equal(flow.onData(sendQuota + 1), -1);
  }
});
