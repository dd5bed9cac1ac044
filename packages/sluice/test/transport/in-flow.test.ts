// A stream's receive window against a model of the peer that sends into it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlow } from '#sluice/transport/in-flow.js';
import { mulberry32 } from '../support/random.js';

const MAX_WINDOW = 2 ** 31 - 1;

test('DATA up to the limit is taken, one byte more is a flow control error and not counted', () => {
  const flow = new InFlow(100);
  assert.equal(flow.onData(100), true);
  assert.equal(flow.onData(0), true);
  assert.equal(flow.onData(1), false);
  assert.equal(flow.pendingData, 100);
  assert.equal(flow.available(), 0);
});

test('WINDOW_UPDATE goes out once a quarter of the limit was read', () => {
  const flow = new InFlow(100);
  flow.onData(100);
  assert.equal(flow.onRead(24), 0);
  assert.equal(flow.onRead(1), 25);
  assert.equal(flow.available(), 25);
  assert.equal(flow.onRead(75), 75);
  assert.equal(flow.available(), 100);
});

test('reading more than was received gives no credit for the rest', () => {
  const flow = new InFlow(100);
  flow.onData(40);
  assert.equal(flow.onRead(90), 40);
  assert.equal(flow.available(), 100);
});

test('a message that fits the window needs no adjustment', () => {
  const flow = new InFlow(100);
  flow.onData(30);
  assert.equal(flow.maybeAdjust(70, MAX_WINDOW), 0);
});

test('a message larger than the window passes without a further WINDOW_UPDATE', () => {
  const flow = new InFlow(100);
  flow.onData(5);
  assert.equal(flow.onRead(5), 0);
  // 95 of the window are left: the missing 905 come as 5 that were owed and 900 of growth.
  assert.equal(flow.maybeAdjust(1_000, MAX_WINDOW), 905);
  assert.equal(flow.available(), 1_000);
  assert.equal(flow.delta, 900);
  assert.equal(flow.onData(1_000), true);
  assert.equal(flow.onRead(900), 0, 'credit beyond the limit is not given again');
  assert.equal(flow.delta, 0);
  assert.equal(flow.onRead(100), 100);
  assert.equal(flow.available(), 100);
});

test('growth for a message stops at what the connection allows', () => {
  const flow = new InFlow(100);
  assert.equal(flow.maybeAdjust(1_000, 50), 50);
  assert.equal(flow.maybeAdjust(1_000, 0), 0);
  assert.equal(flow.available() + flow.pendingData, 150);
});

test('no window passes 2^31-1, even when the limit rises to 16 MiB afterwards', () => {
  const flow = new InFlow(65_535);
  flow.maybeAdjust(4 * MAX_WINDOW, Number.POSITIVE_INFINITY);
  flow.setLimit(16 * 1024 * 1024);
  assert.ok(flow.available() <= MAX_WINDOW);
  const full = new InFlow(MAX_WINDOW);
  assert.equal(full.maybeAdjust(4 * MAX_WINDOW, Number.POSITIVE_INFINITY), 0);
  full.setLimit(MAX_WINDOW + 1);
  assert.equal(full.limit, MAX_WINDOW);
});

test('setLimit raises and never lowers', () => {
  const flow = new InFlow(100);
  flow.setLimit(50);
  assert.equal(flow.limit, 100);
  flow.setLimit(300);
  assert.equal(flow.available(), 300);
});

test('a lowered limit gives back what is owed under its own quarter', () => {
  const flow = new InFlow(1_000);
  flow.onData(300);
  assert.equal(flow.onRead(200), 0);
  assert.equal(flow.lowerLimit(400), 200);
  assert.equal(flow.available(), 300);
  assert.equal(flow.lowerLimit(500), 0);
  assert.equal(flow.limit, 400);
});

test('a window below 0 after the limit fell takes empty DATA only, and recovers by reads', () => {
  const flow = new InFlow(1_000);
  flow.onData(800);
  assert.equal(flow.lowerLimit(100), 0);
  assert.equal(flow.available(), -700);
  assert.equal(flow.onData(0), true);
  assert.equal(flow.onData(1), false);
  assert.equal(flow.onRead(800), 800);
  assert.equal(flow.available(), 100);
});

