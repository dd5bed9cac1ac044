// The account of a soak's calls: what is rightful, what is lost, and what a plan consists of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from 'sluice';
import { Ledger } from '../../dist/soak/ledger.js';
import { type CallPlan, isRightful, orderOf, orderText, planCall } from '../../dist/soak/plan.js';
import { Random } from '../../dist/soak/random.js';

function plans(count: number, road: 'calm' | 'faulty' = 'calm'): CallPlan[] {
  const random = new Random(1);
  return Array.from({ length: count }, (_, id) => planCall(id, random, road));
}

/** A plan of a plain call, changed. */
function plan(more: Partial<CallPlan> = {}): CallPlan {
  const [first] = plans(1);
  assert.ok(first);
  const order = {
    ...first.order,
    id: 1,
    code: Status.OK,
    throws: false,
    failedAttempts: 0,
    responseBytes: 10,
    responseCount: 1,
  };
  const none = { cancel: 'none', expires: false, tooLarge: false, timeoutMs: 0 } as const;
  return { ...first, kind: 'unary', order, ...none, ...more };
}

const way = { name: 'single', road: 'calm', closed: false } as const;

test('plans have the shares that a soak promises', () => {
  const all = plans(20_000);
  const share = (of: (plan: CallPlan) => boolean): number => all.filter(of).length / all.length;
  assert.ok(Math.abs(share(({ cancel }) => cancel !== 'none') - 0.1) < 0.01);
  assert.ok(Math.abs(share(({ expires }) => expires) - 0.05) < 0.01);
  assert.ok(share(({ requestBytes }) => requestBytes === 0) > 0.05);
  assert.ok(all.some(({ requestBytes }) => requestBytes > 900_000));
  const kinds = new Set(all.map(({ kind }) => kind));
  assert.equal(kinds.size, 4);
});

test('the same seed makes the same calls', () => {
  assert.deepEqual(plans(50), plans(50));
});

test('an order survives its way through metadata', () => {
  for (const { order } of plans(100)) assert.deepEqual(orderOf(orderText(order)), order);
  assert.throws(() => orderOf('1,2'), /soak-order is 1,2; it must be nine numbers/);
});

test('a call that ends as planned is counted and forgotten', () => {
  const ledger = new Ledger();
  const entry = ledger.begin(plan(), { ...way });
  assert.equal(ledger.open, 1);
  entry.onMessage(10);
  entry.onEnd(Status.OK, '');
  const account = ledger.account();
  assert.deepEqual(account.statuses, { OK: 1 });
  assert.deepEqual([account.open, account.wrong, account.twice], [0, 0, 0]);
});

test('a second end is a fault', () => {
  const ledger = new Ledger();
  const entry = ledger.begin(plan(), { ...way });
  entry.onMessage(10);
  entry.onEnd(Status.OK, '');
  entry.onEnd(Status.CANCELLED, '');
  assert.equal(ledger.account().twice, 1);
  assert.match(ledger.account().faults[0] ?? '', /call 1 .* ended again, with CANCELLED/);
});

test('OK with an answer that is missing or cut is a fault', () => {
  const ledger = new Ledger();
  ledger.begin(plan(), { ...way }).onEnd(Status.OK, '');
  const cut = ledger.begin(plan(), { ...way });
  cut.onMessage(9);
  cut.onEnd(Status.OK, '');
  assert.equal(ledger.account().wrong, 2);
});

test('a call that does not end is overdue', async () => {
  const ledger = new Ledger();
  ledger.begin(plan(), { ...way });
  assert.equal(await ledger.allEnded(1), false);
  assert.match(ledger.overdue(0)[0] ?? '', /call 1 .* has not ended/);
});

test('UNAVAILABLE is rightful where faults are injected, or under a channel that was closed', () => {
  const unavailable = Status.UNAVAILABLE;
  assert.equal(isRightful(plan(), 'calm', false, unavailable), false);
  assert.equal(isRightful(plan(), 'faulty', false, unavailable), true);
  assert.equal(isRightful(plan(), 'calm', true, unavailable), true);
});

test('a call that was cancelled before it was sent ends with CANCELLED and nothing else', () => {
  const cancelled = plan({ cancel: 'before' });
  assert.equal(isRightful(cancelled, 'faulty', true, Status.CANCELLED), true);
  assert.equal(isRightful(cancelled, 'faulty', true, Status.OK), false);
});

test('a call that expires must not end with OK', () => {
  const expiring = plan({ expires: true, timeoutMs: 10 });
  assert.equal(isRightful(expiring, 'calm', false, Status.DEADLINE_EXCEEDED), true);
  assert.equal(isRightful(expiring, 'calm', false, Status.OK), false);
});
