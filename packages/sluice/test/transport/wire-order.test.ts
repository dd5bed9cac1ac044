// What a connection writes, and in which order (RFC 9113 §3.4,
// §6.5.3, §6.8), as wire transcripts against a mock peer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const OK = ['grpc-status', '0'];
const HEAD = [':status', '200', 'content-type', 'application/grpc'];

test('a client begins with the preface and SETTINGS, before any call', async () => {
  const end = new ClientEnd();
  const call = end.unary();
  assert.deepEqual(await end.transcript(), [
    'PREFACE',
    'SETTINGS ENABLE_PUSH=0 MAX_HEADER_LIST_SIZE=16384',
    'HEADERS 1 :path=/s/m',
    'DATA 1 7 END_STREAM',
  ]);
  end.peer.settings();
  assert.deepEqual(await end.transcript(), ['SETTINGS ACK']);
  assert.deepEqual(end.events, ['ready']);
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.deepEqual(call.events, ['end OK']);
  await end.finish();
});

test('windows beyond the default are announced with the first SETTINGS', async () => {
  const end = new ClientEnd({
    transport: { initialStreamWindow: 100_000, initialConnectionWindow: 200_000 },
  });
  assert.deepEqual(await end.transcript(), [
    'PREFACE',
    'SETTINGS ENABLE_PUSH=0 MAX_HEADER_LIST_SIZE=16384 INITIAL_WINDOW_SIZE=100000',
    'WINDOW_UPDATE 0 134465',
  ]);
  await end.finish();
});

test('a server begins with SETTINGS, even when the client has not spoken', async () => {
  const end = new ServerEnd({ limits: { streams: 7 } });
  assert.deepEqual(await end.transcript(), [
    'SETTINGS MAX_CONCURRENT_STREAMS=7 MAX_HEADER_LIST_SIZE=16384',
  ]);
  await end.finish();
});

test('a server without a stream limit advertises none', async () => {
  const end = new ServerEnd({ limits: { streams: Number.POSITIVE_INFINITY } });
  assert.deepEqual(await end.transcript(), ['SETTINGS MAX_HEADER_LIST_SIZE=16384']);
  await end.finish();
});

test('a connection that fails in its first turn still begins as RFC 9113 §3.4 asks', async () => {
  const server = new ServerEnd();
  server.peer.raw(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
  server.peer.flush();
  await server.turns.deliver();
  assert.deepEqual(await server.transcript(), [
    'SETTINGS MAX_CONCURRENT_STREAMS=1000 MAX_HEADER_LIST_SIZE=16384',
    'GOAWAY 0 PROTOCOL_ERROR not the HTTP/2 client preface',
    'END',
  ]);
  await server.finish();

  const client = new ClientEnd();
  client.transport.close('never mind');
  assert.deepEqual(await client.transcript(), [
    'PREFACE',
    'SETTINGS ENABLE_PUSH=0 MAX_HEADER_LIST_SIZE=16384',
    'GOAWAY 0 NO_ERROR never mind',
    'END',
  ]);
  await client.finish();
});

test('the SETTINGS ACK goes ahead of what uses the new values, each SETTINGS has its own', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 0 });
  const call = end.unary();
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m']);
  end.peer.settings({ INITIAL_WINDOW_SIZE: 3 }).settings({ INITIAL_WINDOW_SIZE: 100 });
  end.open('/s/other');
  assert.deepEqual(await end.transcript(), [
    'SETTINGS ACK',
    'SETTINGS ACK',
    'HEADERS 3 :path=/s/other',
    'DATA 1 7 END_STREAM',
  ]);
  end.peer.rstStream(1, ErrorCode.CANCEL).rstStream(3, ErrorCode.CANCEL);
  await end.settle();
  assert.deepEqual(call.events, ['end CANCELLED: the peer reset the stream with CANCEL']);
  await end.finish();
});

test('a smaller HPACK table is signalled in the first block behind the SETTINGS ACK', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary()];
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m', 'DATA 1 7 END_STREAM']);
  end.peer.settings({ HEADER_TABLE_SIZE: 0 });
  calls.push(end.unary());
  assert.deepEqual(await end.transcript(), [
    'SETTINGS ACK',
    'HEADERS 3 :path=/s/m',
    'DATA 3 7 END_STREAM',
  ]);
  // RFC 7541 §4.2: a size update of 0 is the byte 0x20, the first of the block.
  assert.equal(
    end.peer.frames.findLast((frame) => frame.streamId === 3 && frame.type === 1)?.payload[0],
    0x20,
  );
  assert.equal(end.peer.field(3, ':authority'), 'test:1');
  for (const id of [1, 3]) end.peer.headers(id, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.deepEqual(
    calls.map((call) => call.events),
    [['end OK'], ['end OK']],
  );
  await end.finish();
});

test('PING acks and WINDOW_UPDATE go before HEADERS and DATA of the same turn', async () => {
  const end = await ClientEnd.ready();
  const first = end.open();
  await end.transcript();
  end.peer
    .headers(1, HEAD)
    .data(1, framed('x'.repeat(16_379)))
    .data(1, framed('y'.repeat(16_379)));
  end.peer.ping(1, 2).ping(3, 4);
  end.peer.flush();
  await end.turns.deliver();
  first.send('more');
  end.open('/s/other');
  assert.deepEqual(await end.transcript(), [
    'PING ACK 0000000100000002',
    'PING ACK 0000000300000004',
    'WINDOW_UPDATE 0 32768',
    'WINDOW_UPDATE 1 32768',
    'HEADERS 3 :path=/s/other',
    'DATA 1 9',
  ]);
  end.peer.rstStream(1, ErrorCode.CANCEL).rstStream(3, ErrorCode.CANCEL);
  await end.finish();
});

