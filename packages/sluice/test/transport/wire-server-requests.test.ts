// What a server makes of each kind of request HEADERS, in the order of its checks, and how it
// answers (gRPC PROTOCOL-HTTP2.md "Requests"; RFC 9113 §5.1, §8.1), as wire transcripts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import { framed } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';
import { answered, expectLines } from '../support/server-lines.js';

test('a call reaches its handler with its head and messages, and is answered', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request('/a.B/C', { 'grpc-timeout': '5S', k: 'v' }));
  end.peer.data(1, framed('one')).data(1, framed('two'), { endStream: true });
  await end.settle();
  const call = end.call();
  assert.equal(call.stream.head.path, '/a.B/C');
  assert.equal(call.stream.head.authority, 'test:1');
  assert.equal(call.stream.head.timeoutMs, 5_000);
  assert.deepEqual(call.stream.head.metadata, ['k', 'v']);
  assert.deepEqual(call.events, ['message one', 'message two', 'half-close']);
  call.send('answer');
  call.end(Status.OK, '', ['t', 'w']);
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 :status=200',
    'DATA 1 11',
    'HEADERS 1 END_STREAM grpc-status=0',
  ]);
  assert.deepEqual(end.peer.body(1), framed('answer'));
  assert.equal(end.peer.field(1, 't', 1), 'w');
  await end.finish();
});

test('a status without a message is sent as trailers only, its text percent-encoded', async () => {
  const end = await ServerEnd.ready();
  end.handler = (call) => call.end(Status.NOT_FOUND, 'ü 100%');
  end.peer.headers(1, request(), { endStream: true });
  assert.deepEqual(await end.transcript(), [
    'HEADERS 1 END_STREAM :status=200 grpc-status=5 grpc-message=%C3%BC 100%25',
  ]);
  await end.finish();
});

test('HEADERS too short for their padding end the connection with FRAME_SIZE_ERROR', async () => {
  await expectLines(
    (peer) => peer.frame(1, 0x4 | 0x20, 1, Buffer.alloc(2)),
    [/^GOAWAY 0 FRAME_SIZE_ERROR/, 'END'],
  );
});

test('an even id is a connection error', async () => {
  await expectLines(
    (peer) => peer.headers(2, request()),
    ['GOAWAY 0 PROTOCOL_ERROR HEADERS on stream 2, an even id', 'END'],
  );
});

test('a new id that is not above the last is a connection error', async () => {
  await expectLines(
    (peer) => {
      peer.headers(5, request('/s/m', { 'grpc-timeout': 'soon' }), { endStream: true });
      peer.headers(3, request());
    },
    ['GOAWAY 5 PROTOCOL_ERROR HEADERS on stream 3, which is not above 5', 'END'],
  );
});

test('request trailers are legal where they end the stream', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request()).data(1, framed('a')).headers(1, ['t', 'w'], { endStream: true });
  await end.settle();
  assert.deepEqual(end.call().events, ['message a', 'half-close']);
  end.call().end();
  assert.deepEqual(await end.transcript(), ['HEADERS 1 END_STREAM :status=200 grpc-status=0']);
  await end.finish();
});

test('a second HEADERS that does not end the stream, or is no trailers, resets it', async () => {
  for (const [fields, endStream] of [
    [['t', 'w'], false],
    [request(), true],
  ] as const) {
    const end = await ServerEnd.ready();
    end.peer.headers(1, request()).headers(1, fields, { endStream });
    assert.deepEqual(await end.transcript(), ['RST_STREAM 1 PROTOCOL_ERROR']);
    assert.deepEqual(end.call().events, ['cancel: a second HEADERS that is no trailers']);
    await end.finish();
  }
});

test('HEADERS on a half-closed stream reset it, and cost the peer of its budget', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request(), { endStream: true }).headers(1, ['t', 'w'], { endStream: true });
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 STREAM_CLOSED']);
  assert.equal(end.call().events[1], 'cancel: HEADERS after the end of stream 1');
  await end.finish();
});

