// The account invariants of flow control and of the queues, over random traffic between a real
// client transport and a real server transport (RFC 9113 §5.2, §6.9).
// SLUICE_MODEL_RUNS sets the number of runs, SLUICE_MODEL_SEED the first seed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Traffic } from './traffic.js';

const RUNS = Number(process.env.SLUICE_MODEL_RUNS || 300);
const FIRST_SEED = Number(process.env.SLUICE_MODEL_SEED || 1);
const STEPS = 400;

const STATES = [
  'bytes read and not given back',
  'connection bytes not given back',
  'grown estimate',
  'half-closed stream',
  'negative quota',
  'smaller initial window',
  'unread bytes',
  'waiting on stream quota',
  'window grown by the estimate',
  'window grown for a message',
];

test(`over ${RUNS} random runs every account agrees with a recount and with the peer's`, async () => {
  const seen = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const traffic = new Traffic(seed, seen);
    try {
      await traffic.run(STEPS);
      await traffic.finish();
    } catch (error) {
      assert.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  // A model that never gets there proves nothing.
  if (RUNS >= 100) assert.deepEqual([...seen].sort(), STATES);
});

test(`a connection that breaks at any moment leaves nothing behind, over ${RUNS} random runs`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const traffic = new Traffic(seed, new Set());
    try {
      await traffic.breakAfter(seed % STEPS);
    } catch (error) {
      assert.fail(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
});
