// What a server makes of the frames that follow a request, legal or not, and what it holds against
// floods (RFC 9113 §5.1, §6.9), as wire transcripts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';
import { answered, expectLines } from '../support/server-lines.js';

test('a slot of the handlers limit is free when the handler is done, not when the peer resets', async () => {
  const end = await ServerEnd.ready({}, { limits: { handlers: 1 } });
  let done = (): void => {};
  end.handler = (call) => {
    done = () => call.end();
    // This handler goes on after it was cancelled.
    call.onCancel = () => {};
  };
  end.peer.headers(1, request(), { endStream: true }).rstStream(1, ErrorCode.CANCEL);
  end.peer.headers(3, request(), { endStream: true });
  const lines = await end.transcript();
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', answered(3, 200, Status.RESOURCE_EXHAUSTED));
  assert.equal(end.transport.connection.limits.acted.of('handlers'), 1);
  done();
  end.peer.headers(5, request(), { endStream: true });
  await end.settle();
  assert.equal(end.calls.length, 2);
  done();
  await end.finish();
});

test('a compressed message is refused with UNIMPLEMENTED or INTERNAL, and the call cancelled', async () => {
  for (const [encoding, code] of [
    ['snappy', Status.UNIMPLEMENTED],
    ['identity', Status.INTERNAL],
  ] as const) {
    const end = await ServerEnd.ready();
    end.peer.headers(1, request('/s/m', { 'grpc-encoding': encoding }));
    end.peer.data(1, framed('x', true), { endStream: true });
    const lines = await end.transcript();
    assert.match(lines[0] ?? '', answered(1, 200, code));
    assert.match(end.call().events.join(), /^cancel: /);
    await end.finish();
  }
});

test('a message over the limit ends the call with RESOURCE_EXHAUSTED', async () => {
  const end = await ServerEnd.ready({}, { transport: { maxReceiveMessageLength: 100 } });
  end.peer.headers(1, request()).data(1, framed('x'.repeat(101)).subarray(0, 10));
  const lines = await end.transcript();
  assert.match(lines[0] ?? '', answered(1, 200, Status.RESOURCE_EXHAUSTED));
  assert.deepEqual(lines.slice(1), ['RST_STREAM 1 NO_ERROR']);
  assert.match(end.call().events.join(), /^cancel: /);
  await end.finish();
});

test('DATA after END_STREAM resets a stream that is open', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request(), { endStream: true }).data(1, framed('late'));
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 STREAM_CLOSED']);
  assert.match(end.call().events.join(), /cancel: the peer sent DATA after END_STREAM$/);
  await end.finish();
});

test('more DATA than the connection window ends the connection with FLOW_CONTROL_ERROR', async () => {
  const end = await ServerEnd.ready({}, { transport: { initialStreamWindow: 1_000_000 } });
  end.handler = () => {};
  end.peer.headers(1, request());
  // Credit is queued, not written: the peer sends without waiting for it.
  const { flow } = end.transport.connection.credit;
  flow.unacked = flow.limit - 10;
  end.peer.data(1, Buffer.alloc(11));
  const lines = await end.transcript();
  assert.match(
    lines.join('\n'),
    /GOAWAY 1 FLOW_CONTROL_ERROR 11 bytes of DATA overran the connection window of 65535/,
  );
  end.call().release();
  await end.finish();
});

for (const [what, send] of [
  ['DATA', (peer: MockPeer) => peer.data(1, 'x')],
  ['RST_STREAM', (peer: MockPeer) => peer.rstStream(1, 8)],
  ['WINDOW_UPDATE', (peer: MockPeer) => peer.windowUpdate(1, 1)],
] as const) {
  test(`a server takes ${what} on an idle stream as a connection error`, async () => {
    await expectLines(send, [`GOAWAY 0 PROTOCOL_ERROR ${what} on idle stream 1`, 'END']);
  });
}

test('a WINDOW_UPDATE of 0 resets the stream it is for', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request()).windowUpdate(1, 0);
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 PROTOCOL_ERROR']);
  assert.deepEqual(end.call().events, ['cancel: WINDOW_UPDATE of 0']);
  await end.finish();
});

test('a stream window that overflows resets the stream with FLOW_CONTROL_ERROR on a server too', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request()).windowUpdate(1, 0x7fffffff);
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 FLOW_CONTROL_ERROR']);
  await end.finish();
});

test('a burst of calls is whose handlers take their time is dispatched one in each turn', async () => {
  const end = await ServerEnd.ready();
  end.handler = (call) => {
    end.clock.advance(6);
    call.end();
  };
  for (const id of [1, 3, 5]) end.peer.headers(id, request(), { endStream: true });
  end.peer.flush();
  await end.turns.deliver();
  assert.equal(end.calls.length, 1);
  end.turns.run();
  assert.equal(end.calls.length, 2);
  end.turns.run();
  assert.equal(end.calls.length, 3);
  assert.equal((await end.transcript()).length, 3);
  await end.finish();
});

test('a handler that goes on after its connection was lost changes nothing', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request());
  await end.settle();
  const call = end.call();
  end.peer.end();
  await end.settle();
  assert.equal(call.events.length, 1);
  call.stream.sendHead(['k', 'v']);
  call.send('late');
  call.stream.request(1);
  call.end();
  await end.finish();
});

test('DATA on its way to a stream that we reset long ago is no reason to end the connection', async () => {
  const end = await ServerEnd.ready({}, { limits: { streams: 2_000 } });
  // More than are remembered.
  for (let id = 1; id < 2_601; id += 2) end.peer.headers(id, request());
  await end.settle();
  for (const call of end.calls) {
    call.stream.reset(ErrorCode.CANCEL);
    call.release();
  }
  await end.settle();
  end.peer.take();
  end.peer.data(1, framed('late'));
  assert.deepEqual(await end.transcript(), ['RST_STREAM 1 STREAM_CLOSED']);
  assert.equal(end.transport.connection.limits.causedResets.used, 0);
  await end.finish();
});
