// Iterables of messages whose call ends while the stream has no room for more.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { Status } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Iterables/Method';
const X = Buffer.from('x');
// More than a stream's window and its write quota together.
const LARGE = Buffer.alloc(500_000);

const running = new Running();

afterEach(() => running.end());

/** Yields one message, and would then wait for ever. */
async function* oneThenNever(asked: () => void, ended: () => void): AsyncGenerator<Uint8Array> {
  try {
    asked();
    yield LARGE;
    await new Promise<never>(() => {});
  } finally {
    ended();
  }
}

it('responses: the generator is ended at once, and not asked for one more', async () => {
  const asked = signal();
  const ended = signal();
  const server = running.server();
  server.serverStreaming(PATH, () => oneThenNever(asked.raise, ended.raise));
  const channel = await running.channelTo(server);
  const controller = new AbortController();
  const responses = channel.serverStreaming(PATH, X, { signal: controller.signal });
  await asked.happened;
  controller.abort();
  await ended.happened;
  assert.equal((await failureOf(responses.next())).code, Status.CANCELLED);
});

it('requests: the generator is ended at once, and not asked for one more', async () => {
  const asked = signal();
  const ended = signal();
  const begun = signal();
  const server = running.server().clientStreaming(PATH, async () => {
    await begun.happened;
    return X;
  });
  const channel = await running.channelTo(server);
  const answer = channel.clientStreaming(PATH, oneThenNever(asked.raise, ended.raise));
  await asked.happened;
  begun.raise();
  await answer;
  await ended.happened;
});
