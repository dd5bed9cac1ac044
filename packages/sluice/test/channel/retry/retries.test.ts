// Retries by a policy (gRFC A6): which failures are tried again, when, and what the caller hears.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { config, pushback, retryConfig, Scripted } from './scripted-attempts.js';

describe('a call with a retry policy', () => {
  it('is tried again after a retryable failure, and its caller hears of the last attempt alone', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'request');
    heard.call.request(2);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.deepEqual(heard.events, []);
    const second = scripted.nextAfter(100);
    assert.deepEqual([second.whole, second.wanted, second.previous], ['request', 2, 1]);
    second.header();
    second.message('answer');
    second.end(Status.OK, '');
    assert.deepEqual(heard.events, ['header', 'message answer', 'OK: ']);
    assert.equal(scripted.retries.counts.retries, 1);
    scripted.finish();
  });

  it('waits longer each time, up to the longest backoff', () => {
    const scripted = new Scripted(retryConfig(7));
    scripted.call({}, 'x');
    for (const ms of [100, 200, 400, 800, 1_000, 1_000]) {
      scripted.attempt(scripted.made.length - 1).end(Status.UNAVAILABLE);
      scripted.nextAfter(ms);
    }
    scripted.attempt(6).end(Status.OK);
    scripted.finish();
  });

  it('spreads its backoff by 20 % either way', () => {
    for (const [chance, ms] of [
      [0, 80],
      [1, 120],
    ] as const) {
      const scripted = new Scripted(retryConfig());
      scripted.chance = () => chance;
      scripted.call({}, 'x');
      scripted.attempt(0).end(Status.UNAVAILABLE);
      scripted.nextAfter(ms).end(Status.OK);
      scripted.finish();
    }
  });

  it('ends with the status of its last attempt when it has had as many as it may', () => {
    const scripted = new Scripted(retryConfig(2));
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE, 'first');
    scripted.nextAfter(100).end(Status.UNAVAILABLE, 'second', new Metadata({ k: 'v' }));
    assert.deepEqual(heard.events, ['UNAVAILABLE: second']);
    assert.equal(heard.trailer.get('k'), 'v');
    scripted.finish();
  });

  it('is not tried again after a code that the policy does not name', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.INTERNAL);
    assert.deepEqual(heard.events, ['INTERNAL: INTERNAL']);
    scripted.finish();
  });

  it('is not tried again once response headers came', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).header();
    assert.equal(scripted.account.bytes, 0);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.deepEqual(heard.events, ['header', 'UNAVAILABLE: UNAVAILABLE']);
    scripted.finish();
  });

  it('is not tried again when a limit of this process refused it, whatever the policy says', () => {
    const codes = new Set<number>([Status.RESOURCE_EXHAUSTED, Status.UNAVAILABLE]);
    const { retry } = retryConfig();
    assert.ok(retry !== undefined);
    const scripted = new Scripted(config({ retry: { ...retry, codes } }));
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).refuse('refused by the waiting-calls limit');
    assert.deepEqual(heard.events, ['RESOURCE_EXHAUSTED: refused by the waiting-calls limit']);
    // The server's own refusal is another matter.
    const other = scripted.call({}, 'x');
    scripted.attempt(1).end(Status.RESOURCE_EXHAUSTED);
    scripted.nextAfter(100).end(Status.OK);
    assert.deepEqual(other.events, ['OK: OK']);
    scripted.finish();
  });

  it('tells both sides how many attempts came before', () => {
    const key = 'grpc-previous-rpc-attempts';
    const scripted = new Scripted(retryConfig());
    const answered = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    const second = scripted.nextAfter(100);
    second.header({ own: 'field' });
    second.end(Status.OK);
    assert.equal(answered.header.get(key), '1');
    assert.equal(answered.header.get('own'), 'field');
    assert.equal(answered.trailer.has(key), false);

    const failed = scripted.call({}, 'x');
    scripted.attempt(2).end(Status.UNAVAILABLE);
    scripted.nextAfter(100).end(Status.UNAVAILABLE);
    scripted.nextAfter(200).end(Status.UNAVAILABLE);
    assert.equal(failed.trailer.get(key), '2');
    scripted.finish();
  });

  it('sends the metadata that it was made with, whatever became of them since', () => {
    const scripted = new Scripted(retryConfig());
    const metadata = new Metadata({ k: 'then' });
    scripted.call({ metadata }, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    metadata.set('k', 'later');
    const second = scripted.nextAfter(100);
    assert.equal(second.options.metadata?.get('k'), 'then');
    second.end(Status.OK);
    scripted.finish();
  });

  it('throws what misuse throws, and leaves nothing behind', () => {
    const scripted = new Scripted(retryConfig());
    scripted.onMade = (attempt) => {
      attempt.onStart = () => {
        throw new RangeError('misuse');
      };
    };
    const { signal, abort } = aborting();
    assert.throws(() => scripted.call({ signal }, 'x'), new RangeError('misuse'));
    abort();
    assert.deepEqual(scripted.calls[0]?.events, []);
    scripted.finish();
  });
});

