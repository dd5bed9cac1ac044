// The drop-in in processes of its own, under a storm: it runs the program of grpc-js, shows what its
// queues hold, refuses by name, and loses nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Child } from '../../dist/storm/child.js';

const ANY = { client: null, server: null };

async function stormed(runtime: string) {
  const plan = { heapCapMB: null, cores: ANY, program: null };
  const server = new Child({ ...plan, role: 'server' });
  const client = new Child({ ...plan, role: 'client' });
  try {
    const { port = 0 } = await server.ask({ ask: 'serve', runtime }, 10);
    await client.ask({ ask: 'connect', runtime, port, payloadBytes: 16, streams: 0 }, 10);
    // More than a client may hold, before the server has answered the first of them.
    server.stop();
    await client.ask({ ask: 'open-loop', rate: 1e6, seconds: 0.5, timeoutMs: 0 }, 10);
    const loaded = (await client.ask({ ask: 'drain', seconds: 0 }, 10)).sample;
    server.continue();
    const drained = (await client.ask({ ask: 'drain', seconds: 10 }, 15)).sample;
    const { acted } = await client.ask({ ask: 'lap' }, 10);
    return { loaded, drained, acted };
  } finally {
    client.end();
    server.end();
  }
}

test('the drop-in shows what it holds, refuses the rest by name and loses no call', async () => {
  const { loaded, drained, acted } = await stormed('drop-in');
  assert.equal(loaded?.openStreams, 4_096);
  assert.equal(loaded?.waitingCalls, 4_096);
  assert.ok(drained);
  assert.equal(drained.ok, 8_192);
  assert.equal(drained.finished, 8_192);
  assert.equal(drained.offered, drained.refused + drained.finished);
  assert.deepEqual(drained.refusedBy, { 'waiting-calls': drained.refused });
  assert.equal(acted?.['waiting-calls'], drained.refused);
  const { queueItems, queueBytes, socketBytes, openStreams, waitingCalls } = drained;
  assert.deepEqual(
    [queueItems, queueBytes, socketBytes, openStreams, waitingCalls],
    [0, 0, 0, 0, 0],
  );
});
