// The figures of a connection tell how things stand now, not how they once stood.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionStats } from '#sluice/transport/connection-stats.js';
import { ClientEnd } from '../support/client-end.js';

test('oldestItemMs is the age of what waits now, on a stream that is never empty too', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 10 });
  const identity = { id: 1, names: { peer: '', local: '' }, state: 'ready', sinceMs: 0 };
  const oldest = (): number => connectionStats(end.transport.connection, identity).oldestItemMs;
  assert.equal(oldest(), 0);
  const call = end.open();
  call.send(Buffer.alloc(15));
  await end.settle();
  end.clock.advance(100);
  call.send(Buffer.alloc(15));
  await end.settle();
  end.clock.advance(50);
  assert.equal(oldest(), 150);
  // The first message and a piece of the second go.
  end.peer.windowUpdate(1, 15);
  await end.settle();
  assert.equal(oldest(), 50);
  end.peer.windowUpdate(1, 100);
  await end.settle();
  assert.equal(oldest(), 0);
  call.stream.cancel();
  await end.finish();
});
