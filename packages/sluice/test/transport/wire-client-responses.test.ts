// What a client makes of each kind of response, legal or not (gRPC PROTOCOL-HTTP2.md "Responses",
// "Errors"; RFC 9113 §8.1), as wire transcripts against a mock server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { ClientEnd, type TestCall } from '../support/client-end.js';
import { framed, type MockPeer } from '../support/mock-peer.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];

/** One unary call; `respond` answers it. Returns the end, the call and what the peer got of it. */
async function respond(
  answer: (peer: MockPeer) => void,
  options: Parameters<typeof ClientEnd.ready>[1] = {},
): Promise<{ end: ClientEnd; call: TestCall; lines: string[] }> {
  const end = await ClientEnd.ready({}, options);
  const call = end.unary();
  await end.transcript();
  answer(end.peer);
  const lines = await end.transcript();
  return { end, call, lines };
}

/** The call ended with `events`, the peer saw `lines`, and nothing stays behind. */
async function expectCall(
  answer: (peer: MockPeer) => void,
  events: readonly string[],
  lines: readonly string[] = [],
  options: Parameters<typeof ClientEnd.ready>[1] = {},
): Promise<void> {
  const got = await respond(answer, options);
  assert.deepEqual(got.call.events, events);
  assert.deepEqual(got.lines, lines);
  await got.end.finish();
}

test('a unary response is told in order: head, message, status', async () => {
  const { end, call } = await respond((peer) => {
    peer.headers(1, [...HEAD, 'k', 'v']).data(1, framed('hello'));
    peer.headers(1, [...OK, 't', 'w'], { endStream: true });
  });
  assert.deepEqual(call.events, ['head', 'message hello', 'end OK']);
  assert.deepEqual(call.metadata, ['k', 'v']);
  assert.deepEqual(call.trailers, ['t', 'w']);
  await end.finish();
});

test('trailers alone carry status, message and metadata', async () => {
  const { end, call } = await respond((peer) =>
    peer.headers(1, [...HEAD, 'grpc-status', '5', 'grpc-message', 'not%20here', 'k', 'v'], {
      endStream: true,
    }),
  );
  assert.deepEqual(call.events, ['end NOT_FOUND: not here']);
  assert.deepEqual(call.trailers, ['k', 'v']);
  await end.finish();
});

test('interim responses are passed over', async () => {
  await expectCall(
    (peer) => {
      peer.headers(1, [':status', '100']).headers(1, [':status', '103', 'link', 'x']);
      peer.headers(1, [...HEAD, ...OK], { endStream: true });
    },
    ['end OK'],
  );
});

test('an interim response that ends the stream is malformed', async () => {
  await expectCall(
    (peer) => peer.headers(1, [':status', '103'], { endStream: true }),
    ['end INTERNAL: HTTP status 103 ended the stream'],
  );
});

test('a reply that is not gRPC gives its HTTP status and the beginning of its body', async () => {
  await expectCall(
    (peer) => {
      peer.headers(1, [':status', '503', 'content-type', 'text/html']);
      peer.data(1, '<h1>over').data(1, 'loaded</h1>', { endStream: true });
    },
    [
      'end UNAVAILABLE: the response is not gRPC: HTTP status 503, content-type "text/html"; body: "<h1>overloaded</h1>"',
    ],
  );
});

test('a long foreign body is cut at 1,024 bytes and the stream reset', async () => {
  const { end, call, lines } = await respond((peer) => {
    peer.headers(1, [':status', '404', 'content-type', 'text/html']).data(1, 'x'.repeat(5_000));
  });
  assert.deepEqual(lines, ['RST_STREAM 1 CANCEL']);
  const event = call.events[0] ?? '';
  assert.match(event, /^end UNIMPLEMENTED: the response is not gRPC: HTTP status 404/);
  assert.ok(event.endsWith(`; body: "${'x'.repeat(1_024)}"`));
  await end.finish();
});

test('a foreign reply without a body, and one whose trailers end it', async () => {
  const text = 'the response is not gRPC: HTTP status 401, no content-type';
  await expectCall(
    (peer) => peer.headers(1, [':status', '401'], { endStream: true }),
    [`end UNAUTHENTICATED: ${text}`],
  );
  await expectCall(
    (peer) => peer.headers(1, [':status', '401']).headers(1, ['a', 'b'], { endStream: true }),
    [`end UNAUTHENTICATED: ${text}`],
  );
});

test('HTTP 200 of another type is not gRPC either', async () => {
  await expectCall(
    (peer) =>
      peer.headers(1, [':status', '200', 'content-type', 'text/plain']).data(1, 'hi', {
        endStream: true,
      }),
    [
      'end UNKNOWN: the response is not gRPC: HTTP status 200, content-type "text/plain"; body: "hi"',
    ],
  );
});

