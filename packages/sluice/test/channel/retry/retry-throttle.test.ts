// Throttling of retries and hedges while a backend fails too often (gRFC A6).

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryThrottle } from '#sluice/channel/retry/retry-throttle.js';
import { Status } from '#sluice/grpc/status.js';
import { hedgingConfig, pushback, retryConfig, Scripted } from './scripted-attempts.js';

describe('the token bucket', () => {
  it('allows retries above half of its tokens, which failures take and successes give', () => {
    const throttle = new RetryThrottle(4, 0.5);
    throttle.onFailure();
    assert.equal(throttle.allows, true);
    throttle.onFailure();
    assert.equal(throttle.allows, false);
    throttle.onSuccess();
    assert.equal(throttle.allows, true);
  });

  it('is never less than empty or more than full', () => {
    const throttle = new RetryThrottle(2, 1);
    for (let i = 0; i < 5; i += 1) throttle.onFailure();
    assert.equal(throttle.fullness, 0);
    for (let i = 0; i < 5; i += 1) throttle.onSuccess();
    assert.equal(throttle.fullness, 1);
  });

  it('is as full after a change of the config as before, and the same without one', () => {
    const { retries } = new Scripted(retryConfig());
    retries.configure({ maxTokens: 10, tokenRatio: 0.1 });
    const { throttle } = retries;
    throttle?.onFailure();
    retries.configure({ maxTokens: 10, tokenRatio: 0.1 });
    assert.equal(retries.throttle, throttle);
    retries.configure({ maxTokens: 100, tokenRatio: 0.1 });
    assert.equal(retries.throttle?.fullness, 0.9);
    retries.configure(undefined);
    assert.equal(retries.throttle, undefined);
  });
});

describe('calls of a throttled channel', () => {
  function throttled(scripted: Scripted, maxTokens: number): void {
    scripted.retries.configure({ maxTokens, tokenRatio: 0.5 });
  }

  it('are not tried again while too many fail', () => {
    const scripted = new Scripted(retryConfig());
    throttled(scripted, 4);
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    scripted.nextAfter(100).end(Status.UNAVAILABLE, 'second');
    assert.deepEqual(heard.events, ['UNAVAILABLE: second']);
    assert.equal(scripted.retries.counts.throttled, 1);
    scripted.finish();
  });

  it('count failures that are retryable or never to be tried again, and no others', () => {
    const scripted = new Scripted(retryConfig(1));
    throttled(scripted, 10);
    const fullness = (play: (at: number) => void): number | undefined => {
      scripted.call({}, 'x');
      play(scripted.made.length - 1);
      return scripted.retries.throttle?.fullness;
    };
    assert.equal(
      fullness((at) => scripted.attempt(at).end(Status.INVALID_ARGUMENT)),
      1,
    );
    assert.equal(
      fullness((at) => scripted.attempt(at).refuse('here')),
      1,
    );
    assert.equal(
      fullness((at) => scripted.attempt(at).end(Status.UNAVAILABLE)),
      0.9,
    );
    // Not the server's doing, though the policy names the code.
    assert.equal(
      fullness((at) => scripted.attempt(at).abandon(Status.UNAVAILABLE, 'here')),
      0.9,
    );
    const never = pushback('-1');
    assert.equal(
      fullness((at) => scripted.attempt(at).end(Status.INTERNAL, '', never)),
      0.8,
    );
    assert.equal(
      fullness((at) => scripted.attempt(at).end(Status.OK)),
      0.85,
    );
    scripted.finish();
  });

  it('are not hedged, and those under way go on', () => {
    const scripted = new Scripted(hedgingConfig());
    throttled(scripted, 2);
    scripted.retries.throttle?.onFailure();
    const heard = scripted.call({}, 'x');
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 1);
    assert.equal(scripted.retries.counts.throttled, 1);
    scripted.attempt(0).end(Status.UNAVAILABLE, 'only');
    assert.deepEqual(heard.events, ['UNAVAILABLE: only']);
    scripted.finish();
  });
});