test('a burst of new calls does not hold back a running stream, nor it them', async () => {
  const end = await ClientEnd.ready();
  const running = end.open('/s/running');
  await end.transcript();
  running.send(Buffer.alloc(40_000));
  for (let i = 0; i < 4; i += 1) end.open(`/s/${i}`);
  assert.deepEqual(await end.transcript(), [
    'HEADERS 3 :path=/s/0',
    'DATA 1 16384',
    'HEADERS 5 :path=/s/1',
    'DATA 1 16384',
    'HEADERS 7 :path=/s/2',
    'DATA 1 7237',
    'HEADERS 9 :path=/s/3',
  ]);
  for (let id = 1; id <= 9; id += 2) end.peer.rstStream(id, ErrorCode.CANCEL);
  await end.finish();
});

test('streams with data take turns, one DATA frame each', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.open('/s/a'), end.open('/s/b'), end.open('/s/c')];
  await end.transcript();
  calls[0]?.send(Buffer.alloc(20_000 - 5), true);
  calls[1]?.send(Buffer.alloc(100 - 5), true);
  calls[2]?.send(Buffer.alloc(20_000 - 5), true);
  assert.deepEqual(await end.transcript(), [
    'DATA 1 16384',
    'DATA 3 100 END_STREAM',
    'DATA 5 16384',
    'DATA 1 3616 END_STREAM',
    'DATA 5 3616 END_STREAM',
  ]);
  for (const id of [1, 3, 5]) end.peer.rstStream(id, ErrorCode.CANCEL);
  await end.finish();
});

test('messages of one stream keep their order and a frame holds bytes of one message', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  call.send('one');
  call.send('two');
  call.send('three', true);
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 :path=/s/m',
    'DATA 1 8',
    'DATA 1 8',
    'DATA 1 10 END_STREAM',
  ]);
  const sent = Buffer.concat([framed('one'), framed('two'), framed('three')]);
  assert.deepEqual(end.peer.body(1), sent);
  end.peer.rstStream(1, ErrorCode.CANCEL);
  await end.finish();
});

test('RST_STREAM follows the HEADERS and data it ends', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  call.send('data');
  assert.equal(end.turns.run(), 1);
  call.stream.cancel();
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 :path=/s/m',
    'DATA 1 9',
    'RST_STREAM 1 CANCEL',
  ]);
  await end.finish();
});

test('a reset drops the data that waits behind it, and its credit', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 10 });
  const call = end.open();
  call.send(Buffer.alloc(1_000));
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :path=/s/m', 'DATA 1 10']);
  end.peer.windowUpdate(1, 1_000);
  end.peer.flush();
  await end.turns.deliver();
  call.stream.cancel();
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL']);
  await end.finish();
});

test('a server answers in one turn with HEADERS, DATA and trailers', async () => {
  const end = await ServerEnd.ready();
  end.handler = (call) => {
    call.send('a');
    call.send('b');
    call.end();
  };
  end.peer.headers(1, request(), { endStream: true });
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 :status=200',
    'DATA 1 6',
    'DATA 1 6',
    'HEADERS 1 END_STREAM grpc-status=0',
  ]);
  await end.finish();
});

test('trailers wait for data that has no window, RST_STREAM(NO_ERROR) follows them', async () => {
  const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 4 });
  end.handler = (call) => {
    call.send('abc');
    call.end(0, '', ['k', 'v']);
  };
  end.peer.headers(1, request());
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :status=200', 'DATA 1 4']);
  end.peer.windowUpdate(1, 100);
  assert.deepEqual(await end.transcript(), [
    'DATA 1 4',
    'HEADERS 1 END_STREAM grpc-status=0',
    'RST_STREAM 1 NO_ERROR',
  ]);
  assert.equal(end.peer.field(1, 'k', 1), 'v');
  await end.finish();
});

test('a reset of the client passes no trailers: what waited is dropped', async () => {
  const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 4 });
  end.handler = (call) => {
    call.send('abc');
    call.end();
  };
  end.peer.headers(1, request());
  assert.deepEqual(await end.transcript(), ['HEADERS 1 :status=200', 'DATA 1 4']);
  end.peer.rstStream(1, ErrorCode.CANCEL).windowUpdate(1, 100);
  assert.deepEqual(await end.transcript(), []);
  await end.finish();
});

test('an error GOAWAY goes at once, ahead of data that waits, and the connection ends', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  call.send(Buffer.alloc(30_000));
  end.peer.windowUpdate(0, 0);
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 PROTOCOL_ERROR WINDOW_UPDATE of 0 on stream 0',
    'END',
  ]);
  assert.deepEqual(call.events, ['end UNAVAILABLE: WINDOW_UPDATE of 0 on stream 0']);
  await end.finish();
});

test('an orderly close writes what was answered before its GOAWAY', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request('/s/m', { 'grpc-timeout': 'soon' }), { endStream: true });
  end.peer.ping(5, 6);
  end.peer.flush();
  await end.turns.deliver();
  end.transport.close('going');
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 END_STREAM :status=400 grpc-status=13 grpc-message=malformed grpc-timeout "soon"',
    'PING ACK 0000000500000006',
    'GOAWAY 1 NO_ERROR going',
    'END',
  ]);
  await end.finish();
});