test('while held, reads give no credit beyond a reserve of 16 KiB', () => {
  const limit = 1024 * 1024;
  const flow = new InFlow(limit);
  flow.onData(limit);
  flow.hold();
  assert.equal(flow.onRead(512 * 1024), 16 * 1024);
  assert.equal(flow.available(), 16 * 1024);
  assert.equal(flow.onRead(256 * 1024), 0);
  assert.equal(flow.available() + flow.pendingData, 256 * 1024 + 16 * 1024);
  assert.equal(flow.withheld, 768 * 1024 - 16 * 1024);
  // Half of the reserve used: it is filled again, so that a reader is never stuck.
  flow.onData(8 * 1024);
  assert.equal(flow.onRead(8 * 1024), 8 * 1024);
});

test('unhold gives back all that was withheld', () => {
  const limit = 100_000;
  const flow = new InFlow(limit);
  flow.onData(limit);
  assert.equal(flow.onRead(1_000), 0);
  flow.hold();
  const meanwhile = flow.onRead(99_000);
  assert.equal(meanwhile, 16_384);
  assert.equal(flow.unhold(), limit - 16_384);
  assert.equal(flow.available(), limit);
  assert.equal(flow.unhold(), 0);
});

test('a limit that shrinks keeps what was read, and leaves the peer what it has', () => {
  const flow = new InFlow(1_000);
  flow.onData(1_000);
  assert.equal(flow.shrink(flow.onRead(300), 500), 0);
  assert.equal(flow.limit, 700);
  assert.equal(flow.available(), 0);
  assert.equal(flow.shrink(flow.onRead(300), 500), 100, 'the rest of what is due');
  assert.equal(flow.limit, 500);
  assert.equal(flow.available(), 100);
  assert.equal(flow.shrink(flow.onRead(400), 500), 400);
  assert.equal(flow.available(), 500);
  assert.equal(flow.shrink(10, 900), 10, 'it is below that already');
  flow.hold();
  assert.equal(
    flow.shrink(10, 100),
    10,
    'the reserve of a stream that is held back is not touched',
  );
});

test('credit is conserved: both ends agree on the window under random traffic', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = mulberry32(seed);
    const upTo = (n: number): number => Math.floor(random() * (n + 1));
    let initialWindow = 1 + upTo(2 ** (4 + upTo(20)));
    const flow = new InFlow(initialWindow);
    let outstanding = 0; // what the peer sent less what it was given back
    const peerWindow = (): number => initialWindow - outstanding;
    const give = (increment: number): void => {
      assert.ok(increment >= 0);
      outstanding -= increment;
      assert.ok(peerWindow() <= MAX_WINDOW, 'the window overflowed');
    };
    for (let step = 0; step < 500; step++) {
      switch (upTo(9)) {
        case 0:
        case 1:
        case 2: {
          const n = Math.max(0, Math.min(peerWindow(), upTo(20_000)));
          assert.equal(flow.onData(n), true, 'refused what it had granted');
          outstanding += n;
          break;
        }
        case 3:
        case 4:
        case 5:
          give(flow.onRead(random() < 0.3 ? flow.pendingData : upTo(flow.pendingData)));
          break;
        case 6:
          give(flow.maybeAdjust(upTo(3 * initialWindow), upTo(2 * initialWindow)));
          break;
        case 7:
          if (random() < 0.5) flow.hold();
          else give(flow.unhold());
          break;
        case 8: {
          const limit = Math.min(16 * 1024 * 1024, initialWindow + upTo(initialWindow));
          if (limit > initialWindow) initialWindow = limit;
          flow.setLimit(limit);
          break;
        }
        default: {
          const limit = Math.max(16, initialWindow - upTo(initialWindow >>> 2));
          if (limit < initialWindow) initialWindow = limit;
          give(flow.lowerLimit(limit));
        }
      }
      assert.equal(flow.available(), peerWindow(), `seed ${seed}, step ${step}`);
      assert.ok(flow.pendingUpdate >= 0 && flow.withheld >= 0 && flow.delta >= 0);
    }
    // An application that reads everything never leaves the peer without a window.
    give(flow.onRead(flow.pendingData));
    assert.ok(peerWindow() > 0, `seed ${seed}: stuck`);
    give(flow.unhold());
    assert.ok(peerWindow() >= (flow.limit * 3) / 4);
  }
});
