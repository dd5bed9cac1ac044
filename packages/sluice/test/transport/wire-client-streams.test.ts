// A client's stream from its HEADERS to its end: ids, states, cancellation before and after the
// first byte, and the peer's stream limit (RFC 9113 §5.1).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutState } from '#sluice/transport/out-stream.js';
import { ClientEnd, TestCall } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];

test('ids are assigned as HEADERS are written: a call cancelled before costs the wire nothing', async () => {
  const end = await ClientEnd.ready();
  const first = end.open('/s/first');
  const cancelled = end.open('/s/cancelled');
  cancelled.send('never sent');
  const last = end.open('/s/last');
  assert.equal(first.stream.out.state, OutState.queued);
  assert.equal(first.stream.out.id, 0);
  assert.equal(end.transport.admission.openCalls, 3);
  cancelled.stream.cancel();
  assert.equal(cancelled.stream.out.state, OutState.gone);
  assert.equal(end.transport.admission.openCalls, 2);
  assert.equal(end.transport.connection.loopy.buffer.items, 2);
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/first', 'HEADERS 3 :path=/s/last']);
  assert.deepEqual(cancelled.events, []);
  assert.equal(last.stream.out.id, 3);
  first.stream.cancel();
  last.stream.cancel();
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL', 'RST_STREAM 3 CANCEL']);
  await end.finish();
});

test('request headers are those of gRPC: pseudo-fields, timeout, the rest, then the metadata', async () => {
  const end = await ClientEnd.ready();
  const call = new TestCall();
  call.started(end.transport.newStream(call, '/s/m', ['k', 'v'], 1_500));
  await end.settle();
  assert.deepEqual(end.peer.fieldsOf(1), [
    [
      ...[':method', 'POST', ':scheme', 'http', ':path', '/s/m', ':authority', 'test:1'],
      ...['grpc-timeout', '1500m', 'te', 'trailers', 'content-type', 'application/grpc'],
      ...['user-agent', 'test', 'grpc-accept-encoding', 'identity,deflate,gzip', 'k', 'v'],
    ],
  ]);
  call.stream.cancel();
  await end.finish();
});

test('what is sent after the end of a request is dropped, a second end too', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  call.stream.halfClose();
  call.stream.halfClose();
  call.send('late');
  assert.equal(end.transport.connection.loopy.buffer.bytes, call.stream.out.headBytes);
  assert.deepEqual(await end.transcript(), ['DATA 1 0 END_STREAM']);
  call.send('later', true);
  assert.deepEqual(await end.transcript(), []);
  assert.equal(end.transport.connection.loopy.buffer.items, 0);
  call.stream.cancel();
  await end.finish();
});

test('a cancel after both sides have ended costs the wire nothing', async () => {
  const end = await ClientEnd.ready();
  const call = end.open('/s/m', [], 0);
  call.send('hi', true);
  await end.transcript();
  end.peer.headers(1, HEAD).data(1, framed('unread')).headers(1, OK, { endStream: true });
  await end.settle();
  assert.deepEqual(call.events, ['head']);
  assert.equal(end.transport.admission.openCalls, 1);
  call.stream.cancel();
  assert.deepEqual(await end.transcript(), []);
  assert.deepEqual(call.events, ['head']);
  await end.finish();
});

test('a response that ends before the request resets what is left of it, and is read on', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 5 });
  const call = end.open('/s/m', [], 0);
  call.send('queued');
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m', 'DATA 1 5']);
  end.peer.headers(1, HEAD).data(1, framed('a')).headers(1, OK, { endStream: true });
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 NO_ERROR']);
  assert.equal(end.transport.connection.loopy.buffer.bytes, 0);
  assert.deepEqual(call.events, ['head']);
  call.stream.request(1);
  assert.deepEqual(call.events, ['head', 'message a', 'end OK']);
  assert.deepEqual(await end.transcript(), []);
  await end.finish();
});

test('a call cancelled inside its own message writes one RST_STREAM and leaves no credit', async () => {
  const end = await ClientEnd.ready({}, { transport: { staticWindows: false } });
  const call = end.open();
  await end.transcript();
  call.onEvent = (event) => {
    if (event.startsWith('message')) call.stream.cancel();
  };
  end.peer
    .headers(1, HEAD)
    .data(1, framed(Buffer.alloc(10_000)), { endStream: true, padding: 255 });
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL']);
  assert.deepEqual(call.events, ['head', 'message 10000']);
  await end.finish();
});

