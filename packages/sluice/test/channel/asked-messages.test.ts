// What a caller asks for is what it gets, wherever it asks from.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');
const running = new Running();

afterEach(() => running.end());

it('a message asked for as a waiting call may write again is asked for once', async () => {
  const server = running.server();
  server.bidiStreaming(PATH, () => [X, X, X, X]);
  const channel = await running.channelTo(server);
  const second = signal();
  const ended = signal();
  let received = 0;
  // Nothing is connected yet: the call waits, and `send` says false.
  const call = channel.call(
    PATH,
    {},
    {
      onHeader() {},
      onMessage() {
        received += 1;
        if (received === 2) second.raise();
      },
      onWritable() {
        call.request(1);
      },
      onEnd() {
        ended.raise();
      },
    },
  );
  call.request(1);
  assert.equal(call.send(X), false);
  await second.happened;
  // Its answer comes behind all that was sent before it.
  await channel.unary('/test.Calls/Unknown', X).catch(() => {});
  assert.equal(received, 2);
  call.cancel();
  await ended.happened;
});
