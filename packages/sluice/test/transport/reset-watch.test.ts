// A peer that was closed for its resets and comes back by a new connection has no new thousand each
// time: while that happens often, new connections of the server begin with a hundred.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { MAX_WARY_CLOSES, WARY_CLOSES, WARY_RESETS } from '#sluice/transport/limits.js';
import { ResetWatch } from '#sluice/transport/reset-watch.js';
import type { MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

function closedOften(times: number, nowMs: number): ResetWatch {
  const resets = new ResetWatch();
  for (let i = 0; i < times; i += 1) resets.noteClosed(nowMs);
  return resets;
}

/** Resets of calls that it has just made, until the connection ends: how many. */
async function resetUntilEnded(end: ServerEnd, reset: (peer: MockPeer, id: number) => void) {
  for (let id = 1; id < 4_000; id += 2) {
    end.peer.headers(id, request());
    reset(end.peer, id);
    await end.settle();
    if (end.closedBy !== undefined) return (id + 1) / 2;
  }
  return Number.POSITIVE_INFINITY;
}

test('nine closes change nothing, ten do, and a second later it is nine again', () => {
  const resets = closedOften(WARY_CLOSES - 1, 5_000);
  assert.equal(resets.allowed(1_000, 5_000), 1_000);
  resets.noteClosed(5_000);
  assert.equal(resets.allowed(1_000, 5_000), WARY_RESETS);
  assert.equal(resets.allowed(50, 5_000), 50);
  assert.equal(resets.allowed(1_000, 6_000), 1_000);
});

test('an attack of any length is forgotten a minute after its end', () => {
  const resets = closedOften(10 * MAX_WARY_CLOSES, 0);
  assert.equal(resets.allowed(1_000, 60_000), WARY_RESETS);
  assert.equal(resets.allowed(1_000, 61_000), 1_000);
});

const RESETS = {
  'premature-resets': (peer: MockPeer, id: number) => peer.rstStream(id, ErrorCode.CANCEL),
  'caused-resets': (peer: MockPeer, id: number) => peer.windowUpdate(id, 0),
} as const;

for (const [limit, reset] of Object.entries(RESETS)) {
  test(`${limit}: who is new meanwhile begins with a hundred, and its end counts as one more`, async () => {
    const resets = closedOften(WARY_CLOSES, 0);
    const end = await ServerEnd.ready({}, { transport: { resets } });
    assert.equal(end.transport.connection.limits.reading('caused-resets').value, WARY_RESETS);
    assert.equal(end.transport.connection.limits.reading('premature-resets').value, WARY_RESETS);
    assert.equal(await resetUntilEnded(end, reset), WARY_RESETS + 1);
    const lines = await end.transcript();
    assert.ok(lines.some((line) => line.includes(`${limit}: more than 100 `)));
    assert.equal(resets.allowed(1_000, 1_000), WARY_RESETS);
    await end.finish();
  });
}

test('a connection that was open before keeps its thousand, and calls that complete earn a new one more', async () => {
  const resets = new ResetWatch();
  const before = await ServerEnd.ready({}, { transport: { resets } });
  for (let i = 0; i < WARY_CLOSES; i += 1) resets.noteClosed(0);
  assert.equal(await resetUntilEnded(before, RESETS['premature-resets']), 1_001);
  await before.finish();

  const end = await ServerEnd.ready({}, { transport: { resets } });
  end.handler = (call) => {
    if (call.id % 4 === 1) call.end();
  };
  for (let id = 1; id < 1_200; id += 4) {
    end.peer.headers(id, request(), { endStream: true }).headers(id + 2, request());
    await end.settle();
    end.peer.rstStream(id + 2, ErrorCode.CANCEL);
  }
  await end.settle();
  assert.equal(end.closedBy, undefined);
  for (const call of end.calls) call.end();
  await end.settle();
  await end.finish();
});

test('an end for another reason counts for nothing', async () => {
  const resets = closedOften(WARY_CLOSES - 1, 0);
  const end = await ServerEnd.ready({}, { transport: { resets } });
  end.peer.headers(2, request());
  await end.settle();
  assert.ok(end.closedBy !== undefined);
  assert.equal(resets.allowed(1_000, 0), 1_000);
  await end.finish();
});
