// A server that lets clients ping as often as they like: minPingIntervalMs 0.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { createServer } from 'sluice';

test('with minPingIntervalMs 0 pings without a pause between them are answered', async () => {
  const server = createServer({ minPingIntervalMs: 0, permitPingsWithoutStream: true });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    await once(session, 'connect');
    for (let i = 0; i < 10; i += 1) {
      await new Promise<void>((resolve, reject) => {
        session.once('error', reject);
        session.ping((error) => (error === null ? resolve() : reject(error)));
      });
    }
    assert.equal(server.stats().limits['ping-strikes']?.acted, 0);
  } finally {
    session.destroy();
    await server.close();
  }
});
