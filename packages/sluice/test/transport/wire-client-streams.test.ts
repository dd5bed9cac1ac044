// A client's stream from its HEADERS to its end: ids, windows and quotas, cancellation before and
// after the first byte (transport.md "Control buffer", "Loopy writer"; RFC 9113 §5.1, §6.9).

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
      ...['user-agent', 'test', 'k', 'v'],
    ],
  ]);
  call.stream.cancel();
  await end.finish();
});

test('a stream passes through queued, empty, active, waiting for its quota, and is gone', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 10 });
  const call = end.open();
  const { out } = call.stream;
  const { loopy } = end.transport.connection;
  assert.equal(out.state, OutState.queued);
  await end.settle();
  assert.equal(out.state, OutState.empty);
  call.send('123456789', true);
  assert.equal(out.state, OutState.active);
  assert.equal(loopy.active.size, 1);
  await end.settle();
  assert.equal(out.state, OutState.waitingOnStreamQuota);
  assert.equal(loopy.waiting.size, 1);
  assert.equal(out.queuedBytes, 4);
  end.peer.windowUpdate(1, 1);
  await end.settle();
  assert.equal(out.state, OutState.waitingOnStreamQuota);
  end.peer.windowUpdate(1, 100);
  await end.settle();
  assert.equal(out.state, OutState.empty);
  assert.ok(out.endWritten);
  assert.equal(loopy.active.size + loopy.waiting.size, 0);
  assert.deepEqual(end.peer.take(), [
    'HEADERS 1 :path=/s/m',
    'DATA 1 10',
    'DATA 1 1',
    'DATA 1 3 END_STREAM',
  ]);
  assert.deepEqual(end.peer.body(1), framed('123456789'));
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.equal(out.state, OutState.gone);
  await end.finish();
});

test('the prefix of a message may be cut anywhere by a small window', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 0 });
  const call = end.open();
  call.send('payload', true);
  await end.settle();
  for (let i = 0; i < 12; i += 1) {
    end.peer.windowUpdate(1, 1);
    await end.settle();
  }
  const single = Array.from({ length: 12 }, (_, i) => `DATA 1 1${i === 11 ? ' END_STREAM' : ''}`);
  assert.deepEqual(end.peer.take(), ['HEADERS 1 :path=/s/m', ...single]);
  assert.deepEqual(end.peer.body(1), framed('payload'));
  call.stream.cancel();
  await end.finish();
});

test('a window that shrinks may become negative: DATA goes on above zero only', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 100 });
  const call = end.open();
  call.send(Buffer.alloc(195));
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m', 'DATA 1 100']);
  // -70 from here on.
  end.peer.settings({ INITIAL_WINDOW_SIZE: 30 });
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK']);
  end.peer.windowUpdate(1, 70);
  assert.deepEqual(await end.transcript(), []);
  end.peer.windowUpdate(1, 5);
  assert.deepEqual(await end.transcript(), ['DATA 1 5']);
  // An increase wakes every stream that it lifts above zero.
  end.peer.settings({ INITIAL_WINDOW_SIZE: 50 });
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK', 'DATA 1 20']);
  call.stream.cancel();
  await end.finish();
});

test('a window that shrinks under a stream with data queued stops it before its next frame', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  call.send(Buffer.alloc(95));
  end.peer.settings({ INITIAL_WINDOW_SIZE: 0 });
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(call.stream.out.state, OutState.active);
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK']);
  assert.equal(call.stream.out.state, OutState.waitingOnStreamQuota);
  end.peer.settings({ INITIAL_WINDOW_SIZE: 1_000 });
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK', 'DATA 1 100']);
  call.stream.cancel();
  await end.finish();
});

test('a new INITIAL_WINDOW_SIZE leaves the connection window alone', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000_000 });
  const call = end.open();
  call.send(Buffer.alloc(70_000));
  assert.equal((await end.transcript()).length, 5);
  assert.equal(end.peer.body(1).length, 65_535);
  assert.equal(call.stream.out.state, OutState.active);
  end.peer.windowUpdate(0, 10);
  assert.deepEqual(await end.transcript(), ['DATA 1 10']);
  end.peer.windowUpdate(0, 10_000);
  assert.deepEqual(await end.transcript(), ['DATA 1 4460']);
  call.stream.cancel();
  await end.finish();
});

