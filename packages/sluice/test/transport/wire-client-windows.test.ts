// What a client may write and when: stream and connection windows, the peer's changes to them, what
// needs no window, and the writer's own quota (RFC 9113 §6.9).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutState } from '#sluice/transport/out-stream.js';
import { ClientEnd } from '../support/client-end.js';
import { framed } from '../support/mock-peer.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];

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
