// What is written does not keep the event loop either: a turn writes 1 MiB over all connections, and
// each of them at least one full write.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TURN_BYTES, MAX_WRITE } from '#sluice/transport/limits.js';
import { WriteTurn, writeTurnOf } from '#sluice/transport/write-turn.js';
import { request, ServerEnd } from '../support/server-end.js';
import { Turns } from '../support/turns.js';

const MESSAGE = Buffer.alloc(1_000_000);
const WIDE = 0x3fff_ffff;

test('connections that write much share the bytes of a turn; the next one has them all again', () => {
  const turns = new Turns();
  const turn = new WriteTurn(turns.schedule);
  assert.equal(turn.allowed, MAX_TURN_BYTES);
  turn.note(MAX_TURN_BYTES - 3 * MAX_WRITE);
  assert.equal(turn.allowed, 3 * MAX_WRITE);
  turn.note(3 * MAX_WRITE);
  assert.equal(turn.allowed, MAX_WRITE);
  turn.note(MAX_WRITE);
  assert.equal(turn.allowed, MAX_WRITE);
  assert.equal(turns.waiting, 1);
  turns.run();
  assert.equal(turn.allowed, MAX_TURN_BYTES);
});

test('small writes cost no turn of the event loop and count for nothing', () => {
  const turns = new Turns();
  const turn = new WriteTurn(turns.schedule);
  for (let i = 0; i < 1_000; i += 1) turn.note(MAX_WRITE - 1);
  assert.equal(turn.allowed, MAX_TURN_BYTES);
  assert.equal(turns.waiting, 0);
});

test('there is one for each event loop', () => {
  const { schedule } = new Turns();
  assert.equal(writeTurnOf(schedule), writeTurnOf(schedule));
  assert.notEqual(writeTurnOf(schedule), writeTurnOf(new Turns().schedule));
});

test('responses to two clients with wide windows leave the event loop after 1 MiB, and both go on', async () => {
  const first = new ServerEnd();
  const second = new ServerEnd({ transport: { schedule: first.turns.schedule } });
  const ends = [first, second];
  for (const { peer } of ends) {
    peer.preface().settings({ INITIAL_WINDOW_SIZE: WIDE }).settingsAck().windowUpdate(0, WIDE);
    peer.headers(1, request(), { endStream: true }).flush();
  }
  await first.settle();
  const written = (): number[] =>
    ends.map(({ transport }) => transport.connection.loopy.dataWritten);
  for (const { calls } of ends) for (let i = 0; i < 3; i += 1) calls[0]?.send(MESSAGE);
  let before = written();
  for (let turn = 0; turn < 2; turn += 1) {
    first.turns.run();
    const now = written();
    const each = now.map((bytes, i) => bytes - (before[i] ?? 0));
    before = now;
    assert.ok(
      each.every((bytes) => bytes >= MAX_WRITE / 2),
      `${each}`,
    );
    assert.ok((each[0] ?? 0) + (each[1] ?? 0) <= MAX_TURN_BYTES + 4 * MAX_WRITE, `${each}`);
  }
  await first.settle();
  assert.ok(written().every((bytes) => bytes > 3 * MESSAGE.length));
  for (const { calls, transport } of ends) {
    calls[0]?.end();
    transport.close('the test is over');
  }
  await first.settle();
  for (const end of ends) await end.finish();
});