test('HEADERS on a stream that we reset are ignored, on one both ended a connection error', async () => {
  const end = await ServerEnd.ready();
  end.handler = (call) => call.end();
  end.peer.headers(1, request());
  assert.equal((await end.transcript())[1], 'RST_STREAM 1 NO_ERROR');
  end.peer.headers(1, ['t', 'w'], { endStream: true }).data(1, 'late').windowUpdate(1, 5);
  assert.deepEqual(await end.transcript(), []);
  end.peer.headers(3, request(), { endStream: true });
  assert.equal((await end.transcript()).length, 1);
  end.peer.headers(3, ['t', 'w'], { endStream: true });
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 3 STREAM_CLOSED HEADERS on closed stream 3',
    'END',
  ]);
  await end.finish();
});

test('two :authority or host fields are answered with 400', async () => {
  for (const name of [':authority', 'host']) {
    const fields = request('/s/m', { host: 'a' });
    const extra = name === 'host' ? [...fields, 'host', 'b'] : [':authority', 'b', ...fields];
    await expectLines(
      (peer) => peer.headers(1, extra, { endStream: true }),
      [answered(1, 400, Status.INTERNAL)],
    );
  }
});

test('a connection field resets the stream with PROTOCOL_ERROR', async () => {
  const end = await expectLines(
    (peer) => peer.headers(1, request('/s/m', { connection: 'close' })),
    ['RST_STREAM 1 PROTOCOL_ERROR'],
  );
  assert.equal(end.calls.length, 0);
});

test('content that is not gRPC is answered with 415 and reaches no handler', async () => {
  const end = await ServerEnd.ready();
  const fields = request('/s/m', { 'content-type': 'application/json' });
  end.peer.headers(1, fields).data(1, '{}', { endStream: true });
  const lines = await end.transcript();
  assert.match(lines[0] ?? '', /^HEADERS 1 :status=415 grpc-status=3 grpc-message=./);
  assert.match(lines[1] ?? '', /^DATA 1 \d+ END_STREAM$/);
  assert.equal(lines.length, 2);
  assert.equal(end.calls.length, 0);
  await end.finish();
});

test('a bad timeout and a -bin value that is not base64 are answered with 400', async () => {
  for (const field of [{ 'grpc-timeout': 'soon' }, { 'key-bin': '!!' }]) {
    await expectLines(
      (peer) => peer.headers(1, request('/s/m', field), { endStream: true }),
      [answered(1, 400, Status.INTERNAL)],
    );
  }
});

test('a method that is not POST is answered with 405', async () => {
  await expectLines(
    (peer) => peer.headers(1, request('/s/m', { ':method': 'GET' }), { endStream: true }),
    [answered(1, 405, Status.INTERNAL)],
  );
});

test('a path without a leading slash is UNIMPLEMENTED and reaches no handler', async () => {
  const end = await expectLines(
    (peer) => peer.headers(1, request('s/m'), { endStream: true }),
    [answered(1, 200, Status.UNIMPLEMENTED)],
  );
  assert.equal(end.calls.length, 0);
});

test('a call that expired on its way is DEADLINE_EXCEEDED', async () => {
  const end = await expectLines(
    (peer) => peer.headers(1, request('/s/m', { 'grpc-timeout': '0n' }), { endStream: true }),
    [answered(1, 200, Status.DEADLINE_EXCEEDED)],
  );
  assert.equal(end.calls.length, 0);
});

test('over the stream limit calls are refused, a wrong method too, but not a malformed head', async () => {
  const end = await ServerEnd.ready({}, { limits: { streams: 1 } });
  end.peer.headers(1, request());
  end.peer.headers(3, request(), { endStream: true });
  end.peer.headers(5, request('/s/m', { ':method': 'GET' }), { endStream: true });
  end.peer.headers(7, request('s/m'), { endStream: true });
  end.peer.headers(9, request('/s/m', { 'grpc-timeout': 'soon' }), { endStream: true });
  end.peer.headers(11, request('/s/m', { 'grpc-timeout': '0n' }), { endStream: true });
  const lines = await end.transcript();
  assert.deepEqual(lines.slice(0, 3), [
    'RST_STREAM 3 REFUSED_STREAM',
    'RST_STREAM 5 REFUSED_STREAM',
    'RST_STREAM 7 REFUSED_STREAM',
  ]);
  assert.match(lines[3] ?? '', answered(9, 400, Status.INTERNAL));
  assert.equal(lines[4], 'RST_STREAM 11 REFUSED_STREAM');
  assert.equal(end.transport.connection.limits.acted.of('streams'), 4);
  assert.equal(end.calls.length, 1);
  end.call().end();
  await end.settle();
  end.peer.headers(13, request(), { endStream: true });
  await end.settle();
  assert.equal(end.calls.length, 2);
  end.call(1).end();
  await end.finish();
});