test('grpc-status counts more than the HTTP status beside it', async () => {
  await expectCall(
    (peer) =>
      peer.headers(1, [':status', '415', 'grpc-status', '3', 'grpc-message', 'no'], {
        endStream: true,
      }),
    ['end INVALID_ARGUMENT: no'],
  );
});

test('trailers without grpc-status end the call with UNKNOWN', async () => {
  const text = 'the server ended the call without grpc-status';
  await expectCall(
    (peer) => peer.headers(1, HEAD).headers(1, ['a', 'b'], { endStream: true }),
    ['head', `end UNKNOWN: ${text}`],
  );
  await expectCall((peer) => peer.headers(1, HEAD, { endStream: true }), [`end UNKNOWN: ${text}`]);
});

test('DATA that ends the stream leaves the call without a status', async () => {
  await expectCall(
    (peer) => peer.headers(1, HEAD).data(1, framed('a'), { endStream: true }),
    ['head', 'message a', 'end INTERNAL: the server ended the stream without trailers'],
  );
});

test('a message cut off by the end of the stream is a fault', async () => {
  const { end, call } = await respond((peer) =>
    peer
      .headers(1, HEAD)
      .data(1, framed('abcdef').subarray(0, 8))
      .headers(1, OK, { endStream: true }),
  );
  assert.match(call.events[1] ?? '', /^end INTERNAL: /);
  await end.finish();
});

test('DATA before HEADERS is a stream error', async () => {
  await expectCall(
    (peer) => peer.data(1, framed('a')),
    ['end INTERNAL: the peer sent DATA before its response HEADERS'],
    ['RST_STREAM 1 PROTOCOL_ERROR'],
  );
});

test('DATA behind an interim response alone is a stream error', async () => {
  await expectCall(
    (peer) => peer.headers(1, [':status', '100']).data(1, framed('a')),
    ['end INTERNAL: the peer sent DATA before its response HEADERS'],
    ['RST_STREAM 1 PROTOCOL_ERROR'],
  );
});

test('HEADERS in the middle that do not end the stream are malformed', async () => {
  await expectCall(
    (peer) => peer.headers(1, HEAD).headers(1, OK),
    ['head', 'end INTERNAL: the server sent HEADERS twice without ending the stream'],
    ['RST_STREAM 1 CANCEL'],
  );
});

test('HEADERS after END_STREAM end the connection while the stream is remembered', async () => {
  const end = await ClientEnd.ready();
  const call = end.open('/s/m', [], 0);
  call.send('hi', true);
  await end.transcript();
  end.peer.headers(1, HEAD).data(1, framed('unread')).headers(1, OK, { endStream: true });
  end.peer.headers(1, OK, { endStream: true });
  assert.deepEqual(await end.transcript(), [
    'GOAWAY 0 STREAM_CLOSED HEADERS after the end of stream 1',
    'END',
  ]);
  call.stream.request(1);
  assert.deepEqual(call.events, ['head', 'message unread', 'end OK']);
  await end.finish();
});

test('each RST_STREAM code ends the call with the status of the gRPC mapping', async () => {
  const expected: readonly [number, string][] = [
    [ErrorCode.NO_ERROR, 'INTERNAL: the peer reset the stream with NO_ERROR'],
    [ErrorCode.PROTOCOL_ERROR, 'INTERNAL: the peer reset the stream with PROTOCOL_ERROR'],
    [ErrorCode.INTERNAL_ERROR, 'INTERNAL: the peer reset the stream with INTERNAL_ERROR'],
    [ErrorCode.FLOW_CONTROL_ERROR, 'INTERNAL: the peer reset the stream with FLOW_CONTROL_ERROR'],
    [ErrorCode.SETTINGS_TIMEOUT, 'INTERNAL: the peer reset the stream with SETTINGS_TIMEOUT'],
    [ErrorCode.STREAM_CLOSED, 'INTERNAL: the peer reset the stream with STREAM_CLOSED'],
    [ErrorCode.FRAME_SIZE_ERROR, 'INTERNAL: the peer reset the stream with FRAME_SIZE_ERROR'],
    [
      ErrorCode.REFUSED_STREAM,
      'UNAVAILABLE unprocessed: the peer reset the stream with REFUSED_STREAM',
    ],
    [ErrorCode.CANCEL, 'CANCELLED: the peer reset the stream with CANCEL'],
    [ErrorCode.COMPRESSION_ERROR, 'INTERNAL: the peer reset the stream with COMPRESSION_ERROR'],
    [ErrorCode.CONNECT_ERROR, 'INTERNAL: the peer reset the stream with CONNECT_ERROR'],
    [
      ErrorCode.ENHANCE_YOUR_CALM,
      'RESOURCE_EXHAUSTED: the peer reset the stream with ENHANCE_YOUR_CALM',
    ],
    [
      ErrorCode.INADEQUATE_SECURITY,
      'PERMISSION_DENIED: the peer reset the stream with INADEQUATE_SECURITY',
    ],
    [ErrorCode.HTTP_1_1_REQUIRED, 'INTERNAL: the peer reset the stream with HTTP_1_1_REQUIRED'],
    [0xff, 'UNKNOWN: the peer reset the stream with UNKNOWN_ERROR_CODE_0xff'],
  ];
  const end = await ClientEnd.ready();
  for (const [i, [code, text]] of expected.entries()) {
    const call = end.unary();
    await end.settle();
    end.peer.rstStream(i * 2 + 1, code);
    await end.settle();
    assert.deepEqual(call.events, [`end ${text}`]);
  }
  assert.ok(!end.peer.take().some((line) => line.startsWith('RST_STREAM')));
  await end.finish();
});