test('the bare end of a stream needs no window, of the stream or of the connection', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 65_535 });
  const spender = end.open('/s/spender');
  spender.send(Buffer.alloc(65_530));
  await end.settle();
  assert.equal(end.transport.connection.loopy.sendQuota, 0);
  end.peer.take();
  const call = end.open('/s/call');
  await end.settle();
  call.stream.halfClose();
  spender.stream.halfClose();
  const fresh = end.open('/s/fresh');
  fresh.stream.halfClose();
  assert.deepEqual(await end.transcript(), [
    'HEADERS 3 :path=/s/call',
    'DATA 3 0 END_STREAM',
    'DATA 1 0 END_STREAM',
    'HEADERS 5 :path=/s/fresh',
    'DATA 5 0 END_STREAM',
  ]);
  for (const id of [1, 3, 5]) end.peer.headers(id, [...HEAD, ...OK], { endStream: true });
  await end.finish();
});

test('the bare end follows data that waits for a window', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 0 });
  const call = end.open();
  call.send('abc');
  call.stream.halfClose();
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m']);
  end.peer.windowUpdate(1, 8);
  assert.deepEqual(await end.transcript(), ['DATA 1 8', 'DATA 1 0 END_STREAM']);
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

test('an empty message is a message: five bytes of DATA that need a window', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 4 });
  const call = end.open();
  call.send('', true);
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m', 'DATA 1 4']);
  end.peer.windowUpdate(1, 1);
  assert.deepEqual(await end.transcript(), ['DATA 1 1 END_STREAM']);
  call.stream.cancel();
  await end.finish();
});

test('a stream window that overflows resets the stream with FLOW_CONTROL_ERROR', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  const other = end.open('/s/other');
  await end.transcript();
  end.peer.windowUpdate(1, 0x7fffffff - 65_535);
  assert.deepEqual(await end.transcript(), []);
  end.peer.windowUpdate(1, 1);
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 FLOW_CONTROL_ERROR']);
  assert.deepEqual(call.events, ["end INTERNAL: WINDOW_UPDATE 1 overflows the stream's window"]);
  assert.deepEqual(other.events, []);
  other.stream.cancel();
  await end.finish();
});

test('a connection window that overflows ends the connection with FLOW_CONTROL_ERROR', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  end.peer.windowUpdate(0, 0x7fffffff - 65_535);
  assert.deepEqual(await end.transcript(), []);
  end.peer.windowUpdate(0, 1);
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 FLOW_CONTROL_ERROR WINDOW_UPDATE 1 overflows the connection',
    'END',
  ]);
  assert.deepEqual(call.events, ['end UNAVAILABLE: WINDOW_UPDATE 1 overflows the connection']);
  await end.finish();
});

test('an INITIAL_WINDOW_SIZE that overflows the window of a stream ends the connection', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  end.peer.windowUpdate(1, 0x7fffffff - 65_535);
  await end.settle();
  end.peer.settings({ INITIAL_WINDOW_SIZE: 65_536 });
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 FLOW_CONTROL_ERROR INITIAL_WINDOW_SIZE 65536 overflows a window',
    'END',
  ]);
  assert.equal(call.events.length, 1);
  await end.finish();
});

test('a writer past its quota is told to wait, and told again when DATA was written', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 1_000_000 });
  const call = end.open();
  assert.equal(call.send(Buffer.alloc(65_000)), true);
  assert.equal(call.send(Buffer.alloc(1_000)), false);
  await end.settle();
  assert.deepEqual(call.events, ['writable']);
  end.peer.windowUpdate(0, 10_000);
  await end.settle();
  assert.deepEqual(call.events, ['writable']);
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

test('a call that asks for more after its own cancel gives no credit for a closed stream', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  call.onEvent = (event) => {
    if (!event.startsWith('message')) return;
    call.stream.cancel();
    call.stream.request(1);
  };
  end.peer.headers(1, HEAD).data(1, framed(Buffer.alloc(16_379)));
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL', 'WINDOW_UPDATE 0 16384']);
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
