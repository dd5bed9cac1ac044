// Messages that were asked for and are still coming in: together they hold no more than the limit,
// one message, and what windows let in; the oldest always goes on, the others wait, not for ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import { PARTIAL_WAIT_MS } from '#sluice/transport/limits.js';
import { openCall } from '../support/client-call.js';
import { framed } from '../support/mock-peer.js';
import { openPair } from '../support/served-pair.js';
import { request, ServerEnd } from '../support/server-end.js';

const MIB = 1024 * 1024;
const MESSAGE = 600_000;
const CALLS = 40;

test('large messages at once hold no more than the limit, one, and the windows, and all arrive', async () => {
  const { pair, served: streams } = await openPair({ serverLimits: { exposureBytes: 2 * MIB } });
  const { partials } = pair.server.connection.credit;
  const calls = Array.from({ length: CALLS }, () => openCall(pair.client));
  await pair.settle();
  assert.equal(streams.length, CALLS);
  for (const stream of streams) stream.request(1);
  let most = 0;
  const look = partials.update.bind(partials);
  partials.update = (stream) => {
    look(stream);
    most = Math.max(most, partials.bytes);
  };
  for (const call of calls) call.stream.send(Buffer.alloc(MESSAGE), true);
  await pair.settle();
  for (const stream of streams) assert.equal(stream.remoteEnded, true, 'a message never came');
  assert.ok(most > 2 * MIB, 'no message ever had to wait');
  // Fragments are packed into chunks of at most twice their bytes.
  assert.ok(most <= 2 * MIB + MESSAGE + 2 * CALLS * 65_535, `${most} bytes at once`);
  assert.equal(partials.bytes, 0);
  pair.assertAccounts();
  for (const stream of streams) stream.end(Status.OK, '', []);
  await pair.settle();
  await pair.close();
});

test('a message that waits too long for older ones ends its call, which says so', async () => {
  const end = await ServerEnd.ready({}, { limits: { exposureBytes: 131_070 } });
  // Two messages that never come whole: the first may hold what it likes, the second has to wait.
  const part = framed('x'.repeat(300_000)).subarray(0, 65_535);
  for (const id of [1, 3]) {
    end.peer.headers(id, request());
    await end.settle();
    for (let at = 0; at < part.length; at += 16_384) {
      end.peer.data(id, part.subarray(at, at + 16_384));
    }
    await end.settle();
  }
  const updates = end.peer.take().filter((line) => line.startsWith('WINDOW_UPDATE'));
  assert.ok(
    updates.some((line) => line.startsWith('WINDOW_UPDATE 1 ')),
    'the oldest goes on',
  );
  assert.ok(
    !updates.some((line) => line.startsWith('WINDOW_UPDATE 3 ')),
    'the other gets no credit',
  );
  end.clock.advance(PARTIAL_WAIT_MS + 100);
  const lines = await end.transcript();
  assert.match(lines.join('\n'), /HEADERS 3 END_STREAM .*grpc-status=8 /);
  assert.equal(
    end.call(1).events.at(-1),
    'cancel: refused by the partial-wait limit: 131070 bytes are taken by older messages, this one waited 30000 ms; send fewer large messages at once or raise limits.exposureBytes on the server',
  );
  assert.equal(end.transport.connection.limits.acted.of('partial-wait'), 1);
  assert.deepEqual(end.call(0).events, []);
  end.peer.rstStream(1, 8);
  await end.settle();
  assert.equal(end.transport.connection.credit.partials.bytes, 0);
  await end.finish();
});
