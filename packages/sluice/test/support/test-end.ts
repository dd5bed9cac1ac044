// What a transport that a test drives against a MockPeer must leave behind: nothing.

import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import type { TimerWheel } from '#sluice/transport/timer-wheel.js';
import type { MockPeer } from './mock-peer.js';

/** ClientEnd or ServerEnd. */
export interface TestEnd {
  readonly transport: { close(reason: string): void };
  readonly peer: MockPeer;
  readonly wheel: TimerWheel;
  readonly socket: Duplex;
  settle(): Promise<void>;
  assertIdle(): void;
}

/** Closes what is still open and asserts that nothing stays behind. */
export async function finishEnd(end: TestEnd): Promise<void> {
  await end.settle();
  end.assertIdle();
  end.transport.close('the test is over');
  await end.settle();
  end.peer.end();
  await end.settle();
  end.assertIdle();
  assert.equal(end.wheel.size, 0, 'timers');
  assert.ok(end.socket.destroyed, 'the socket is destroyed');
}
