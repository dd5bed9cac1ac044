// Windows grow for streams that are read: what nobody takes is bounded by the first window, however
// much the estimate of the connection has grown by other streams.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCall, type RecordedCall } from '../support/client-call.js';
import { openPair } from '../support/served-pair.js';

const FIRST_WINDOW = 65_535;

type ServedPair = Awaited<ReturnType<typeof openPair>>;

/** The client reads `count` messages of `size` bytes. */
async function download(
  { pair, served }: ServedPair,
  call: RecordedCall,
  count: number,
  size: number,
): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const before = call.messages.length;
    call.stream.request(1);
    served[0]?.send(Buffer.alloc(size));
    for (let round = 0; call.messages.length === before; round += 1) {
      assert.ok(round < 1_000);
      pair.clock.advance(1);
      await pair.settle();
    }
  }
}

test('a stream that nobody reads keeps its first window, whatever the estimate', async () => {
  const all = await openPair({});
  const { pair, served } = all;
  const [busy, unread] = [openCall(pair.client), openCall(pair.client)];
  await pair.settle();
  await download(all, busy, 10, 500_000);
  const { bdp } = pair.client.connection.credit;
  assert.ok(bdp.bdpBytes > 4 * FIRST_WINDOW, `${bdp.bdpBytes} is the estimate`);
  assert.ok(busy.stream.inFlow.limit > FIRST_WINDOW, 'a stream that is read grows');
  for (let i = 0; i < 100; i += 1) served[1]?.send(Buffer.alloc(16_384));
  for (let i = 0; i < 50; i += 1) {
    pair.clock.advance(10);
    await pair.settle();
  }
  assert.equal(unread.stream.inFlow.limit, FIRST_WINDOW);
  assert.ok(unread.stream.messages.unreadBytes <= FIRST_WINDOW);
  pair.assertAccounts();
  await pair.close();
});

test('a reader that stops is given no larger window than it has', async () => {
  const all = await openPair({});
  const { pair, served } = all;
  const call = openCall(pair.client);
  await pair.settle();
  await download(all, call, 10, 500_000);
  const { limit } = call.stream.inFlow;
  for (let i = 0; i < 1_000; i += 1) served[0]?.send(Buffer.alloc(16_384));
  for (let i = 0; i < 50; i += 1) {
    pair.clock.advance(10);
    await pair.settle();
  }
  assert.equal(call.stream.inFlow.limit, limit);
  assert.ok(call.stream.messages.unreadBytes <= limit);
  pair.assertAccounts();
  await pair.close();
});
