// What a call keeps so that it can be tried again, and what it asks for when it is (gRFC A6,
// "transparent retries"): a call on a channel that the test plays, over a real transport.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientCall } from '#sluice/channel/call.js';
import type { CallCounts, CallPlacer } from '#sluice/channel/call-handle.js';
import type { CallDefaults } from '#sluice/channel/call-options.js';
import { CredentialsLine } from '#sluice/channel/credentials-line.js';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import type { StallReason } from '#sluice/transport/stall.js';
import type { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { ClientEnd } from '../support/client-end.js';

const MIB = 1024 * 1024;

/** Puts each call in a line that the test lets go on. */
class Line implements CallPlacer {
  readonly target = 'test';
  readonly wheel: TimerWheel;
  readonly credentialsLine: CredentialsLine;
  readonly callDefaults: CallDefaults = {
    authority: 'test',
    security: 'none',
    credentials: undefined,
    compress: undefined,
    maxSendMessageLength: Number.POSITIVE_INFINITY,
    interceptors: undefined,
  };
  readonly counts: CallCounts = { started: 0, succeeded: 0, failed: 0 };
  /** Calls that were placed again. */
  readonly again: ClientCall[] = [];

  constructor(end: ClientEnd) {
    this.wheel = end.wheel;
    this.credentialsLine = new CredentialsLine(defaultClientLimits, end.wheel, () => {});
  }

  settingsOf(): undefined {}

  retryOf(): undefined {}

  place(call: ClientCall, again: boolean): void {
    call.inLine = true;
    call.waitingSinceMs = this.wheel.now();
    if (again) this.again.push(call);
  }

  withdraw(call: ClientCall): void {
    call.inLine = false;
  }

  onHeld(): void {}

  stallOf(): StallReason {
    return { kind: 'turn', forMs: 0, ahead: 0 };
  }
}

interface Ended {
  code: Status | undefined;
}

function unary(end: ClientEnd, line: Line, bytes: number, timeoutMs?: number): [ClientCall, Ended] {
  const ended: Ended = { code: undefined };
  const onEnd = (code: Status): void => {
    ended.code = code;
  };
  const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd };
  const call = new ClientCall(line, '/s/m', { timeoutMs }, listener);
  call.start(Buffer.alloc(bytes));
  line.withdraw(call);
  assert.ok(call.open(end.transport, undefined));
  return [call, ended];
}

test('what calls keep behind a server that reads all and answers nothing is bounded', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: MIB });
  end.peer.windowUpdate(0, 100 * MIB);
  await end.settle();
  const line = new Line(end);
  const calls: [ClientCall, Ended][] = [];
  for (let i = 0; i < 40; i += 1) {
    calls.push(unary(end, line, 200_000));
    await end.settle();
  }
  const kept = calls.reduce((sum, [call]) => sum + call.heldBytes, 0);
  assert.equal(kept, 4_000_000);
  assert.equal(end.transport.replayBytes, kept);
  // The first is among those kept, the last is not.
  end.peer.rstStream(1, ErrorCode.REFUSED_STREAM).rstStream(79, ErrorCode.REFUSED_STREAM);
  await end.settle();
  assert.deepEqual(line.again, [calls[0]?.[0]]);
  assert.equal(calls[39]?.[1].code, Status.UNAVAILABLE);
  assert.equal(end.transport.replayBytes, kept - 200_000);
  for (const [call] of calls) call.cancel();
  assert.equal(end.transport.replayBytes, 0);
  assert.ok(calls.every(([call]) => call.heldBytes === 0));
  await end.finish();
});

test('a call that was never written is tried again, however large it is', async () => {
  const end = await ClientEnd.ready();
  const line = new Line(end);
  const [call, ended] = unary(end, line, MIB);
  end.transport.drain('the test says so');
  assert.deepEqual(line.again, [call]);
  assert.equal(call.heldBytes, MIB);
  call.cancel();
  assert.equal(ended.code, Status.CANCELLED);
  await end.finish();
});

/** A call that sends 500,000 bytes, of which nothing was written yet. */
function streaming(end: ClientEnd, line: Line): [ClientCall, Ended] {
  const ended: Ended = { code: undefined };
  const onEnd = (code: Status): void => {
    ended.code = code;
  };
  const call = new ClientCall(
    line,
    '/s/m',
    {},
    { onHeader() {}, onMessage() {}, onWritable() {}, onEnd },
  );
  call.start(undefined);
  line.withdraw(call);
  assert.ok(call.open(end.transport, undefined));
  for (let i = 0; i < 5; i += 1) call.send(Buffer.alloc(100_000));
  return [call, ended];
}

test('a stream of requests that was never written is tried again, however much it is', async () => {
  const end = await ClientEnd.ready();
  const line = new Line(end);
  const [call, ended] = streaming(end, line);
  end.transport.drain('the test says so');
  assert.deepEqual(line.again, [call]);
  assert.ok(call.heldBytes >= 500_000);
  call.cancel();
  assert.equal(ended.code, Status.CANCELLED);
  await end.finish();
});

test('a large stream of requests is kept no longer once it is on its way', async () => {
  const end = await ClientEnd.ready({ INITIAL_WINDOW_SIZE: MIB });
  end.peer.windowUpdate(0, MIB);
  await end.settle();
  const line = new Line(end);
  const [call, ended] = streaming(end, line);
  await end.settle();
  assert.equal(call.heldBytes, 0);
  end.peer.rstStream(1, ErrorCode.REFUSED_STREAM);
  await end.settle();
  assert.equal(ended.code, Status.UNAVAILABLE);
  await end.finish();
});

test('the server is told of the time that is left after a wait in the line', async () => {
  const end = await ClientEnd.ready();
  const line = new Line(end);
  end.clock.advance(8);
  const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd() {} };
  const call = new ClientCall(line, '/s/m', { timeoutMs: 1_000 }, listener);
  call.start(Buffer.from('x'));
  end.clock.advance(400);
  line.withdraw(call);
  call.open(end.transport, undefined);
  await end.settle();
  assert.equal(end.peer.field(1, 'grpc-timeout'), '600m');
  call.cancel();
  await end.finish();
});
