// What calls keep so that another attempt can send it, and what happens when it is too much
// (gRFC A6 "Memory Management (Buffering)").

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { hedgingConfig, retryConfig, Scripted } from './scripted-attempts.js';

const KIB = 1024;

describe('the messages of a call', () => {
  it('are sent again by the next attempt, in order, then those that follow', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call();
    assert.equal(heard.call.send(Buffer.from('a')), true);
    heard.call.send(Buffer.from('b'));
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.equal(heard.call.send(Buffer.from('c')), false);
    const second = scripted.nextAfter(100);
    assert.deepEqual(second.sent, ['a', 'b', 'c']);
    assert.deepEqual(heard.events, ['writable']);
    heard.call.send(Buffer.from('d'));
    heard.call.halfClose();
    assert.deepEqual(second.sent, ['a', 'b', 'c', 'd']);
    assert.equal(second.halfClosed, true);
    second.end(Status.OK);
    scripted.finish();
  });

  it('an attempt that has no room catches up before the caller may go on', () => {
    const scripted = new Scripted(retryConfig());
    scripted.onMade = (attempt) => {
      attempt.writable = false;
    };
    const heard = scripted.call();
    assert.equal(heard.call.send(Buffer.from('a')), false);
    assert.equal(heard.call.send(Buffer.from('b')), false);
    heard.call.halfClose();
    const first = scripted.attempt(0);
    assert.deepEqual(first.sent, ['a']);
    // Headers end the keeping for others, not the catching up.
    first.header();
    first.room();
    assert.deepEqual(first.sent, ['a', 'b']);
    assert.equal(first.halfClosed, true);
    assert.equal(scripted.account.bytes, 0);
    first.end(Status.OK);
    scripted.finish();
  });

  it('past 256 KiB are not kept, and the attempt under way is the last', () => {
    const scripted = new Scripted(retryConfig());
    const heard = scripted.call();
    for (let i = 0; i < 4; i += 1) heard.call.send(Buffer.alloc(60 * KIB));
    assert.ok(scripted.account.bytes >= 240 * KIB);
    heard.call.send(Buffer.alloc(60 * KIB));
    assert.equal(scripted.account.bytes, 0);
    assert.equal(scripted.retries.counts.committedByBuffer, 1);
    assert.equal(heard.call.send(Buffer.from('more')), true);
    assert.equal(scripted.attempt(0).sent.length, 6);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.deepEqual(heard.events, ['UNAVAILABLE: UNAVAILABLE']);
    scripted.finish();
  });

  it('a request larger than that has one attempt', () => {
    const scripted = new Scripted(retryConfig());
    scripted.call({}, 'x'.repeat(257 * KIB));
    assert.equal(scripted.account.bytes, 0);
    assert.equal(scripted.attempt(0).whole.length, 257 * KIB);
    scripted.attempt(0).end(Status.UNAVAILABLE);
    scripted.finish();
  });

  it('of hedged calls past it: the attempt that has sent most goes on', () => {
    const scripted = new Scripted(hedgingConfig());
    const heard = scripted.call();
    scripted.attempt(0).writable = false;
    heard.call.send(Buffer.from('a'));
    const second = scripted.nextAfter(100);
    heard.call.send(Buffer.from('b'));
    heard.call.send(Buffer.alloc(300 * KIB));
    assert.equal(scripted.attempt(0).isEnded, true);
    assert.deepEqual(second.sent, ['a', 'b', String(300 * KIB)]);
    scripted.clock.advance(1_000);
    assert.equal(scripted.made.length, 2);
    second.end(Status.OK);
    scripted.finish();
  });

  it('that outgrow it between two attempts leave one attempt more', () => {
    const scripted = new Scripted(retryConfig(5));
    const heard = scripted.call();
    scripted.attempt(0).end(Status.UNAVAILABLE);
    assert.equal(heard.call.send(Buffer.alloc(300 * KIB)), false);
    const second = scripted.nextAfter(100);
    assert.deepEqual(second.sent, [String(300 * KIB)]);
    assert.equal(scripted.account.bytes, 0);
    second.end(Status.UNAVAILABLE, 'last');
    assert.deepEqual(heard.events, ['writable', 'UNAVAILABLE: last']);
    scripted.finish();
  });

  it('a writer that does not wait is stopped', () => {
    const scripted = new Scripted(retryConfig(5));
    const heard = scripted.call();
    scripted.attempt(0).end(Status.UNAVAILABLE);
    heard.call.send(Buffer.alloc(300 * KIB));
    heard.call.send(Buffer.alloc(300 * KIB));
    assert.deepEqual(heard.events, [
      'RESOURCE_EXHAUSTED: the messages kept for the next attempt exceed their limit; this call writes on; wait for onWritable after send() returns false',
    ]);
    scripted.finish();
  });
});

describe('the account of all calls', () => {
  it('is charged the metadata that the next attempt would send', () => {
    const scripted = new Scripted(retryConfig());
    const metadata = new Metadata({ k: 'v'.repeat(10 * KIB) });
    scripted.call({ metadata }, 'x');
    assert.ok(scripted.account.bytes > 10 * KIB);
    scripted.attempt(0).header();
    assert.equal(scripted.account.bytes, 0);
    scripted.attempt(0).end(Status.OK);
    scripted.finish();
  });

  it('past its limit lets new calls have one attempt, until others end', () => {
    const scripted = new Scripted(retryConfig(), 100 * KIB);
    scripted.call({}, 'x'.repeat(60 * KIB));
    const second = scripted.call({}, 'x'.repeat(60 * KIB));
    scripted.attempt(1).end(Status.UNAVAILABLE);
    assert.deepEqual(second.events, ['UNAVAILABLE: UNAVAILABLE']);
    assert.equal(scripted.retries.counts.committedByBuffer, 1);
    scripted.attempt(0).end(Status.OK);
    const third = scripted.call({}, 'x'.repeat(60 * KIB));
    scripted.attempt(2).end(Status.UNAVAILABLE);
    scripted.nextAfter(100).end(Status.OK, '');
    assert.deepEqual(third.events, ['OK: ']);
    scripted.finish();
  });
});
