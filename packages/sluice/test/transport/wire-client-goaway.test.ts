// GOAWAY of the server at each moment of a client's connection, and how a connection ends
// (RFC 9113 §6.8).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];
const SAID = 'the server sent GOAWAY(NO_ERROR)';

test('GOAWAY before SETTINGS is no HTTP/2: the connection ends', async () => {
  const end = new ClientEnd();
  end.peer.goAway(0);
  const reason = 'the first frame of a connection must be SETTINGS';
  assert.deepEqual(await end.transcript(), [
    'PREFACE',
    'SETTINGS ENABLE_PUSH=0 MAX_HEADER_LIST_SIZE=16384',
    `GOAWAY 0 PROTOCOL_ERROR ${reason}`,
    'END',
  ]);
  assert.deepEqual(end.events, [`closed: ${reason}`]);
  await end.finish();
});

test('GOAWAY on a connection without calls closes it', async () => {
  const end = await ClientEnd.ready();
  end.peer.goAway(0);
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${SAID}`, 'END']);
  assert.deepEqual(end.events, ['ready', `draining: ${SAID}`, `closed: ${SAID}`]);
  await end.finish();
});

test('calls whose HEADERS were not written when GOAWAY came are unprocessed and unseen', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary('a'), end.unary('b')];
  end.peer.goAway(0x7fffffff);
  end.peer.flush();
  await end.turns.deliver();
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${SAID}`, 'END']);
  for (const call of calls) assert.deepEqual(call.events, [`end UNAVAILABLE unprocessed: ${SAID}`]);
  await end.finish();
});

test('a call handed back may cancel the next one: each is told once, accounts come out even', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary('a'), end.unary('b'), end.unary('c')];
  const [first, second, third] = calls;
  if (first !== undefined) first.onEvent = () => second?.stream.cancel();
  end.peer.goAway(0);
  await end.settle();
  assert.equal(first?.events.length, 1);
  assert.deepEqual(second?.events, []);
  assert.equal(third?.events.length, 1);
  await end.finish();
});

test('streams above the last id are unprocessed, those up to it finish, then it closes', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary('a'), end.unary('b'), end.unary('c')];
  await end.transcript();
  end.peer.goAway(3);
  assert.deepEqual(await end.transcript(), []);
  assert.deepEqual(
    calls.map((call) => call.events),
    [[], [], [`end UNAVAILABLE unprocessed: ${SAID}`]],
  );
  assert.equal(end.transport.state, 'draining');
  assert.ok(end.open().refused);
  end.peer.headers(1, HEAD).data(1, framed('x')).headers(1, OK, { endStream: true });
  assert.deepEqual(await end.transcript(), []);
  end.peer.headers(3, [...HEAD, ...OK], { endStream: true });
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${SAID}`, 'END']);
  assert.deepEqual(calls[0]?.events, ['head', 'message x', 'end OK']);
  assert.deepEqual(calls[1]?.events, ['end OK']);
  assert.deepEqual(end.events, ['ready', `draining: ${SAID}`, `closed: ${SAID}`]);
  await end.finish();
});

test('a second GOAWAY with a lower id hands back what lies between', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary('a'), end.unary('b'), end.unary('c')];
  await end.transcript();
  end.peer.goAway(0x7fffffff);
  await end.settle();
  assert.deepEqual(
    calls.map((call) => call.events.length),
    [0, 0, 0],
  );
  end.peer.goAway(3);
  await end.settle();
  end.peer.goAway(1);
  await end.settle();
  assert.deepEqual(
    calls.map((call) => call.events.length),
    [0, 1, 1],
  );
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.deepEqual(calls[0]?.events, ['end OK']);
  await end.finish();
});

test('data of a stream that was handed back is not written', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: 5 });
  const kept = end.open('/s/kept');
  const call = end.open('/s/gone');
  call.send(Buffer.alloc(100));
  await end.transcript();
  end.peer.goAway(1).windowUpdate(3, 1_000);
  assert.deepEqual(await end.transcript(), []);
  assert.equal(end.transport.connection.loopy.buffer.bytes, 0);
  kept.stream.cancel();
  assert.deepEqual(await end.transcript(), [
    'RST_STREAM 1 CANCEL',
    `GOAWAY 0 NO_ERROR ${SAID}`,
    'END',
  ]);
  await end.finish();
});

test('frames on a stream that was handed back do not disturb those that finish', async () => {
  const end = await ClientEnd.ready();
  const calls = [end.unary('a'), end.unary('b')];
  await end.transcript();
  end.peer.goAway(1).headers(3, HEAD).data(3, framed('b')).headers(3, OK, { endStream: true });
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${SAID}`, 'END']);
  assert.deepEqual(calls[0]?.events, ['end OK']);
  assert.deepEqual(calls[1]?.events, [`end UNAVAILABLE unprocessed: ${SAID}`]);
  await end.finish();
});

