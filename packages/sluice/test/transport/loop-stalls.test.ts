// When the event loop was blocked, as the wakes of the timer wheel tell.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '#sluice/transport/clock.js';
import { eventLoopIdleMs, LoopStalls } from '#sluice/transport/loop-stalls.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { WheelTimeout } from '#sluice/transport/wheel-timeout.js';
import { VirtualClock } from '../support/virtual-clock.js';

describe('a wake of the wheel', () => {
  it('that comes in time tells of nothing', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    for (let ms = 100; ms <= 1_000; ms += 100) new WheelTimeout(wheel, ms, () => {});
    clock.advance(1_000);
    assert.equal(wheel.stalls.within(0, 1_000), undefined);
  });

  it('that comes late tells for how long the loop was blocked, and when that ended', () => {
    const clock = new VirtualClock();
    const wheel = new TimerWheel(clock);
    new WheelTimeout(wheel, 80, () => {});
    clock.stall(580);
    clock.advance(120);
    assert.deepEqual(wheel.stalls.within(0, 700), {
      kind: 'event-loop',
      forMs: 700,
      blockedMs: 500,
      endedMs: 120,
    });
  });
});

describe('a stall', () => {
  it('began when the loop was seen at work last, by the time that it did not idle since', () => {
    let idle = 0;
    const stalls = new LoopStalls(() => idle);
    stalls.note(1_000, Number.POSITIVE_INFINITY);
    idle = 100;
    stalls.note(2_000, 1_800);
    const found = stalls.within(1_000, 2_000);
    assert.equal(found?.blockedMs, 900);
    assert.equal(found?.endedMs, 0);
  });

  it('counts as far as it lies within a wait, and for less than a quarter of one not at all', () => {
    const stalls = new LoopStalls(undefined);
    stalls.note(1_000, 800);
    assert.equal(stalls.within(900, 1_100)?.blockedMs, 100);
    assert.equal(stalls.within(600, 1_400)?.blockedMs, 200);
    assert.equal(stalls.within(600, 1_500), undefined);
    assert.equal(stalls.within(960, 1_000), undefined, 'too short to speak of');
    assert.equal(stalls.within(1_000, 2_000), undefined);
  });

  it('is forgotten behind sixteen younger ones', () => {
    const stalls = new LoopStalls(undefined);
    for (let ms = 1_000; ms <= 17_000; ms += 1_000) stalls.note(ms, ms - 500);
    assert.equal(stalls.within(500, 1_000), undefined);
    assert.equal(stalls.within(1_500, 2_000)?.blockedMs, 500);
  });

  it('of this thread is seen from its begin, long before a timer is due', async () => {
    const wheel = new TimerWheel(systemClock, eventLoopIdleMs);
    const startMs = wheel.now();
    const fired = new Promise<void>((resolve) => {
      new WheelTimeout(wheel, 400, resolve);
    });
    while (wheel.now() < startMs + 600);
    // The wheel's own timer does not hold the process.
    const hold = setInterval(() => {}, 1_000);
    await fired;
    clearInterval(hold);
    const blockedMs = wheel.stalls.within(startMs, wheel.now())?.blockedMs ?? 0;
    assert.ok(blockedMs >= 500, `${blockedMs}`);
  });
});
