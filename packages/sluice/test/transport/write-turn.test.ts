// What is written does not keep the event loop either: a turn writes 1 MiB over all connections, and
// each of them at least one full write.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TURN_BYTES, MAX_WRITE } from '#sluice/transport/limits.js';
import { WriteTurn, writeTurnOf } from '#sluice/transport/write-turn.js';
import { Turns } from '../support/turns.js';

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