test('RST_STREAM(NO_ERROR) behind a whole response changes nothing', async () => {
  const end = await ClientEnd.ready();
  const call = end.open('/s/m', [], 0);
  await end.transcript();
  end.peer.headers(1, HEAD).data(1, framed('a')).headers(1, OK, { endStream: true });
  end.peer.rstStream(1, ErrorCode.NO_ERROR);
  await end.settle();
  assert.deepEqual(call.events, ['head']);
  call.stream.request(1);
  assert.deepEqual(call.events, ['head', 'message a', 'end OK']);
  await end.finish();
});

test('a message over the limit ends the call before its bytes are taken', async () => {
  const { end, call, lines } = await respond(
    (peer) => peer.headers(1, HEAD).data(1, framed('x'.repeat(101)).subarray(0, 6)),
    { transport: { maxReceiveMessageLength: 100 } },
  );
  assert.deepEqual(lines, ['RST_STREAM 1 CANCEL']);
  assert.match(call.events[1] ?? '', /^end RESOURCE_EXHAUSTED: .*101.*100/);
  await end.finish();
});

test('a message of exactly the limit is taken', async () => {
  await expectCall(
    (peer) => {
      peer.headers(1, HEAD).data(1, framed('x'.repeat(100)));
      peer.headers(1, OK, { endStream: true });
    },
    ['head', 'message 100', 'end OK'],
    [],
    { transport: { maxReceiveMessageLength: 100 } },
  );
});

test('a compressed message without an encoding is a fault of the server', async () => {
  await expectCall(
    (peer) => peer.headers(1, HEAD).data(1, framed('x', true)),
    ['head', 'end INTERNAL: a compressed message without grpc-encoding'],
    ['RST_STREAM 1 CANCEL'],
  );
});

test('response headers over the limit end the call, and HPACK stays in step', async () => {
  const end = await ClientEnd.ready({}, { transport: { maxHeaderList: 1_000 } });
  const large = end.unary('a');
  const small = end.unary('b');
  await end.transcript();
  // The second sighting enters the dynamic table, which the refused block must fill just the same.
  const pair = ['k', 'v'.repeat(600), 'l', 'w'.repeat(600)];
  end.peer.headers(1, [...HEAD, ...pair]).headers(1, [...HEAD, ...pair, ...OK]);
  end.peer.headers(3, [...HEAD, 'k', 'v'.repeat(600), ...OK], { endStream: true });
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL']);
  assert.match(
    large.events.join(),
    /^end RESOURCE_EXHAUSTED: response headers of \d+ bytes exceed the limit of 1000$/,
  );
  assert.deepEqual(small.events, ['end OK']);
  assert.deepEqual(small.trailers, ['k', 'v'.repeat(600)]);
  await end.finish();
});

test('headers in several CONTINUATION frames are one block', async () => {
  const { end, call } = await respond((peer) => {
    peer.headers(1, [...HEAD, 'k', 'v'.repeat(200)], { split: 40 });
    peer.headers(1, OK, { endStream: true, split: 4 });
  });
  assert.deepEqual(call.events, ['head', 'end OK']);
  assert.deepEqual(call.metadata, ['k', 'v'.repeat(200)]);
  await end.finish();
});

test('a response that arrives byte by byte is the same response', async () => {
  await expectCall(
    (peer) => {
      peer.headers(1, [':status', '103']).headers(1, [...HEAD, 'k', 'v'.repeat(50)], { split: 20 });
      peer
        .ping(1, 1)
        .data(1, framed('a'), { padding: 7 })
        .data(1, framed('x'.repeat(300)));
      peer.headers(1, OK, { endStream: true });
    },
    ['head', 'message a', 'message 300', 'end OK'],
    ['PING ACK 0000000100000001'],
    { incoming: { chunkLength: () => 1 } },
  );
});

