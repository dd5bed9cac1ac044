// What a trial of connections says: with them, then without them, under a load that the test makes.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  type Cause,
  ConnectionTrial,
  type TrialSubject,
  type Verdict,
} from '#sluice/channel/connection-trial.js';

interface Figures {
  streamsEnded: number;
  readonly admission: { openCalls: number };
}

const LOOK_MS = 25;

let connections: { readonly transport: Figures }[] = [];
let inUse = 0;
const used: number[] = [];
const pool: TrialSubject = {
  get current() {
    return connections;
  },
  use(count) {
    inUse = count;
    used.push(count);
  },
};

beforeEach(() => {
  connections = [];
  used.length = 0;
});

function add(count: number, openCalls: number): void {
  for (let i = 0; i < count; i += 1) {
    connections.push({ transport: { streamsEnded: 0, admission: { openCalls } } });
  }
  inUse = connections.length;
}

interface Load {
  /** Calls that end in one look. */
  ended(inUse: number): number;
  /** Calls are held back while so many connections are in use. */
  isHeld(inUse: number): boolean;
}

/** Runs a trial to its end; connections that are not in use end their calls and get no new ones. */
function verdictOf(cause: Cause, load: Load, left = 0): [Verdict, number, ConnectionTrial] {
  const trial = new ConnectionTrial(pool, 1, cause);
  let heldMs = -1;
  trial.begin(0);
  for (let now = LOOK_MS; now < 60_000; now += LOOK_MS) {
    const ended = load.ended(inUse);
    connections.forEach(({ transport }, i) => {
      if (i < inUse) transport.streamsEnded += ended / inUse;
      else transport.admission.openCalls = left;
    });
    if (load.isHeld(inUse)) heldMs = now;
    const verdict = trial.look(now, heldMs);
    if (verdict !== undefined) return [verdict, now, trial];
  }
  assert.fail('the trial has no end');
}

describe('connections on trial', () => {
  it('are useful when more calls end with them', () => {
    add(2, 10);
    const [verdict, , trial] = verdictOf('queue', {
      ended: (count) => 5 * count,
      isHeld: () => true,
    });
    assert.equal(verdict, 'useful');
    assert.equal(trial.callsWithout, 200);
    assert.deepEqual(used, [1, 2], 'left aside once, and in use again');
  });

  it('are needless when a slow server ends as many without them', () => {
    for (const cause of ['queue', 'streams'] as const) {
      connections = [];
      add(4, 10);
      const [verdict, ms] = verdictOf(cause, { ended: () => 6, isHeld: () => true });
      assert.equal(verdict, 'needless', cause);
      assert.ok(ms <= 4_000, `it took ${ms} ms`);
    }
  });

  it('are not judged when no call is held back without them', () => {
    add(2, 10);
    const [verdict] = verdictOf('queue', { ended: () => 6, isHeld: (count) => count > 1 });
    assert.equal(verdict, 'open');
  });

  it('are not judged when their calls last, and lose none of them', () => {
    add(4, 100);
    const [verdict, ms] = verdictOf('streams', { ended: () => 0, isHeld: () => true });
    assert.equal(verdict, 'open');
    assert.ok(ms < 600, `it took ${ms} ms`);
    assert.deepEqual(used, [4], 'never left aside');
  });

  it('are not judged while calls that began with them go on without them', () => {
    add(2, 10);
    const load = { ended: (): number => 6, isHeld: (): boolean => true };
    assert.equal(verdictOf('streams', load, 5)[0], 'open');
    assert.deepEqual(used, [1, 2]);
  });

  it('are judged although a few long calls stay on them', () => {
    add(2, 50);
    const load = { ended: (): number => 10, isHeld: (): boolean => true };
    assert.equal(verdictOf('streams', load, 5)[0], 'needless');
  });

  it('are let be as soon as the load has gone', () => {
    add(2, 0);
    const [verdict, ms] = verdictOf('queue', { ended: () => 0, isHeld: () => false });
    assert.deepEqual([verdict, ms], ['open', LOOK_MS]);
  });
});
