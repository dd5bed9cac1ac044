// Who waits on a channel: each is told, whatever the others do when they are told.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import type { Call, CallListener, Channel, Status } from '#sluice/index.js';
import { Status as StatusCode } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Waiters/Method';
const X = Buffer.from('x');
// Nothing listens there, and no call fails for it while the connection is being tried.
const NOBODY = '127.0.0.1:1';

const running = new Running();

afterEach(() => running.end());

/** A call that waits for a connection; `onEnd` runs when it ends. */
function waiting(channel: Channel, onEnd: (code: Status) => void): Call {
  const listener: CallListener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd };
  return channel.call(PATH, { waitForReady: true }, listener);
}

describe('ready()', () => {
  it('resolves for everybody who waits, though none of them makes a call', async () => {
    const channel = await running.channelTo(running.server());
    const all = Array.from({ length: 20 }, () => channel.ready());
    await Promise.all(all);
    assert.equal(channel.state, 'READY');
  });

  it('asked again and again holds no more than the channel lets calls wait', async () => {
    const channel = running.channel(NOBODY, { limits: { waitingCalls: 3 } });
    const asked = Array.from({ length: 10 }, () => channel.ready());
    assert.equal(new Set(asked).size, 3);
    const late = await failureOf(channel.ready({ timeoutMs: 1_000 }));
    assert.equal(late.code, StatusCode.RESOURCE_EXHAUSTED);
    assert.equal(
      late.details,
      'refused by the waiting-calls limit: 3 of 3 callers of ready wait already; give them a signal or timeoutMs, or raise limits.waitingCalls',
    );
    const ends = asked.map(failureOf);
    await channel.close();
    for (const end of ends) assert.equal((await end).code, StatusCode.UNAVAILABLE);
  });

  it('rejects with UNAVAILABLE when the channel closes, and after that', async () => {
    const channel = running.channel(NOBODY);
    const waiting = failureOf(channel.ready());
    await channel.close();
    assert.equal((await waiting).message, '14 UNAVAILABLE: the channel was closed');
    const late = await failureOf(channel.ready());
    assert.equal(late.message, '14 UNAVAILABLE: the channel is closed');
  });

  it('with a time rejects after it, naming what the channel waited for', async () => {
    const channel = running.channel(NOBODY, { backoff: { initialMs: 60_000 } });
    const late = await failureOf(channel.ready({ timeoutMs: 100 }));
    assert.equal(late.code, StatusCode.DEADLINE_EXCEEDED);
    assert.match(
      late.details,
      /^the channel was not ready after 100 ms: TRANSIENT_FAILURE, cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
    assert.throws(() => channel.ready({ timeoutMs: Number.NaN }), {
      name: 'RangeError',
      message: 'timeoutMs is NaN; it must be a number of ms',
    });
  });

  it('with a signal rejects when that aborts, and leaves no listener on it', async () => {
    const channel = running.channel(NOBODY);
    const controller = new AbortController();
    const { signal } = controller;
    const gaveUp = failureOf(channel.ready({ signal }));
    const other = failureOf(channel.ready());
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    controller.abort();
    assert.equal((await gaveUp).message, '1 CANCELLED: the signal was aborted');
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    const late = await failureOf(channel.ready({ signal }));
    assert.equal(late.code, StatusCode.CANCELLED);
    await channel.close();
    assert.equal((await other).code, StatusCode.UNAVAILABLE);
  });

  it('with a time resolves as without, and its timer is gone', async () => {
    const channel = await running.channelTo(running.server());
    await channel.ready({ timeoutMs: 10_000 });
    assert.equal(channel.state, 'READY');
  });
});

describe('calls that fail while they wait', () => {
  it('all end, though the listener of one cancels the next', async () => {
    const channel = running.channel(NOBODY);
    const codes: Status[] = [];
    const calls: Call[] = [];
    for (let i = 0; i < 4; i += 1) {
      const onEnd = (code: Status): void => {
        codes.push(code);
        if (i === 0) calls[1]?.cancel();
      };
      calls.push(waiting(channel, onEnd));
    }
    await channel.close();
    const { CANCELLED, UNAVAILABLE } = StatusCode;
    assert.deepEqual(codes, [UNAVAILABLE, CANCELLED, UNAVAILABLE, UNAVAILABLE]);
  });
});

describe('TLS settings that cannot be used', () => {
  it('fail calls with UNAVAILABLE and the reason; trying again throws at nobody', async () => {
    const channel = running.channel(NOBODY, {
      tls: { cert: '-----BEGIN nothing', key: '-----BEGIN nothing' },
      backoff: { initialMs: 1 },
    });
    for (let i = 0; i < 3; i += 1) {
      const failure = await failureOf(channel.unary(PATH, X));
      assert.equal(failure.code, StatusCode.UNAVAILABLE);
      assert.match(failure.details, /^cannot connect to 127\.0\.0\.1:1: .*PEM/);
    }
    const late = await failureOf(channel.unary(PATH, X, { waitForReady: true, timeoutMs: 50 }));
    assert.equal(late.code, StatusCode.DEADLINE_EXCEEDED);
    assert.match(late.details, /PEM/);
  });
});
