// How a server's connection begins and ends: handshake timeout, drain, loss, close
// (RFC 9113 §3.4, §6.8), as wire transcripts against a mock client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const DRAIN_PING = '647261696e000000';

test('a client that says nothing is told SETTINGS_TIMEOUT after 10 s', async () => {
  const end = new ServerEnd();
  await end.transcript();
  end.clock.advance(9_990);
  assert.deepEqual(await end.transcript(), []);
  end.clock.advance(20);
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 SETTINGS_TIMEOUT no HTTP/2 preface and SETTINGS within 10000 ms',
    'END',
  ]);
  await end.finish();
});

test('the preface alone is not enough, preface and SETTINGS are', async () => {
  const slow = new ServerEnd();
  slow.peer.preface();
  await slow.transcript();
  slow.clock.advance(10_020);
  assert.match((await slow.transcript())[0] ?? '', /^GOAWAY 0 SETTINGS_TIMEOUT/);
  await slow.finish();

  const end = await ServerEnd.ready();
  assert.equal(end.transport.state, 'ready');
  end.clock.advance(60_000);
  assert.deepEqual(await end.transcript(), []);
  await end.finish();
});

test('a client whose first frame is not SETTINGS ends with PROTOCOL_ERROR', async () => {
  const end = new ServerEnd();
  await end.transcript();
  end.peer.preface().headers(1, request());
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 PROTOCOL_ERROR the first frame of a connection must be SETTINGS',
    'END',
  ]);
  assert.equal(end.calls.length, 0);
  await end.finish();
});

test('drain: GOAWAY with the highest id and a PING, on its ack GOAWAY with the last seen', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  end.transport.drain('restarting', 60_000);
  assert.equal(end.transport.state, 'draining');
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 2147483647 NO_ERROR restarting',
    `PING ${DRAIN_PING}`,
  ]);
  // A stream that was under way is served.
  end.peer.headers(3, request(), { endStream: true }).pingAck();
  assert.deepEqual(await end.transcript(), ['GOAWAY 3 NO_ERROR restarting']);
  assert.equal(end.calls.length, 2);
  // One that comes later is not.
  end.peer.headers(5, request(), { endStream: true });
  assert.deepEqual(await end.transcript(), ['RST_STREAM 5 REFUSED_STREAM']);
  end.call(0).end();
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 END_STREAM :status=200 grpc-status=0',
    'RST_STREAM 1 NO_ERROR',
  ]);
  end.call(1).send('bye');
  end.call(1).end();
  assert.deepEqual(await end.transcript(), [
    'HEADERS 3 :status=200',
    'DATA 3 8',
    'HEADERS 3 END_STREAM grpc-status=0',
    // The last id never rises again, whatever came since (RFC 9113 §6.8).
    'GOAWAY 3 NO_ERROR restarting',
    'END',
  ]);
  await end.finish();
});

test('drain without streams closes on the ack of its PING', async () => {
  const end = await ServerEnd.ready();
  end.transport.drain('restarting', 60_000);
  await end.transcript();
  end.peer.pingAck();
  const lines = await end.transcript();
  assert.equal(lines[0], 'GOAWAY 0 NO_ERROR restarting');
  assert.equal(lines.at(-1), 'END');
  await end.finish();
});

test('drain does not wait for an ack longer than 5 s, nor for streams longer than its grace', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  end.transport.drain('restarting', 8_000);
  await end.transcript();
  end.clock.advance(4_990);
  assert.deepEqual(await end.transcript(), []);
  end.clock.advance(20);
  assert.deepEqual(await end.transcript(), ['GOAWAY 1 NO_ERROR restarting']);
  end.clock.advance(2_970);
  assert.deepEqual(await end.transcript(), []);
  end.clock.advance(30);
  const reason = 'restarting; the grace period is over';
  assert.deepEqual(await end.transcript(), [`GOAWAY 1 NO_ERROR ${reason}`, 'END']);
  assert.deepEqual(end.call().events, [`cancel: ${reason}`]);
  await end.finish();
});

test('what was refused in the turn that ends a drain is still answered', async () => {
  const end = await ServerEnd.ready();
  end.transport.drain('restarting', 60_000);
  await end.transcript();
  end.peer.headers(1, request('/s/m', { 'grpc-timeout': 'soon' }), { endStream: true }).pingAck();
  const lines = await end.transcript();
  assert.match(lines[0] ?? '', /^HEADERS 1 END_STREAM :status=400/);
  assert.equal(lines[1], 'GOAWAY 1 NO_ERROR restarting');
  await end.finish();
});

test('a client that is gone cancels its calls', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  end.peer.end();
  await end.settle();
  assert.deepEqual(end.call().events, ['cancel: the peer closed the connection']);
  await end.finish();
});

test('a client that resets a call cancels it, whatever the code', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request()).data(1, framed('a')).rstStream(1, ErrorCode.CANCEL);
  end.peer.headers(3, request()).rstStream(3, ErrorCode.NO_ERROR);
  assert.deepEqual(await end.transcript(), []);
  assert.deepEqual(end.call(0).events, [
    'message a',
    'cancel: the peer reset the stream with CANCEL',
  ]);
  assert.deepEqual(end.call(1).events, ['cancel: the peer reset the stream with NO_ERROR']);
  await end.finish();
});

test('GOAWAY of the client lets open calls finish', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request()).goAway(0);
  await end.settle();
  end.call().end();
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 END_STREAM :status=200 grpc-status=0',
    'RST_STREAM 1 NO_ERROR',
  ]);
  await end.finish();
});

test('a server that closes writes GOAWAY, ends, discards input for a second, then destroys', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  end.transport.close('shutting down');
  assert.deepEqual(await end.transcript(), ['GOAWAY 1 NO_ERROR shutting down', 'END']);
  assert.deepEqual(end.call().events, ['cancel: shutting down']);
  end.peer.headers(3, request()).raw(Buffer.alloc(100_000));
  assert.deepEqual(await end.transcript(), []);
  assert.equal(end.calls.length, 1);
  assert.equal(end.socket.readableLength, 0);
  assert.equal(end.socket.destroyed, false);
  end.clock.advance(1_020);
  assert.equal(end.socket.destroyed, true);
  await end.finish();
});

test('a server that closes while its reader is held discards what waited and what comes', async () => {
  const end = await ServerEnd.ready();
  for (let i = 0; i < 50; i += 1) end.peer.settings();
  end.peer.headers(1, request());
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.transport.connection.reader.gate, 'closed');
  end.transport.close('shutting down');
  const lines = await end.transcript();
  assert.deepEqual(lines.slice(-2), ['GOAWAY 0 NO_ERROR shutting down', 'END']);
  end.peer.raw(Buffer.alloc(100_000));
  await end.settle();
  assert.equal(end.socket.isPaused(), false);
  assert.equal(end.socket.readableLength, 0);
  assert.equal(end.calls.length, 0);
  await end.finish();
});