test('a peer that lets more streams run admits more, one that lets fewer run admits none', async () => {
  const end = await ClientEnd.ready({ MAX_CONCURRENT_STREAMS: 1 });
  const first = end.unary();
  assert.equal(end.transport.admission.refuses(10), 'peer-streams');
  assert.ok(end.open().refused);
  end.transport.notifyCapacity();
  end.peer.settings({ MAX_CONCURRENT_STREAMS: 3 });
  await end.settle();
  assert.deepEqual(end.events, ['ready', 'capacity']);
  const second = end.unary();
  const third = end.unary();
  assert.ok(end.open().refused);
  await end.settle();
  end.peer.settings({ MAX_CONCURRENT_STREAMS: 1 });
  await end.settle();
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.ok(end.open().refused);
  end.peer.headers(3, [...HEAD, ...OK], { endStream: true });
  end.peer.headers(5, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  const fourth = end.unary();
  await end.settle();
  end.peer.headers(7, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  for (const call of [first, second, third, fourth]) assert.deepEqual(call.events, ['end OK']);
  await end.finish();
});

test('no HEADERS pass a stream limit that fell while they were queued: the call is unprocessed', async () => {
  const end = await ClientEnd.ready({ MAX_CONCURRENT_STREAMS: 10 });
  const first = end.open('/s/first');
  await end.transcript();
  const queued = end.open('/s/queued');
  end.peer.settings({ MAX_CONCURRENT_STREAMS: 1 });
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK']);
  assert.deepEqual(queued.events, ['end UNAVAILABLE unprocessed: the server allows 1 streams now']);
  assert.equal(end.transport.admission.openCalls, 1);
  first.stream.cancel();
  await end.finish();
});

test('a limit of no streams at all admits nothing until it rises', async () => {
  const end = await ClientEnd.ready({ MAX_CONCURRENT_STREAMS: 0 });
  assert.ok(end.open().refused);
  end.transport.notifyCapacity();
  end.peer.settings({ MAX_CONCURRENT_STREAMS: 1 });
  await end.settle();
  const call = end.unary();
  assert.deepEqual(await end.transcript(), [
    'SETTINGS ACK',
    'HEADERS 1 :path=/s/m',
    'DATA 1 7 END_STREAM',
  ]);
  call.stream.cancel();
  await end.finish();
});

test('past three quarters of the ids the connection takes no more calls and ends with the last', async () => {
  const end = await ClientEnd.ready();
  Reflect.set(end.transport, 'nextId', 1_610_612_733);
  const calls = [end.unary('a'), end.unary('b'), end.unary('c')];
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1610612733 :path=/s/m',
    'DATA 1610612733 6 END_STREAM',
    'HEADERS 1610612735 :path=/s/m',
    'DATA 1610612735 6 END_STREAM',
  ]);
  const reason = 'the connection has used most of its stream ids';
  assert.deepEqual(end.events, ['ready', `draining: ${reason}`]);
  assert.ok(end.open().refused);
  for (const id of [1_610_612_735, 1_610_612_733]) {
    end.peer.headers(id, [...HEAD, ...OK], { endStream: true });
  }
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${reason}`, 'END']);
  assert.deepEqual(
    calls.map((call) => call.events),
    [['end OK'], ['end OK'], [`end UNAVAILABLE unprocessed: ${reason}`]],
  );
  await end.finish();
});

test('the last id there is can be used, and none after it', async () => {
  const end = await ClientEnd.ready();
  Reflect.set(end.transport, 'nextId', 2_147_483_647);
  const calls = [end.open('/s/a'), end.open('/s/b')];
  assert.deepEqual(await end.transcript(), ['HEADERS 2147483647 :path=/s/a']);
  assert.match(calls[1]?.events.join() ?? '', /^end UNAVAILABLE unprocessed/);
  end.peer.headers(2_147_483_647, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.deepEqual(calls[0]?.events, ['end OK']);
  await end.finish();
});

test('metadata larger than a frame goes on in CONTINUATION, with nothing between', async () => {
  const end = await ClientEnd.ready();
  const value = 'v'.repeat(40_000);
  const running = end.open('/s/running');
  await end.transcript();
  running.send(Buffer.alloc(20_000));
  const call = end.open('/s/m', ['large', value]);
  const lines = await end.transcript();
  assert.equal(end.peer.field(3, 'large'), value);
  const at = lines.findIndex((line) => line.startsWith('HEADERS 3'));
  assert.match(lines[at] ?? '', /\.\.\.$/);
  assert.match(lines[at + 1] ?? '', /^CONTINUATION 3/);
  assert.ok(lines.indexOf('DATA 1 16384') < at || lines.indexOf('DATA 1 16384') > at + 1);
  running.stream.cancel();
  call.stream.cancel();
  await end.finish();
});
