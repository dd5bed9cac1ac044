// The system clock: time goes forward, timers run after the call that set them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#sluice/transport/clock.js';

test('now() never goes back', () => {
  let last = systemClock.now();
  for (let i = 0; i < 10_000; i++) {
    const now = systemClock.now();
    assert.ok(now >= last);
    last = now;
  }
});

test('a timer runs once, after the call that set it', async () => {
  let runs = 0;
  await new Promise<void>((resolve) => {
    systemClock.setTimer(
      () => {
        runs++;
        resolve();
      },
      0,
      true,
    );
    assert.equal(runs, 0);
  });
  assert.equal(runs, 1);
});

test('a timer taken back does not run, and an unref one does not hold the process', async () => {
  const taken = systemClock.setTimer(() => assert.fail('was taken back'), 0, true);
  systemClock.clearTimer(taken);
  const idle = systemClock.setTimer(() => {}, 3_600_000, false);
  assert.ok(typeof idle === 'object');
  assert.equal(idle.hasRef(), false);
  systemClock.clearTimer(idle);
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 1, true));
});

test('a delay longer than Node can take is cut, not fired at once', () => {
  const handle = systemClock.setTimer(() => assert.fail('fired'), 2 ** 33, false);
  systemClock.clearTimer(handle);
});
