// The event of a wait that lasts, from both ends of a call over real sockets: a second passes on the
// clock of this process, by nobody's waiting for it but the watch itself.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { type StallEvent, subscribe } from '#sluice/transport/diagnostics.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Stalls/Slow';

const running = new Running();
afterEach(() => running.end());

it('a call whose handler takes long is told of once by each end, with its reason', async () => {
  const done = signal();
  const server = running.server().unary(PATH, async (message) => {
    await done.happened;
    return message;
  });
  const channel = await running.channelTo(server);
  const heard: StallEvent[] = [];
  const both = signal();
  const off = subscribe('sluice:stall', (event) => {
    heard.push(event);
    if (heard.length === 2) both.raise();
  });
  const controller = new AbortController();
  const call = failureOf(channel.unary(PATH, Buffer.from('x'), { signal: controller.signal }));
  await both.happened;
  off();
  const client = heard.find(({ side }) => side === 'client');
  const served = heard.find(({ side }) => side === 'server');
  assert.equal(client?.place, channel.target);
  assert.equal(client?.path, PATH);
  assert.equal(client?.reason.kind, 'handler');
  assert.match(client?.text ?? '', /^waited \d{4} ms for the server's handler, /);
  assert.match(served?.place ?? '', /^127\.0\.0\.1:\d+$/);
  assert.equal(served?.reason.kind, 'own-handler');
  controller.abort();
  await call;
  done.raise();
});
