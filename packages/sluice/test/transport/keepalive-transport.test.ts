// Keepalive, ping enforcement, age and idleness on real transports (gRFC A8, gRFC A9): two hours
// pass in a moment, on a clock that the test turns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import { pingItem } from '#sluice/transport/control-buffer.js';
import { openCall } from '../support/client-call.js';
import { openPair } from '../support/served-pair.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test('client: a server that is silent for time and timeout is given up', async () => {
  const { pair } = await openPair({ client: { keepalive: { timeMs: 10 * SECOND } } });
  const call = openCall(pair.client);
  await pair.settle();
  pair.serverSocket.pause();
  await pair.pass(29 * SECOND, SECOND);
  assert.equal(pair.client.state, 'ready');
  await pair.pass(3 * SECOND, SECOND);
  assert.deepEqual(call.ends, [Status.UNAVAILABLE]);
  assert.match(call.details, /^keepalive: the peer sent nothing for 20000 ms after a ping/);
  pair.serverSocket.resume();
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('client: a server that answers is kept for hours, when it allows the pings', async () => {
  const { pair } = await openPair({
    client: { keepalive: { timeMs: 10 * SECOND } },
    server: { minPingIntervalMs: 9 * SECOND },
  });
  const call = openCall(pair.client);
  await pair.pass(HOUR, 5 * SECOND);
  assert.equal(pair.client.state, 'ready');
  call.stream.cancel();
  await pair.close();
});

