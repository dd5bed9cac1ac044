// The timer wheel on a clock that the test turns: never early, at most a tick late, in order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimerWheel, type WheelTimer } from '#sluice/transport/timer-wheel.js';
import { mulberry32 } from '../support/random.js';
import { VirtualClock } from '../support/virtual-clock.js';

const TICK_MS = 8;

class TestTimer implements WheelTimer {
  wheelNext: WheelTimer | undefined = undefined;
  wheelPrevious: WheelTimer | undefined = undefined;
  wheelSlot = -1;
  wheelDeadline = 0;
  firedAt: number[] = [];
  private readonly clock: VirtualClock;
  private readonly onFire: () => void;

  constructor(clock: VirtualClock, onFire: () => void = () => {}) {
    this.clock = clock;
    this.onFire = onFire;
  }

  onTimer(): void {
    this.firedAt.push(this.clock.now());
    this.onFire();
  }
}

function setUp(startMs = 1234.5): { clock: VirtualClock; wheel: TimerWheel } {
  const clock = new VirtualClock(startMs);
  return { clock, wheel: new TimerWheel(clock) };
}

for (const ms of [0, 1, 8, 9, 255, 256, 257, 8_191, 8_192, 20_000, 262_144, 300_000, 7_200_000]) {
  test(`a timer of ${ms} ms fires at most a tick late and never early`, () => {
    const { clock, wheel } = setUp();
    const timer = new TestTimer(clock);
    const deadline = clock.now() + ms;
    wheel.add(timer, deadline);
    clock.advance(ms + 3 * TICK_MS);
    assert.equal(timer.firedAt.length, 1);
    const late = (timer.firedAt[0] ?? 0) - deadline;
    assert.ok(late >= 0 && late <= TICK_MS + 1, `fired ${late} ms late`);
    assert.equal(wheel.size, 0);
    assert.equal(timer.wheelSlot, -1);
  });
}

test('a deadline beyond the span of the wheel is met to the tick', () => {
  const { clock, wheel } = setUp();
  const timer = new TestTimer(clock);
  const ms = 30 * 24 * 3_600_000;
  wheel.add(timer, clock.now() + ms);
  clock.advance(ms - 1);
  assert.deepEqual(timer.firedAt, []);
  clock.advance(2 * TICK_MS);
  assert.equal(timer.firedAt.length, 1);
});

test('a deadline of Infinity never fires and NaN is refused', () => {
  const { clock, wheel } = setUp();
  const timer = new TestTimer(clock);
  wheel.add(timer, Number.POSITIVE_INFINITY);
  clock.advance(400 * 24 * 3_600_000);
  assert.deepEqual(timer.firedAt, []);
  wheel.remove(timer);
  assert.throws(() => wheel.add(timer, Number.NaN), RangeError);
  assert.equal(wheel.size, 0);
});

test('a deadline in the past fires at the next tick, not inside add()', () => {
  const { clock, wheel } = setUp();
  const timer = new TestTimer(clock);
  wheel.add(timer, clock.now() - 10_000);
  assert.deepEqual(timer.firedAt, []);
  clock.advance(TICK_MS);
  assert.equal(timer.firedAt.length, 1);
});

test('an empty wheel sets no timer, and its timer never holds the process', () => {
  const { clock, wheel } = setUp();
  assert.equal(clock.pending, 0);
  const timer = new TestTimer(clock);
  wheel.add(timer, clock.now() + 5_000);
  assert.equal(clock.pending, 1);
  assert.equal(clock.pendingRefs, 0);
  wheel.remove(timer);
  assert.equal(wheel.size, 0);
  clock.advance(60_000);
  assert.equal(clock.pending, 0, 'the last wake passed and nothing was set again');
  assert.deepEqual(timer.firedAt, []);
});

test('an idle wheel wakes only for its timers, not at each tick', () => {
  const clock = new VirtualClock(0);
  let wakes = 0;
  const counting = {
    now: (): number => clock.now(),
    setTimer: (callback: () => void, ms: number, ref: boolean) => {
      wakes++;
      return clock.setTimer(callback, ms, ref);
    },
    clearTimer: (handle: NodeJS.Timeout | number): void => clock.clearTimer(handle),
  };
  const wheel = new TimerWheel(counting);
  wheel.add(new TestTimer(clock), 7_200_000);
  clock.advance(7_200_100);
  assert.equal(wheel.size, 0);
  assert.ok(wakes <= 6, `${wakes} wakes in two hours`);
});

