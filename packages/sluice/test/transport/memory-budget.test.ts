// The memory of all connections together: shares, levels, who is held back, who gives way, who is
// closed; on accounts of no connection, and on a clock that the test turns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlBuffer } from '#sluice/transport/control-buffer.js';
import { MemoryAccount, type MemoryHolder } from '#sluice/transport/memory-account.js';
import { MemoryBudget } from '#sluice/transport/memory-budget.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../support/virtual-clock.js';

const MIB = 1024 * 1024;

/** A connection that holds what the test says. */
class Holder implements MemoryHolder {
  held = 0;
  progressBytes = 0;
  readonly events: string[] = [];
  readonly buffer: ControlBuffer = new ControlBuffer({ wake: () => {} });
  readonly account: MemoryAccount;

  constructor(budget: MemoryBudget) {
    this.account = new MemoryAccount(budget, this, this.buffer);
  }

  hold(bytes: number): void {
    this.held = bytes;
    this.account.update();
  }

  heldBytes(): number {
    return this.held;
  }

  onConstrained(isConstrained: boolean): void {
    this.events.push(isConstrained ? 'held back' : 'free');
  }

  onRoom(): void {}

  shed(bytes: number): number {
    this.held -= bytes;
    this.events.push('shed');
    return 1;
  }

  onEvicted(reason: string): void {
    this.events.push(`closed: ${reason}`);
    this.held = 0;
    this.account.close();
  }
}

function scene(limitBytes: number, holders: number) {
  const clock = new VirtualClock(1_000);
  const budget = new MemoryBudget(limitBytes, new TimerWheel(clock));
  return { clock, budget, holders: Array.from({ length: holders }, () => new Holder(budget)) };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  assert.ok(item !== undefined);
  return item;
}

test('a limit is an integer of at least 1 MiB, or Infinity; else the error names the value', () => {
  const { budget } = scene(MIB, 0);
  for (const bad of [0, -1, 1.5, Number.NaN, MIB - 1]) {
    assert.throws(
      () => {
        budget.limitBytes = bad;
      },
      { name: 'RangeError', message: new RegExp(`memoryBudget.limitBytes is ${bad};`) },
    );
  }
  budget.limitBytes = Number.POSITIVE_INFINITY;
  assert.equal(budget.isNear, false);
});

test('below three quarters anybody may hold anything; from nine tenths on its share', () => {
  const { budget, holders } = scene(100 * MIB, 4);
  const [first, second] = [at(holders, 0), at(holders, 1)];
  assert.equal(first.account.admits(500 * MIB), true, 'one message of any size');
  first.hold(76 * MIB);
  assert.equal(budget.isNear, true);
  assert.equal(first.account.admits(13 * MIB), true);
  assert.equal(first.account.admits(15 * MIB), false);
  assert.equal(second.account.admits(25 * MIB), true, 'its share');
  assert.equal(second.account.admits(26 * MIB), false);
});

test('only accounts above their share are held back, until the budget has room again', () => {
  const { budget, holders } = scene(100 * MIB, 4);
  const [hog, small] = [at(holders, 0), at(holders, 1)];
  small.hold(20 * MIB);
  hog.hold(71 * MIB);
  assert.equal(budget.isShort, true);
  assert.deepEqual([hog.events, small.events], [['held back'], []]);
  assert.equal(hog.buffer.lease, -1, 'each message is asked about');
  hog.hold(66 * MIB);
  assert.equal(budget.isShort, true, 'not at once');
  hog.hold(64 * MIB);
  assert.equal(budget.isShort, false);
  assert.deepEqual(hog.events, ['held back', 'free']);
  assert.ok(hog.buffer.lease >= 0);
});

test('one that falls well below its share is free though the budget is short', () => {
  const { budget, holders } = scene(100 * MIB, 4);
  holders.forEach((holder) => {
    holder.hold(24 * MIB);
  });
  const hog = at(holders, 0);
  hog.hold(26 * MIB);
  assert.deepEqual(hog.events, ['held back']);
  hog.hold(24 * MIB);
  assert.deepEqual(hog.events, ['held back']);
  hog.hold(21 * MIB);
  assert.equal(budget.isShort, true);
  assert.deepEqual(hog.events, ['held back', 'free']);
});

test('one below its share always gets it: the largest gives way', () => {
  const { budget, holders } = scene(100 * MIB, 4);
  const [hog, hog2, small] = [at(holders, 0), at(holders, 1), at(holders, 2)];
  hog2.hold(30 * MIB);
  hog.hold(68 * MIB);
  assert.equal(small.account.admits(20 * MIB), true);
  assert.equal(hog.held, 50 * MIB);
  assert.deepEqual(hog.events, ['held back', 'shed', 'free']);
  assert.deepEqual([hog2.events, small.events], [['held back', 'free'], []]);
  assert.equal(budget.endedCalls, 1);
});