test('GOAWAY with an error code and text is named in what calls are told', async () => {
  const end = await ClientEnd.ready();
  const below = end.unary('a');
  const above = end.unary('b');
  await end.transcript();
  end.peer.goAway(1, ErrorCode.INTERNAL_ERROR, 'out of "luck"');
  await end.settle();
  const said = `GOAWAY(INTERNAL_ERROR) "out of ?luck?"`;
  assert.deepEqual(above.events, [`end UNAVAILABLE unprocessed: the server sent ${said}`]);
  assert.deepEqual(below.events, []);
  end.peer.end();
  await end.settle();
  assert.deepEqual(below.events, [
    `end UNAVAILABLE: the peer closed the connection after it sent ${said}`,
  ]);
  await end.finish();
});

test('too_many_pings doubles the keepalive time of the connections that follow', async () => {
  const end = await ClientEnd.ready({}, { transport: { keepalive: { timeMs: 10_000 } } });
  end.peer.goAway(0, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings');
  await end.settle();
  assert.equal(end.events[1], 'keepalive 20000');
  await end.finish();
});

test('GOAWAY after all calls are done closes, and a second one changes nothing', async () => {
  const end = await ClientEnd.ready();
  const call = end.unary();
  await end.transcript();
  end.peer.headers(1, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  end.peer.goAway(1).goAway(1);
  assert.deepEqual(await end.transcript(), [`GOAWAY 0 NO_ERROR ${SAID}`, 'END']);
  assert.deepEqual(call.events, ['end OK']);
  assert.deepEqual(end.events, ['ready', `draining: ${SAID}`, `closed: ${SAID}`]);
  await end.finish();
});

test('a peer that is gone ends written calls as they are and hands back those never written', async () => {
  const end = await ClientEnd.ready();
  const written = end.unary('a');
  await end.transcript();
  const queued = end.unary('b');
  end.peer.end();
  await end.turns.deliver();
  const reason = 'the peer closed the connection';
  assert.deepEqual(written.events, [`end UNAVAILABLE: ${reason}`]);
  assert.deepEqual(queued.events, [`end UNAVAILABLE unprocessed: ${reason}`]);
  assert.deepEqual(end.events, ['ready', `closed: ${reason}`]);
  await end.finish();
});

test('a socket that fails is told to calls with its own words', async () => {
  const end = await ClientEnd.ready();
  const call = end.unary('a');
  await end.transcript();
  end.socket.destroy(new Error('read ECONNRESET'));
  await end.settle();
  assert.deepEqual(call.events, ['end UNAVAILABLE: socket error: read ECONNRESET']);
  await end.finish();
});

test('a closing connection discards input for a second, then destroys the socket', async () => {
  const end = await ClientEnd.ready();
  const call = end.unary();
  await end.transcript();
  end.transport.close('enough');
  assert.deepEqual(call.events, ['end UNAVAILABLE: enough']);
  assert.deepEqual(await end.transcript(), ['GOAWAY 0 NO_ERROR enough', 'END']);
  // The peer goes on talking: its bytes are taken and mean nothing.
  end.peer
    .headers(1, [...HEAD, ...OK], { endStream: true })
    .windowUpdate(0, 0)
    .ping(1, 1);
  assert.deepEqual(await end.transcript(), []);
  assert.deepEqual(call.events, ['end UNAVAILABLE: enough']);
  assert.equal(end.socket.readableLength, 0);
  assert.equal(end.wheel.size, 1);
  end.clock.advance(990);
  assert.equal(end.socket.destroyed, false);
  end.clock.advance(30);
  assert.equal(end.socket.destroyed, true);
  await end.finish();
});

test('a closing connection whose socket is stuck is destroyed after the same second', async () => {
  const end = new ClientEnd({ outgoing: { capacity: 10 } });
  end.peer.socket.pause();
  end.peer.settings();
  await end.settle();
  end.transport.close('enough');
  await end.settle();
  assert.deepEqual(end.peer.take(), []);
  end.clock.advance(1_020);
  assert.equal(end.socket.destroyed, true);
  await end.settle();
  assert.equal(end.wheel.size, 0);
});