test('client: a default server answers frequent pings with too_many_pings, and the time doubles', async () => {
  const { pair, served } = await openPair({ client: { keepalive: { timeMs: 10 * SECOND } } });
  const call = openCall(pair.client);
  await pair.pass(2 * MINUTE, SECOND);
  assert.equal(pair.client.state, 'closed');
  assert.match(pair.draining ?? '', /GOAWAY\(ENHANCE_YOUR_CALM\) "?too_many_pings/);
  assert.equal(pair.keepaliveTimeMs, 20 * SECOND);
  assert.deepEqual(call.ends, [Status.UNAVAILABLE]);
  assert.equal(served.length, 1);
  pair.assertNothingLeft();
});

test('client: without streams no ping is sent, unless permitted', async () => {
  for (const permitWithoutStream of [false, true]) {
    const { pair } = await openPair({
      client: { keepalive: { timeMs: 10 * SECOND, permitWithoutStream } },
      server: { permitPingsWithoutStream: true, minPingIntervalMs: 5 * SECOND },
    });
    pair.serverSocket.pause();
    await pair.pass(40 * SECOND, SECOND);
    assert.equal(pair.client.state, permitWithoutStream ? 'closed' : 'ready');
    pair.serverSocket.resume();
    await pair.pass(2 * SECOND);
    if (permitWithoutStream) pair.assertNothingLeft();
    else await pair.close();
  }
});

test('server: three pings too many end the connection; what was forgiven does not count', async () => {
  const { pair, served } = await openPair();
  openCall(pair.client);
  await pair.settle();
  const ping = async (): Promise<void> => {
    pair.client.loopy.buffer.put(pingItem(1, 2));
    await pair.settle();
  };
  await ping();
  await ping();
  await ping();
  assert.equal(pair.server.state, 'ready', 'two strikes are forgiven');
  served[0]?.send(Buffer.alloc(10));
  await pair.settle();
  for (let i = 0; i < 3; i += 1) await ping();
  assert.equal(pair.server.state, 'ready', 'data sent cleared the strikes');
  await ping();
  assert.equal(pair.server.state, 'closed');
  assert.ok(pair.serverClosed?.kind === 'connection');
  assert.equal(pair.serverClosed.errorCode, ErrorCode.ENHANCE_YOUR_CALM);
  assert.equal(pair.serverClosed.reason, 'too_many_pings');
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('the pings of the BDP estimator are no strikes, however long data flows', async () => {
  const { pair, served } = await openPair();
  const call = openCall(pair.client);
  await pair.settle();
  const [stream] = served;
  assert.ok(stream !== undefined);
  for (let i = 0; i < 60; i += 1) {
    call.stream.request(1);
    stream.send(Buffer.alloc(300_000));
    for (let round = 0; call.messages.length <= i; round += 1) {
      assert.ok(round < 1_000);
      pair.clock.advance(1);
      await pair.settle();
    }
  }
  assert.ok(pair.client.connection.credit.bdp.rttMs > 0, 'pings were sent');
  assert.equal(pair.server.state, 'ready');
  await pair.close();
});

test('server: a silent client is pinged after two hours and given up 20 s later', async () => {
  const { pair } = await openPair();
  await pair.pass(2 * HOUR - MINUTE, MINUTE);
  pair.clientSocket.pause();
  await pair.pass(MINUTE + 15 * SECOND, SECOND);
  assert.equal(pair.server.state, 'ready');
  // A read is known to within a sixteenth of the time.
  await pair.pass((2 * HOUR) / 16 + 10 * SECOND, SECOND);
  assert.equal(pair.server.state, 'closed');
  assert.match(pair.serverClosed?.reason ?? '', /^keepalive: the peer sent nothing for 20000 ms/);
  pair.clientSocket.resume();
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('server: a client that answers is kept for hours', async () => {
  const { pair } = await openPair();
  await pair.pass(5 * HOUR, 10 * SECOND);
  assert.equal(pair.server.state, 'ready');
  await pair.close();
});

test('server: past its age a connection drains, and open calls finish first', async () => {
  const { pair, served } = await openPair({ server: { keepalive: { maxAgeMs: 100 * SECOND } } });
  const call = openCall(pair.client);
  await pair.pass(89 * SECOND, SECOND);
  assert.equal(pair.server.state, 'ready', 'a tenth of the age is jitter');
  await pair.pass(22 * SECOND, SECOND);
  assert.equal(pair.server.state, 'draining');
  assert.match(pair.draining ?? '', /GOAWAY\(NO_ERROR\) "?max_age/);
  await pair.pass(HOUR, MINUTE);
  assert.deepEqual(call.ends, [], 'no grace was set');
  call.stream.halfClose();
  call.stream.request(1);
  served[0]?.end(Status.OK, '', []);
  await pair.settle();
  assert.deepEqual(call.ends, [Status.OK]);
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('server: the grace after an age ends what is still open', async () => {
  const { pair } = await openPair({
    server: { keepalive: { maxAgeMs: 100 * SECOND, maxAgeGraceMs: 30 * SECOND } },
  });
  const call = openCall(pair.client);
  await pair.pass(111 * SECOND, SECOND);
  assert.equal(pair.server.state, 'draining');
  assert.deepEqual(call.ends, []);
  await pair.pass(30 * SECOND, SECOND);
  assert.deepEqual(call.ends, [Status.UNAVAILABLE]);
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('server: a connection without streams for its idle time is drained; with one it is not', async () => {
  const { pair } = await openPair({ server: { keepalive: { maxIdleMs: 60 * SECOND } } });
  const call = openCall(pair.client);
  await pair.pass(10 * MINUTE, SECOND);
  assert.equal(pair.server.state, 'ready');
  call.stream.cancel();
  await pair.pass(55 * SECOND, SECOND);
  assert.equal(pair.server.state, 'ready');
  await pair.pass(15 * SECOND, SECOND);
  assert.match(pair.draining ?? '', /GOAWAY\(NO_ERROR\) "?max_idle/);
  await pair.pass(2 * SECOND);
  pair.assertNothingLeft();
});

test('a client whose own gate is closed does not blame the server for the silence', async () => {
  const { pair } = await openPair({
    client: { keepalive: { timeMs: 10 * SECOND } },
    server: { minPingIntervalMs: SECOND },
  });
  const call = openCall(pair.client);
  await pair.settle();
  // Sixty pings to answer, and no turn to answer them in.
  for (let i = 0; i < 60; i += 1) pair.server.connection.loopy.buffer.put(pingItem(3, i));
  pair.serverTurns.run();
  await pair.serverTurns.deliver();
  assert.equal(pair.client.connection.reader.gate, 'closed');
  for (let i = 0; i < 120; i += 1) pair.clock.advance(SECOND);
  assert.equal(pair.client.connection.closedBy, undefined);
  await pair.settle();
  assert.equal(pair.client.state, 'ready');
  call.stream.cancel();
  await pair.close();
});
