// Each kind of thing that is put for loopy: what it does, whether it writes bytes, whether it counts
// for the gate, and that the accounts come out even.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import type { Connection } from '#sluice/transport/connection.js';
import { pingItem } from '#sluice/transport/control-buffer.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];

/** Items and bytes queued, and replies that count for the gate. */
function queued(connection: Connection): [items: number, bytes: number, responses: number] {
  const { items, bytes, responseFrames } = connection.loopy.buffer;
  return [items, bytes, responseFrames];
}

test('registering a stream on the server queues nothing', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.transport.connection.streams.size, 1);
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  assert.deepEqual(await end.transcript(), []);
  end.call().end();
  await end.finish();
});

test('HEADERS of a client queue with an estimate of their bytes and count for no gate', async () => {
  const end = await ClientEnd.ready();
  const call = end.open('/s/m', ['key', 'value']);
  const [items, bytes, responses] = queued(end.transport.connection);
  assert.equal(items, 1);
  assert.ok(bytes > '/s/mkeyvalue'.length);
  assert.equal(responses, 0);
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m']);
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  call.stream.cancel();
  await end.finish();
});

test('HEADERS, DATA and trailers of a server queue and count for no gate', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request(), { endStream: true });
  await end.settle();
  const call = end.call();
  call.stream.sendHead([]);
  assert.equal(queued(end.transport.connection)[0], 1);
  call.send('abc');
  assert.equal(queued(end.transport.connection)[0], 2);
  call.end();
  assert.equal(queued(end.transport.connection)[2], 0);
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 :status=200',
    'DATA 1 8',
    'HEADERS 1 END_STREAM grpc-status=0',
  ]);
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  await end.finish();
});

test('DATA counts its prefix and payload until they are written, however the window cuts it', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 10 });
  const call = end.open();
  await end.settle();
  call.send(Buffer.alloc(20));
  assert.deepEqual(queued(end.transport.connection), [1, 25, 0]);
  await end.settle();
  assert.deepEqual(queued(end.transport.connection), [1, 15, 0]);
  end.peer.windowUpdate(1, 14);
  await end.settle();
  assert.deepEqual(queued(end.transport.connection), [1, 1, 0]);
  end.peer.windowUpdate(1, 1);
  await end.settle();
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  call.stream.cancel();
  await end.finish();
});

test('DATA for a stream that is gone is dropped', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  const call = end.call();
  end.peer.rstStream(1, ErrorCode.CANCEL);
  await end.settle();
  call.send('nobody hears');
  call.end();
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  assert.deepEqual(await end.transcript(), []);
  await end.finish();
});

test('RST_STREAM for a local cancel counts for no gate, one that a frame of the peer caused does', async () => {
  const local = await ClientEnd.ready();
  const call = local.open();
  await local.settle();
  call.stream.cancel();
  assert.deepEqual(queued(local.transport.connection), [1, 0, 0]);
  assert.deepEqual((await local.transcript()).at(-1), 'RST_STREAM 1 CANCEL');
  await local.finish();

  const caused = await ClientEnd.ready();
  const faulty = caused.open();
  await caused.settle();
  caused.peer.data(1, framed('a'));
  caused.peer.flush();
  await caused.turns.deliver();
  assert.deepEqual(queued(caused.transport.connection), [1, 0, 1]);
  assert.deepEqual((await caused.transcript()).at(-1), 'RST_STREAM 1 PROTOCOL_ERROR');
  assert.equal(faulty.events.length, 1);
  await caused.finish();
});

test('an early abort counts for the gate', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request('/s/m', { 'grpc-timeout': 'soon' }), { endStream: true });
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(queued(end.transport.connection), [1, 0, 1]);
  assert.equal((await end.transcript()).length, 1);
  await end.finish();
});

test('WINDOW_UPDATE of the peer takes effect at once and writes nothing', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  end.peer.windowUpdate(0, 10).windowUpdate(1, 20);
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.transport.connection.loopy.sendQuota, 65_545);
  assert.equal(call.stream.out.bytesOutstanding, -20);
  assert.deepEqual(queued(end.transport.connection), [0, 0, 0]);
  assert.deepEqual(await end.transcript(), []);
  call.stream.cancel();
  await end.finish();
});

