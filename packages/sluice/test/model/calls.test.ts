// Whole conversations between real channels and servers, on a simulated platform: whatever callers,
// handlers, interceptors, codecs, balancers, networks and peers do, each call gets exactly one status,
// nothing is thrown outside, and nothing is left.
// SLUICE_MODEL_RUNS sets the number of runs, SLUICE_MODEL_SEED the first seed.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Conversation } from './conversation.js';

// With the 600 of accounts.test.ts there are 2,000.
const RUNS = Number(process.env.SLUICE_MODEL_RUNS || 1_400);
const FIRST_SEED = Number(process.env.SLUICE_MODEL_SEED || 1);

/** Outcomes of calls and texts of statuses that a thousand runs come upon. */
const REACHED = [
  'an error of its own',
  'call credentials failed: thrown',
  'cannot compress a message (model): the encoding of the model fails',
  'cannot decompress a message (model): the encoding of the model fails',
  'dropped',
  'frame larger than MAX_FRAME_SIZE',
  'OK',
  'misuse',
  'shed',
  'the channel was closed',
  'the client sent more than one request message',
  'the deadline had passed before the call',
  'the handler failed',
  'the picker gave something that is no PickResult',
  'the picker threw: thrown',
  'the server sent more than one response message',
  'the server sent status OK without a message',
  'the signal was aborted',
  'the signal was aborted; an interceptor was still at work',
];

/** The same, of texts that begin so. */
const REACHED_STARTS = [
  'a request message of n bytes exceeds',
  'a response message of n bytes exceeds',
  'cannot connect to',
  'cannot decode the request of',
  'cannot decode the response of',
  'cannot encode the request of',
  'deadline of n ms exceeded; waited n ms for a connection to',
  'deadline of n ms exceeded; waited n ms for its next attempt',
  'keepalive: the peer sent nothing',
  'no HTTP/n SETTINGS from',
  'no connection to',
  'received a message of n bytes, above the limit',
  'refused by the open-calls limit',
  'refused by the peer-streams limit',
  'refused by the queued-bytes limit',
  'refused by the total-handlers limit',
  'refused by the waiting-bytes limit',
  'refused by the waiting-calls limit',
  'request headers of about n bytes exceed',
  'socket error: read ECONNRESET',
  'the HTTP/n handshake with',
  'the parent call was cancelled',
  'the peer closed the connection after it sent GOAWAY',
  'the peer reset the stream',
  'unknown method',
];

/** Errors that reached the process. */
const thrown: unknown[] = [];
const onThrown = (error: unknown): void => {
  thrown.push(error);
};
const EVENTS = ['uncaughtException', 'unhandledRejection', 'warning'];
for (const event of EVENTS) process.on(event, onThrown);
after(() => {
  for (const event of EVENTS) process.off(event, onThrown);
});

function textOf(error: unknown): string {
  return error instanceof Error ? String(error.stack) : String(error);
}

async function check(conversation: Conversation): Promise<void> {
  const { seed, log } = conversation;
  const faults: string[] = [];
  try {
    await conversation.run();
  } catch (error) {
    faults.push(textOf(error));
  }
  for (const error of thrown.splice(0)) faults.push(`it reached the process: ${textOf(error)}`);
  if (faults.length === 0) return;
  const replay = `SLUICE_MODEL_SEED=${seed} SLUICE_MODEL_RUNS=1`;
  const story = RUNS === 1 ? log.join('\n') : '';
  assert.fail(`seed ${seed}, with its story: ${replay}\n${faults.join('\n')}\n${story}`);
}

test(`over ${RUNS} random conversations each call has one status and nothing is left`, async (t) => {
  const outcomes = new Map<string, number>();
  const details = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed += 1) {
    const conversation = new Conversation(seed);
    await check(conversation);
    for (const { outcome } of conversation.calls) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    for (const text of conversation.details) details.add(text);
  }
  const figures = [...outcomes].sort(([, a], [, b]) => b - a);
  t.diagnostic(figures.map(([name, times]) => `${name} ${times}`).join(', '));
  // A model that never gets there proves nothing.
  if (RUNS < 1_000) return;
  const missed = REACHED.filter((text) => !details.has(text) && !outcomes.has(text));
  for (const start of REACHED_STARTS) {
    if (![...details].some((text) => text.startsWith(start))) missed.push(start);
  }
  assert.deepEqual(missed, []);
});

test('a run repeats by its seed', async () => {
  for (const seed of [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]) {
    const first = new Conversation(seed);
    await check(first);
    const second = new Conversation(seed);
    await check(second);
    assert.deepEqual(second.log, first.log);
  }
});