test('adding a timer again moves it', () => {
  const { clock, wheel } = setUp();
  const timer = new TestTimer(clock);
  wheel.add(timer, clock.now() + 100);
  wheel.add(timer, clock.now() + 1_000);
  assert.equal(wheel.size, 1);
  clock.advance(900);
  assert.deepEqual(timer.firedAt, []);
  clock.advance(200);
  assert.equal(timer.firedAt.length, 1);
});

test('after a stall all that is due fires, in the order of the slots', () => {
  const { clock, wheel } = setUp(0);
  const order: number[] = [];
  for (const ms of [9_000, 40, 700, 300_000, 300, 20_000]) {
    wheel.add(new TestTimer(clock, () => order.push(ms)), ms);
  }
  clock.stall(400_000);
  assert.deepEqual(order, [40, 300, 700, 9_000, 20_000, 300_000]);
  assert.equal(wheel.size, 0);
});

test('onTimer may remove a timer of its own slot, and add timers due at once', () => {
  const { clock, wheel } = setUp(0);
  const victims = [new TestTimer(clock), new TestTimer(clock), new TestTimer(clock)];
  const first: TestTimer = new TestTimer(clock, () => {
    for (const victim of victims) wheel.remove(victim);
    if (first.firedAt.length === 1) wheel.add(first, 0);
  });
  for (const victim of victims) wheel.add(victim, 101);
  // The last of a slot to be added is the first to fire.
  wheel.add(first, 100);
  clock.advance(104);
  assert.equal(first.firedAt.length, 1);
  assert.equal(
    victims.reduce((sum, victim) => sum + victim.firedAt.length, 0),
    0,
  );
  clock.advance(TICK_MS);
  assert.equal(first.firedAt.length, 2);
});

test('after a stall a timer that adds itself with a past deadline fires once per tick, not in a loop', () => {
  const { clock, wheel } = setUp(0);
  const timer: TestTimer = new TestTimer(clock, () => wheel.add(timer, 0));
  wheel.add(timer, 8);
  clock.stall(60_000);
  assert.equal(timer.firedAt.length, 1);
});

test('an onTimer that throws delays no other timer', () => {
  const { clock, wheel } = setUp(0);
  const others = [new TestTimer(clock), new TestTimer(clock), new TestTimer(clock)];
  wheel.add(others[0] ?? assert.fail(), 96);
  wheel.add(
    new TestTimer(clock, () => {
      throw new Error('a bug in a callback');
    }),
    96,
  );
  wheel.add(others[1] ?? assert.fail(), 96);
  wheel.add(others[2] ?? assert.fail(), 5_000);
  assert.throws(() => clock.advance(97), /a bug/);
  clock.advance(10);
  assert.equal(others[0]?.firedAt.length, 1);
  assert.equal(others[1]?.firedAt.length, 1);
  clock.advance(5_000);
  assert.equal(others[2]?.firedAt.length, 1);
});

test('random adds, removals and stalls: each timer fires once, at its time', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = mulberry32(seed);
    const clock = new VirtualClock(random() * 1e9);
    const wheel = new TimerWheel(clock);
    const waiting = new Map<TestTimer, number>();
    let stalledUntil = 0;
    for (let step = 0; step < 400; step++) {
      const action = random();
      if (action < 0.5) {
        const deadline = clock.now() + 10 ** (random() * 7) - 5;
        const timer: TestTimer = new TestTimer(clock, () => {
          const due = waiting.get(timer) ?? assert.fail('fired twice or after its removal');
          assert.ok(clock.now() >= due, 'fired early');
          const latest = Math.max(due, stalledUntil) + 2 * TICK_MS;
          assert.ok(clock.now() <= latest, `seed ${seed}: fired ${clock.now() - due} ms late`);
          waiting.delete(timer);
        });
        waiting.set(timer, deadline);
        wheel.add(timer, deadline);
      } else if (action < 0.7) {
        const [timer] = waiting.keys();
        if (timer === undefined) continue;
        waiting.delete(timer);
        wheel.remove(timer);
      } else if (action < 0.95) {
        clock.advance(10 ** (random() * 5));
      } else {
        const ms = 10 ** (random() * 5);
        stalledUntil = clock.now() + ms;
        clock.stall(ms);
      }
      assert.equal(wheel.size, waiting.size);
    }
    clock.advance(2e7);
    assert.equal(waiting.size, 0, `seed ${seed}: timers were lost`);
    assert.equal(wheel.size, 0);
    assert.equal(clock.pending, 0);
  }
});
