// least_request: which backend gets a call, by the calls under way. gRFC A48.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PickTracker } from '#sluice/channel/balancer.js';
import { Status } from '#sluice/grpc/status.js';
import { readyChannel, type ScriptedChannel, ScriptedSubchannel } from './scripted-channel.js';

/** A call that has begun; answers its backend and its tracker. */
function begin(channel: ScriptedChannel): readonly [string, PickTracker] {
  const result = channel.pickResult();
  assert.equal(result.kind, 'subchannel');
  const { tracker, subchannel } = result;
  assert.ok(tracker && subchannel instanceof ScriptedSubchannel);
  tracker.onStart();
  return [subchannel.name, tracker];
}

describe('least_request', () => {
  it('gives all backends the same share of calls that end at once', () => {
    const channel = readyChannel('least_request', 'a b c');
    const counts = channel.counts(9_000);
    for (const count of Object.values(counts)) assert.ok(count > 2_700 && count < 3_300);
    channel.close();
  });

  it('keeps away from a backend that does not answer, save when it is the only choice', () => {
    const channel = readyChannel('least_request_experimental', 'a b c d', { choiceCount: 2 });
    // Everything is answered but by `a`.
    let stuck = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const [name, tracker] = begin(channel);
      if (name === 'a') stuck += 1;
      else tracker.onEnd(Status.OK, []);
    }
    // Chosen twice of two: 1 in 16 calls.
    assert.ok(stuck > 500 && stuck < 750, String(stuck));
    channel.close();
  });

  it('evens out what is under way', () => {
    const channel = readyChannel('least_request', 'a b c d', { choiceCount: 10 });
    const open = new Map<string, number>();
    for (let i = 0; i < 4_000; i += 1) {
      const [name] = begin(channel);
      open.set(name, (open.get(name) ?? 0) + 1);
    }
    const counts = [...open.values()];
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 6, counts.join(' '));
    channel.close();
  });

  it('counts calls across changes of the connected backends', () => {
    const channel = readyChannel('least_request', 'a b');
    const begun = Array.from({ length: 40 }, () => begin(channel));
    for (const [name, tracker] of begun) if (name === 'b') tracker.onEnd(Status.OK, []);
    channel.resolve('a b c');
    channel.backend('c').ready();
    // `a` has twenty or so, the others none: it is taken when it is the only choice.
    const counts = channel.counts(900);
    assert.ok((counts.a ?? 0) < 150, JSON.stringify(counts));
    for (const [name, tracker] of begun) if (name === 'a') tracker.onEnd(Status.OK, []);
    assert.ok((channel.counts(900).a ?? 0) > 220);
    channel.close();
  });

  it('takes a new choiceCount without new connections', () => {
    const channel = readyChannel('least_request', 'a b c d');
    for (let i = 0; i < 100; i += 1) begin(channel);
    channel.resolve('a b c d', { choiceCount: 100 });
    assert.deepEqual(channel.take(), []);
    channel.close();
  });

  it('makes nothing for a pick', () => {
    const channel = readyChannel('least_request', 'a');
    assert.equal(channel.pickResult(), channel.pickResult());
    channel.close();
  });
});