describe('pushback of the server', () => {
  it('sets the time of the next attempt, and backoff begins anew', () => {
    const scripted = new Scripted(retryConfig(5));
    scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    scripted.nextAfter(100).end(Status.UNAVAILABLE, '', pushback('3000'));
    scripted.nextAfter(3_000).end(Status.UNAVAILABLE);
    scripted.nextAfter(100).end(Status.OK);
    scripted.finish();
  });

  it('of 0 ms is an attempt at once', () => {
    const scripted = new Scripted(retryConfig());
    scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE, '', pushback('0'));
    scripted.attempt(1).end(Status.OK);
    scripted.finish();
  });

  for (const value of ['-1', 'soon', '', '007', '2147483648', '1.5']) {
    it(`"${value}" means never again`, () => {
      const scripted = new Scripted(retryConfig());
      const heard = scripted.call({}, 'x');
      scripted.attempt(0).end(Status.UNAVAILABLE, 'full', pushback(value));
      assert.deepEqual(heard.events, ['UNAVAILABLE: full']);
      scripted.finish();
    });
  }

  it('given twice means never again', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    const twice = pushback('10').merge(pushback('20'));
    scripted.attempt(0).end(Status.UNAVAILABLE, 'full', twice);
    assert.deepEqual(heard.events, ['UNAVAILABLE: full']);
    scripted.finish();
  });

  it('does not make a failure retryable that is not', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.INTERNAL, 'broken', pushback('10'));
    assert.deepEqual(heard.events, ['INTERNAL: broken']);
    scripted.finish();
  });
});

describe('the deadline and the caller', () => {
  it('the deadline is that of all attempts together, and names what the call waited for', () => {
    const scripted = new Scripted(retryConfig(5));
    const heard = scripted.call({ timeoutMs: 250 }, 'x');
    scripted.clock.advance(50);
    scripted.attempt(0).end(Status.UNAVAILABLE, 'down');
    const second = scripted.nextAfter(100);
    assert.equal(second.options.timeoutMs, 250);
    assert.ok(second.elapsedMs >= 150 && second.elapsedMs < 160);
    second.end(Status.UNAVAILABLE, 'still down');
    scripted.clock.advance(120);
    assert.match(
      heard.events.join(),
      /^DEADLINE_EXCEEDED: deadline of 250 ms exceeded; waited \d+ ms for its next attempt, due in \d+ ms, after UNAVAILABLE: still down$/,
    );
    scripted.finish();
  });

  it('the shorter of the deadlines of the caller and of the method holds', () => {
    const { retry } = retryConfig();
    const scripted = new Scripted(config({ retry, timeoutMs: 50 }));
    const heard = scripted.call({ timeoutMs: 1_000 }, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE, 'down');
    scripted.clock.advance(60);
    assert.match(heard.events.join(), /^DEADLINE_EXCEEDED: deadline of 50 ms exceeded/);
    scripted.finish();
  });

  it('an attempt that ended by the deadline ends the call', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({ timeoutMs: 100 }, 'x');
    scripted.attempt(0).abandon(Status.DEADLINE_EXCEEDED, 'deadline of 100 ms exceeded');
    assert.deepEqual(heard.events, ['DEADLINE_EXCEEDED: deadline of 100 ms exceeded']);
    scripted.finish();
  });

  it('cancellation ends it under way', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    heard.call.cancel();
    assert.deepEqual(heard.events, ['CANCELLED: cancelled by the caller']);
    assert.equal(scripted.attempt(0).cancelledFor, 'cancelled by the caller');
    scripted.finish();
  });

  it('cancellation ends it between two attempts', () => {
    const scripted = new Scripted(retryConfig());
    const { signal, abort } = aborting();
    const heard = scripted.call({ signal }, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    abort();
    assert.deepEqual(heard.events, ['CANCELLED: the signal was aborted']);
    scripted.clock.advance(10_000);
    assert.equal(scripted.made.length, 1);
    scripted.finish();
  });

  it('a signal that was aborted before makes no attempt', () => {
    const scripted = new Scripted(retryConfig());
    const { signal, abort } = aborting();
    abort();
    const heard = scripted.call({ signal }, 'x');
    assert.deepEqual(heard.events, ['CANCELLED: the signal was aborted before the call']);
    assert.equal(scripted.made.length, 0);
    scripted.finish();
  });

  it('the end of the parent call ends it between two attempts, and is heard no more after it', () => {
    const scripted = new Scripted(retryConfig());
    const children = new Set<{ cancel(reason: string): void }>();
    const parent = {
      deadline: undefined,
      follow: (child: { cancel(reason: string): void }) => void children.add(child),
      unfollow: (child: { cancel(reason: string): void }) => void children.delete(child),
    };
    const heard = scripted.call({ parent }, 'x');
    assert.equal(scripted.attempt(0).options.parent, undefined);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    for (const child of [...children]) child.cancel('its client is gone');
    assert.deepEqual(heard.events, [
      'CANCELLED: the parent call was cancelled: its client is gone',
    ]);
    assert.equal(children.size, 0);
    scripted.finish();
  });

  it('a call between two attempts holds the process, and ends with its channel', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    assert.equal(scripted.clock.pendingRefs, 0);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.equal(scripted.clock.pendingRefs, 1);
    const second = scripted.nextAfter(100);
    assert.equal(scripted.clock.pendingRefs, 0);
    second.end(Status.UNAVAILABLE);
    scripted.retries.close('the channel was closed');
    assert.deepEqual(heard.events, ['UNAVAILABLE: the channel was closed']);
    scripted.finish();
  });

  it('an attempt that ends once the channel is closed is the last', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call({}, 'x');
    scripted.retries.close('the channel was closed');
    scripted.attempt(0).end(Status.UNAVAILABLE, 'the channel was closed');
    assert.deepEqual(heard.events, ['UNAVAILABLE: the channel was closed']);
    scripted.finish();
  });
});

function aborting(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