test('a block that HPACK cannot decode ends the connection with COMPRESSION_ERROR', async () => {
  const { end, call, lines } = await respond((peer) =>
    peer.frame(1, 0x4, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff)),
  );
  assert.match(lines[0] ?? '', /^GOAWAY 0 COMPRESSION_ERROR /);
  assert.match(call.events[0] ?? '', /^end UNAVAILABLE: /);
  await end.finish();
});

test('padding is credited at once, whether or not the message is read', async () => {
  const end = await ClientEnd.ready();
  const call = end.open('/s/m', [], 0);
  await end.transcript();
  end.peer.headers(1, HEAD);
  for (let i = 0; i < 80; i += 1) end.peer.data(1, '', { padding: 255 });
  const lines = await end.transcript();
  const credited = lines.filter((line) => line.startsWith('WINDOW_UPDATE 1'));
  const sum = credited.reduce((total, line) => total + Number(line.split(' ')[2]), 0);
  const { inFlow } = call.stream;
  assert.equal(inFlow.pendingData, 0);
  assert.equal(sum + inFlow.pendingUpdate, 80 * 256);
  assert.ok(sum > 0);
  call.stream.cancel();
  await end.finish();
});

test('more DATA than the stream window resets the stream with FLOW_CONTROL_ERROR', async () => {
  const end = await ClientEnd.ready({}, { transport: { initialConnectionWindow: 200_000 } });
  const call = end.open('/s/m', [], 0);
  const other = end.unary();
  await end.transcript();
  end.peer.headers(1, HEAD);
  for (let i = 0; i < 4; i += 1) end.peer.data(1, Buffer.alloc(16_384));
  const lines = await end.transcript();
  assert.ok(lines.includes('RST_STREAM 1 FLOW_CONTROL_ERROR'));
  assert.match(call.events[1] ?? '', /^end INTERNAL: the peer sent 16384 bytes with 16383/);
  end.peer.headers(3, [...HEAD, ...OK], { endStream: true });
  await end.settle();
  assert.deepEqual(other.events, ['end OK']);
  await end.finish();
});

test('DATA on a stream that we reset is credited to the connection and otherwise ignored', async () => {
  const end = await ClientEnd.ready();
  const call = end.open();
  await end.transcript();
  call.stream.cancel();
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 CANCEL']);
  end.peer.headers(1, HEAD).data(1, Buffer.alloc(16_384)).headers(1, OK, { endStream: true });
  end.peer.windowUpdate(1, 10).rstStream(1, ErrorCode.CANCEL);
  assert.deepEqual(await end.transcript(), ['WINDOW_UPDATE 0 16384']);
  await end.finish();
});

for (const [what, send] of [
  ['DATA', (peer: MockPeer) => peer.data(9, 'x')],
  ['HEADERS', (peer: MockPeer) => peer.headers(9, HEAD)],
  ['RST_STREAM', (peer: MockPeer) => peer.rstStream(9, 8)],
  ['WINDOW_UPDATE', (peer: MockPeer) => peer.windowUpdate(9, 1)],
] as const) {
  test(`${what} on an idle stream ends the connection with PROTOCOL_ERROR`, async () => {
    const { end, lines } = await respond(send);
    assert.deepEqual(lines, [`GOAWAY 0 PROTOCOL_ERROR ${what} on idle stream 9`, 'END']);
    await end.finish();
  });
}

test('a push ends the connection: it was forbidden in our SETTINGS', async () => {
  const { end, lines } = await respond((peer) =>
    peer.frame(5, 0x4, 1, Buffer.of(0, 0, 0, 2, 0x88)),
  );
  assert.deepEqual(lines, ['GOAWAY 0 PROTOCOL_ERROR PUSH_PROMISE, though push is disabled', 'END']);
  await end.finish();
});

test('any frame before the SETTINGS of the server ends the connection', async () => {
  for (const send of [
    (peer: MockPeer) => peer.ping(1, 1),
    (peer: MockPeer) => peer.settingsAck(),
    (peer: MockPeer) => peer.windowUpdate(0, 1),
    (peer: MockPeer) => peer.headers(1, HEAD),
    (peer: MockPeer) => peer.frame(0x77, 0, 0, Buffer.alloc(3)),
  ]) {
    const end = new ClientEnd();
    await end.transcript();
    send(end.peer);
    const text = 'the first frame of a connection must be SETTINGS';
    assert.deepEqual(await end.transcript(), [`GOAWAY 0 PROTOCOL_ERROR ${text}`, 'END']);
    await end.finish();
  }
});
