// What granted credit counts for: streams that may still send by their window, ended ones by what is
// unread; and credit that is kept back while more is granted than the limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionStats } from '#sluice/transport/connection-stats.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const MIB = 1024 * 1024;

function exposureOf(end: ServerEnd): number {
  return end.transport.connection.credit.inbound.exposure;
}

test('requests that have ended leave room for others, however long their handlers run', async () => {
  const end = await ServerEnd.ready({}, { limits: { exposureBytes: MIB } });
  for (let id = 1; id < 400; id += 2) {
    end.peer.headers(id, request());
    end.peer.data(id, framed('question'), { endStream: true });
    await end.settle();
  }
  assert.equal(end.calls.length, 200);
  assert.equal(end.transport.connection.limits.acted.of('exposure-bytes'), 0);
  assert.equal(exposureOf(end), 0);
  for (const call of end.calls) call.end();
  await end.finish();
});

test('what an ended stream holds unread counts until it is read', async () => {
  const end = await ServerEnd.ready({}, { limits: { exposureBytes: MIB } });
  end.handler = () => {};
  end.peer.headers(1, request());
  end.peer.data(1, framed('x'.repeat(1_000)), { endStream: true });
  await end.settle();
  assert.equal(exposureOf(end), 1_005);
  end.call().stream.request(1);
  assert.equal(exposureOf(end), 0);
  end.call().end();
  await end.finish();
});

test('credit is kept back while more is granted than may be, and given back after', async () => {
  const end = new ServerEnd({
    limits: { exposureBytes: 4 * MIB },
    transport: { initialStreamWindow: MIB, initialConnectionWindow: 8 * MIB },
  });
  end.handler = () => {};
  end.peer.preface().settings().settingsAck();
  // Smaller initial windows are announced at once; this client is slow to acknowledge them.
  for (let id = 1; id < 17; id += 2) end.peer.headers(id, request());
  await end.settle();
  assert.equal(exposureOf(end), 8 * MIB);
  const bytes = Buffer.concat(Array.from({ length: 3 }, () => framed('x'.repeat(200_000))));
  for (let at = 0; at < bytes.length; at += 16_384) {
    end.peer.data(1, bytes.subarray(at, at + 16_384));
  }
  await end.settle();
  end.peer.take();
  end.call().stream.request(1);
  end.call().stream.request(1);
  assert.deepEqual(await end.transcript(), [], 'no WINDOW_UPDATE');
  const { connection } = end.transport;
  const identity = { id: 1, names: { peer: '', local: '' }, state: '', sinceMs: 0 };
  assert.equal(connectionStats(connection, identity).withheldBytes, 400_010);
  assert.equal(exposureOf(end), 8 * MIB - 400_010);
  // The acknowledgements make the windows small; then there is room for what was kept back.
  for (let i = 0; i < 4; i += 1) end.peer.settingsAck();
  await end.settle();
  assert.ok(exposureOf(end) <= 4 * MIB);
  assert.match(end.peer.take().join('\n'), /WINDOW_UPDATE 1 400010/);
  assert.equal(connectionStats(connection, identity).withheldBytes, 0);
  for (const call of end.calls) call.end();
  await end.finish();
});

test('a response that the server has ended frees its slot before it is read', async () => {
  const end = await ClientEnd.ready({ MAX_CONCURRENT_STREAMS: 1 });
  const first = end.open('/s/m', [], 0);
  first.stream.halfClose();
  await end.settle();
  assert.equal(end.transport.admission.refuses(0), 'peer-streams');
  end.peer.headers(1, [':status', '200', 'content-type', 'application/grpc']);
  end.peer.data(1, framed('answer'));
  end.peer.headers(1, ['grpc-status', '0'], { endStream: true });
  await end.settle();
  assert.equal(end.transport.admission.refuses(0), undefined);
  assert.deepEqual(
    first.events.filter((event) => event.startsWith('message')),
    [],
  );
  first.stream.request(2);
  await end.settle();
  assert.equal(first.events.at(-1), 'end OK');
  await end.finish();
});