test('what comes in past the limit is made room for in the next tick', () => {
  const { clock, budget, holders } = scene(100 * MIB, 4);
  const [hog, small] = [at(holders, 0), at(holders, 1)];
  hog.hold(95 * MIB);
  small.hold(20 * MIB);
  assert.equal(budget.usedBytes, 115 * MIB);
  clock.advance(20);
  assert.equal(budget.usedBytes, 100 * MIB);
  assert.equal(small.held, 20 * MIB);
});

test('an account held back without progress is closed after 10 s, after 1 s of a full budget', () => {
  const { clock, budget, holders } = scene(100 * MIB, 4);
  const [stalled, slow] = [at(holders, 0), at(holders, 1)];
  stalled.hold(50 * MIB);
  slow.hold(45 * MIB);
  for (let i = 0; i < 9; i += 1) {
    clock.advance(1_000);
    slow.progressBytes += 10_000;
  }
  assert.equal(budget.closedConnections, 0);
  clock.advance(2_000);
  assert.match(
    at(stalled.events, 1),
    /^closed: memory-budget: this connection holds 52428800 bytes, above its share of 26214400, and made no progress for 10 s$/,
  );
  assert.equal(budget.isShort, false);
  assert.deepEqual(slow.events, ['held back', 'free']);

  const other = new Holder(budget);
  other.shed = () => 0;
  other.hold(60 * MIB);
  clock.advance(900);
  assert.equal(budget.closedConnections, 1);
  slow.progressBytes += 10_000;
  clock.advance(900);
  assert.match(at(other.events, 1), /no progress for 1 s$/);
  assert.equal(budget.usedBytes, 40 * MIB, 'the next largest gave way meanwhile');
});

test('a full budget takes no connection, and counts it', () => {
  const { budget, holders } = scene(10 * MIB, 1);
  assert.equal(budget.takesConnection(), true);
  at(holders, 0).hold(10 * MIB);
  assert.equal(budget.takesConnection(), false);
  assert.equal(budget.refusedConnections, 1);
  budget.limitBytes = 20 * MIB;
  assert.equal(budget.takesConnection(), true);
});

test('windows of all connections grow by a quarter of the limit at the most', () => {
  const { budget, holders } = scene(100 * MIB, 1);
  assert.equal(budget.takeWindow(16 * MIB), 16 * MIB);
  assert.equal(budget.takeWindow(16 * MIB), 9 * MIB);
  budget.giveWindow(20 * MIB);
  at(holders, 0).hold(75 * MIB);
  assert.equal(budget.takeWindow(MIB), 0, 'none while it is near');
});

test('handlers that will likely answer with more than there is room for do not run', () => {
  const { budget, holders } = scene(100 * MIB, 10);
  const holder = at(holders, 0);
  assert.equal(budget.likelyResponses.of('/a'), 0);
  budget.likelyResponses.note('/a', 1_000);
  assert.equal(budget.likelyResponses.of('/a'), 0, "small ones are nobody's concern");
  budget.likelyResponses.note('/a', 8 * MIB);
  for (let i = 0; i < 9; i += 1) {
    assert.equal(holder.account.admitsHandler(8 * MIB), true, `${i} run`);
    holder.account.reserve(8 * MIB);
  }
  assert.equal(holder.account.admitsHandler(8 * MIB), false);
  assert.equal(holder.account.admitsHandler(0), true);
  assert.equal(at(holders, 1).account.admitsHandler(8 * MIB), true, 'within its share');
  holder.account.reserve(-8 * MIB);
  assert.equal(holder.account.admitsHandler(8 * MIB), true);
  holder.account.close();
  assert.equal(budget.reservedBytes, 0);
  for (let i = 0; i < 40; i += 1) budget.likelyResponses.note('/a', 100);
  assert.equal(budget.likelyResponses.of('/a'), 0, 'forgotten');
});

test('nothing is left of accounts that are closed', () => {
  const { clock, budget, holders } = scene(10 * MIB, 3);
  for (const holder of holders) holder.hold(4 * MIB);
  for (const holder of holders) holder.account.close();
  assert.equal(budget.usedBytes, 0);
  assert.equal(budget.connections, 0);
  clock.advance(1_000);
  assert.equal(clock.pending, 0);
});