test('WINDOW_UPDATE of ours is one frame for each stream, however often it was put', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.open('/s/a'), end.open('/s/b')];
  await end.transcript();
  const { connection } = end.transport;
  for (const call of calls) {
    connection.loopy.putWindowUpdate(call.stream.out, 100);
    connection.loopy.putWindowUpdate(call.stream.out, 11);
  }
  connection.loopy.putConnectionUpdate(1);
  connection.loopy.putConnectionUpdate(2);
  assert.deepEqual(queued(connection), [0, 0, 0]);
  const lines = await end.transcript();
  assert.equal(lines[0], 'WINDOW_UPDATE 0 3');
  assert.deepEqual(lines.slice(1).sort(), ['WINDOW_UPDATE 1 111', 'WINDOW_UPDATE 3 111']);
  for (const call of calls) call.stream.cancel();
  await end.finish();
});

test('credit for a stream that is reset in the same turn is not written', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.open('/s/a'), end.open('/s/b'), end.open('/s/c')];
  await end.transcript();
  const { loopy } = end.transport.connection;
  for (const call of calls) loopy.putWindowUpdate(call.stream.out, 100);
  calls[0]?.stream.cancel();
  assert.deepEqual((await end.transcript()).sort(), [
    'RST_STREAM 1 CANCEL',
    'WINDOW_UPDATE 3 100',
    'WINDOW_UPDATE 5 100',
  ]);
  calls[1]?.stream.cancel();
  calls[2]?.stream.cancel();
  await end.finish();
});

test('SETTINGS of the peer are applied at once and their ACK counts for the gate', async () => {
  const end = await ClientEnd.ready();
  end.peer.settings({ INITIAL_WINDOW_SIZE: 123, MAX_HEADER_LIST_SIZE: 456 });
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.transport.connection.loopy.outgoingInitialWindow, 123);
  assert.equal(end.transport.connection.peerMaxHeaderList, 456);
  assert.deepEqual(queued(end.transport.connection), [1, 0, 1]);
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK']);
  await end.finish();
});

test('a PING ack counts for the gate, a PING of ours does not', async () => {
  const end = await ServerEnd.ready();
  end.peer.ping(0xdeadbeef, 1);
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(queued(end.transport.connection), [1, 0, 1]);
  assert.deepEqual(await end.transcript(), ['PING ACK deadbeef00000001']);
  end.transport.drain('restarting', 60_000);
  assert.deepEqual(queued(end.transport.connection), [2, 0, 0]);
  await end.settle();
  end.peer.pingAck();
  await end.finish();
});

test('fifty replies at the end of a chunk hold the reader, and their writing lets it go on', async () => {
  const end = await ServerEnd.ready({}, { transport: { minPingIntervalMs: 0 } });
  end.peer.headers(1, request());
  for (let i = 0; i < 50; i += 1) end.peer.settings();
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(queued(end.transport.connection), [50, 0, 50]);
  assert.equal((await end.transcript()).length, 50);
  end.peer.data(1, framed('goes on'));
  await end.settle();
  assert.deepEqual(end.call().events, ['message goes on']);
  end.call().end();
  await end.finish();
});

test('the fifty-first frame waits in the reader until replies were written', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  for (let i = 0; i < 50; i += 1) end.peer.settings();
  end.peer.data(1, framed('behind'));
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.transport.connection.reader.gate, 'closed');
  assert.deepEqual(end.call().events, []);
  await end.settle();
  assert.equal(end.transport.connection.reader.gate, 'open');
  assert.deepEqual(end.call().events, ['message behind']);
  end.call().end();
  await end.finish();
});

test('a finished buffer takes nothing, and calls say why', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.settle();
  end.transport.close('over');
  const { buffer } = end.transport.connection.loopy;
  assert.equal(buffer.put(pingItem(0, 0)), false);
  call.send('late');
  call.stream.halfClose();
  assert.equal(buffer.bytes, 0);
  assert.ok(end.open().refused);
  assert.deepEqual(call.events, ['end UNAVAILABLE: over']);
  assert.deepEqual((await end.transcript()).slice(-2), ['GOAWAY 0 NO_ERROR over', 'END']);
  await end.finish();
});

test('a thousand calls leave nothing behind', async () => {
  const end = await ClientEnd.ready({ MAX_CONCURRENT_STREAMS: 5_000 });
  const calls = Array.from({ length: 1_000 }, (_, i) => end.unary(String(i)));
  await end.settle();
  for (const [i, call] of calls.entries()) {
    const id = call.stream.out.id;
    if (i % 3 === 0) call.stream.cancel();
    else if (i % 3 === 1) end.peer.rstStream(id, ErrorCode.REFUSED_STREAM);
    else end.peer.headers(id, HEAD).data(id, framed('r')).headers(id, OK, { endStream: true });
  }
  await end.settle();
  assert.ok(
    calls.every((call, i) => (call.events.at(-1) ?? '').startsWith('end') === (i % 3 !== 0)),
  );
  await end.finish();
});
