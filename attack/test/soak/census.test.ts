// What is left over at the end of a soak: what is open beyond the start, and nothing else.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { leftovers, settledLeftovers, takeCensus } from '../../dist/soak/census.js';

test('a socket and a timer that are kept are left over, until they are closed', async () => {
  const start = takeCensus(undefined);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const timer = setInterval(() => {}, 60_000);
  const left = leftovers(start, takeCensus(undefined));
  assert.equal(left.handles, 1);
  assert.equal(left.timers, 1);
  assert.ok(left.names.includes('1 TCPServerWrap'), left.names.join(', '));
  clearInterval(timer);
  server.close();
  const settled = await settledLeftovers(start, undefined, 5_000);
  assert.deepEqual(settled, { handles: 0, timers: 0, names: [] });
});

test('what the timer wheel holds is a timer that is left over', () => {
  const start = takeCensus({ size: 0 });
  const left = leftovers(start, takeCensus({ size: 2 }));
  assert.deepEqual(left, { handles: 0, timers: 2, names: ['2 in the timer wheel'] });
});

test('a census without descriptors counts resources alone', () => {
  const start = { descriptors: null, resources: { PipeWrap: 1 }, wheelTimers: 0 };
  const end = { descriptors: null, resources: { PipeWrap: 1, TCPSocketWrap: 2 }, wheelTimers: 0 };
  assert.equal(leftovers(start, end).handles, 2);
});
