// Who is told of a wait that lasts, and how often: a watch on a clock that the test turns.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { StallReason } from '#sluice/transport/stall.js';
import { type StallSource, StallWatch } from '#sluice/transport/stall-watch.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../support/virtual-clock.js';

const clock = new VirtualClock();
const wheel = new TimerWheel(clock);
const told: string[] = [];
let isListening = true;
const watch = new StallWatch(wheel, {
  get isListening() {
    return isListening;
  },
  onStall: ({ path }, { kind, forMs }) => {
    told.push(`${path} ${kind} ${forMs >= 1_000}`);
  },
});

/** Calls that wait; how long is the clock's business. */
class Waits implements StallSource {
  readonly calls: Map<object, [path: string, sinceMs: number, kind: 'turn' | 'request']> =
    new Map();
  looks = 0;

  wait(path: string, kind: 'turn' | 'request' = 'turn'): object {
    const call = {};
    this.calls.set(call, [path, clock.now(), kind]);
    return call;
  }

  visitStalls(visit: Parameters<StallSource['visitStalls']>[0]): void {
    this.looks += 1;
    for (const [call, [path, sinceMs, kind]] of this.calls) {
      const forMs = clock.now() - sinceMs;
      const reason: StallReason =
        kind === 'turn' ? { kind, forMs, ahead: 0 } : { kind: 'request', forMs };
      visit(call, { side: 'client', place: 'test', path }, reason);
    }
  }
}

const waits = new Waits();

afterEach(() => {
  isListening = true;
  told.length = 0;
  waits.calls.clear();
  waits.looks = 0;
  watch.remove(waits);
  assert.equal(wheel.size, 0, 'timers left behind');
});

describe('the watch of stalls', () => {
  it('tells of a wait of a second, once', () => {
    watch.add(waits);
    waits.wait('/a');
    clock.advance(900);
    waits.wait('/b');
    assert.deepEqual(told, []);
    clock.advance(5_000);
    assert.deepEqual(told, ['/a turn true', '/b turn true']);
  });

  it('tells of a call again when it waits anew', () => {
    watch.add(waits);
    const call = waits.wait('/a');
    clock.advance(3_000);
    waits.calls.set(call, ['/a', clock.now(), 'turn']);
    clock.advance(3_000);
    assert.deepEqual(told, ['/a turn true', '/a turn true']);
  });

  it('tells of no wait that is part of normal work', () => {
    watch.add(waits);
    waits.wait('/idle', 'request');
    clock.advance(5_000);
    assert.deepEqual(told, []);
  });

  it('looks at nothing while nobody listens', () => {
    isListening = false;
    watch.add(waits);
    waits.wait('/a');
    clock.advance(5_000);
    assert.equal(waits.looks, 0);
    isListening = true;
    clock.advance(1_100);
    assert.deepEqual(told, ['/a turn true']);
  });

  it('has a timer for as long as there is something to look at', () => {
    watch.add(waits);
    watch.add(waits);
    assert.equal(wheel.size, 1);
    watch.remove(waits);
    assert.equal(wheel.size, 0);
  });
});
