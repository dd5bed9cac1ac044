// Hedging (gRFC A6): attempts side by side, of which the first that is answered counts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import { hedgingConfig, pushback, Scripted } from './scripted-attempts.js';

describe('a call with a hedging policy', () => {
  it('makes one attempt after the other while none is answered, up to the most', () => {
    const scripted = new Scripted(hedgingConfig());
    scripted.call({}, 'x');
    scripted.nextAfter(100);
    assert.equal(scripted.nextAfter(100).previous, 2);
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 3);
    assert.equal(scripted.retries.counts.hedges, 2);
    scripted.attempt(1).end(Status.OK);
    scripted.finish();
  });

  it('is the first attempt that has response headers; the others are cancelled', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call({}, 'x');
    heard.call.request(2);
    const second = scripted.nextAfter(100);
    second.header();
    assert.equal(scripted.attempt(0).cancelledFor, 'another attempt of the call was chosen');
    scripted.attempt(0).header();
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 2);
    second.message('answer');
    second.end(Status.OK, '');
    assert.deepEqual(heard.events, ['header', 'message answer', 'OK: ']);
    assert.equal(heard.header.get('grpc-previous-rpc-attempts'), '1');
    scripted.finish();
  });

  it('without a delay makes all attempts at once', () => {
    const scripted = new Scripted(hedgingConfig(4, 0));
    scripted.call({}, 'x');
    assert.equal(scripted.made.length, 4);
    scripted.attempt(2).end(Status.OK);
    scripted.finish();
  });

  it('makes the next attempt at once after a failure that is not fatal', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call({}, 'x');
    scripted.clock.advance(50);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.equal(scripted.made.length, 2);
    // The delay counts from there.
    scripted.nextAfter(100).end(Status.OK, '');
    assert.deepEqual(heard.events, ['OK: ']);
    scripted.finish();
  });

  it('makes no more than the most when failures come before the delay is over', () => {
    const scripted = new Scripted(hedgingConfig(2));
    const heard = scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE);
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 2);
    scripted.attempt(1).end(Status.UNAVAILABLE, 'last');
    assert.deepEqual(heard.events, ['UNAVAILABLE: last']);
    scripted.finish();
  });

  it('ends with a fatal failure of any attempt', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call({}, 'x');
    scripted.nextAfter(100).end(Status.INVALID_ARGUMENT);
    assert.deepEqual(heard.events, ['INVALID_ARGUMENT: INVALID_ARGUMENT']);
    scripted.finish();
  });

  it('a hedge that a limit of this process refused leaves the others to be answered', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call({}, 'x');
    scripted.nextAfter(100).refuse('refused by the waiting-calls limit');
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 2);
    scripted.attempt(0).end(Status.OK, '');
    assert.deepEqual(heard.events, ['OK: ']);
    scripted.finish();
  });

  it('pushback sets the time of the next attempt, and "never" lets those under way go on', () => {
    const scripted = new Scripted(hedgingConfig(5));
    const heard = scripted.call({}, 'x');
    scripted.nextAfter(100);
    scripted.attempt(0).end(Status.UNAVAILABLE, '', pushback('500'));
    const third = scripted.nextAfter(500);
    third.end(Status.UNAVAILABLE, '', pushback('-1'));
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 3);
    assert.deepEqual(heard.events, []);
    scripted.attempt(1).end(Status.UNAVAILABLE, 'last');
    assert.deepEqual(heard.events, ['UNAVAILABLE: last']);
    scripted.finish();
  });

  it('a call whose attempts have all failed waits as long as the server asks for', () => {
    const scripted = new Scripted(hedgingConfig(2));
    scripted.call({}, 'x');
    scripted.attempt(0).end(Status.UNAVAILABLE, '', pushback('500'));
    assert.equal(scripted.retries.waitingCalls, 1);
    scripted.nextAfter(500).end(Status.OK);
    scripted.finish();
  });

  it('attempts that fail as they are started are as many as they may be', () => {
    const scripted = new Scripted(hedgingConfig(3, 0));
    scripted.onMade = (attempt) => {
      attempt.onStart = () => attempt.end(Status.UNAVAILABLE);
    };
    const heard = scripted.call({}, 'x');
    assert.equal(scripted.made.length, 3);
    assert.deepEqual(heard.events, ['UNAVAILABLE: UNAVAILABLE']);
    scripted.finish();
  });

  it('messages go to every attempt; the fastest one paces the caller', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call();
    heard.call.send(Buffer.from('a'));
    scripted.attempt(0).writable = false;
    const second = scripted.nextAfter(100);
    assert.equal(heard.call.send(Buffer.from('b')), true);
    second.writable = false;
    assert.equal(heard.call.send(Buffer.from('c')), false);
    heard.call.halfClose();
    assert.deepEqual(second.sent, ['a', 'b', 'c']);
    assert.equal(second.halfClosed, true);
    assert.deepEqual(scripted.attempt(0).sent, ['a', 'b']);
    scripted.attempt(0).room();
    assert.deepEqual(scripted.attempt(0).sent, ['a', 'b', 'c']);
    assert.equal(scripted.attempt(0).halfClosed, true);
    scripted.attempt(0).end(Status.OK);
    scripted.finish();
  });
});