test('an early abort ends an open request with RST_STREAM(NO_ERROR) and ignores the rest', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request('/s/m', { 'grpc-timeout': 'soon' }));
  end.peer.data(1, framed('a')).data(1, framed('b'), { endStream: true });
  const lines = await end.transcript();
  assert.match(lines[0] ?? '', answered(1, 400, Status.INTERNAL));
  assert.deepEqual(lines.slice(1), ['RST_STREAM 1 NO_ERROR']);
  end.peer.data(1, 'late').rstStream(1, ErrorCode.CANCEL).windowUpdate(1, 1);
  assert.deepEqual(await end.transcript(), []);
  await end.finish();
});

test('request headers over the limit are RESOURCE_EXHAUSTED, and HPACK stays in step', async () => {
  const end = await ServerEnd.ready({}, { transport: { maxHeaderList: 1_000 } });
  const large = { k: 'v'.repeat(600), l: 'w'.repeat(600) };
  // The second sighting enters the dynamic table, which the refused block must fill just the same.
  for (const id of [1, 3]) end.peer.headers(id, request('/s/m', large), { endStream: true });
  end.peer.headers(5, request('/s/m', { k: 'v'.repeat(600) }), { endStream: true });
  const lines = await end.transcript();
  assert.equal(lines.length, 2);
  for (const [i, id] of [1, 3].entries()) {
    assert.match(lines[i] ?? '', answered(id, 200, Status.RESOURCE_EXHAUSTED));
  }
  assert.deepEqual(end.call().stream.head.metadata, ['k', 'v'.repeat(600)]);
  end.call().end();
  await end.finish();
});

test('a header list past the hard limit ends the connection', async () => {
  await expectLines(
    (peer) => {
      // One field in the table, then named 1,000 times: few bytes, a list of half a megabyte.
      const pair = ['k', 'v'.repeat(500)];
      const many = Array.from({ length: 1_000 }, () => pair).flat();
      peer.headers(1, [...request(), ...many], { endStream: true });
    },
    [/^GOAWAY 0 ENHANCE_YOUR_CALM header-list-hard: a header list of/, 'END'],
  );
});

test('request headers in several CONTINUATION frames are one block', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request('/s/m', { k: 'v'.repeat(300) }), { split: 60, endStream: true });
  await end.settle();
  assert.deepEqual(end.call().stream.head.metadata, ['k', 'v'.repeat(300)]);
  assert.deepEqual(end.call().events, ['half-close']);
  end.call().end();
  await end.finish();
});

test('a call that arrives byte by byte is the same call', async () => {
  const end = await ServerEnd.ready({}, { incoming: { chunkLength: () => 1 } });
  end.peer.headers(1, request('/s/m', { k: 'v'.repeat(100) }), { split: 30, padding: 5 });
  end.peer
    .data(1, framed('x'.repeat(300)), { padding: 3 })
    .data(1, framed('b'), { endStream: true });
  await end.settle();
  assert.deepEqual(end.call().events, ['message 300', 'message b', 'half-close']);
  end.call().end();
  await end.finish();
});

test('response metadata larger than a frame goes on in CONTINUATION', async () => {
  const end = await ServerEnd.ready();
  const value = 'v'.repeat(40_000);
  end.handler = (call) => {
    call.stream.sendHead(['large', value]);
    call.end(Status.OK, '', ['larger', value + value]);
  };
  end.peer.headers(1, request(), { endStream: true });
  const lines = await end.transcript();
  assert.equal(lines[0], 'HEADERS 1 ...');
  assert.ok(lines.includes('HEADERS 1 END_STREAM ...'));
  assert.ok(lines.every((line) => /^(HEADERS|CONTINUATION) 1/.test(line)));
  assert.equal(end.peer.field(1, 'large'), value);
  assert.equal(end.peer.field(1, 'larger', 1), value + value);
  await end.finish();
});
