// What this package does better than what it stands in for, each as a program that the published
// package fails and ours passes. Both run as processes of their own, within bounds, on the loopback.
// Without the first half a program could pass for saying nothing.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Bounds, type Ended, OURS, PUBLISHED, runNode } from './betterments/child.ts';
import type { Verdict } from './betterments/program.ts';

interface Betterment {
  readonly claim: string;
  /** The program's file, in betterments/. */
  readonly program: string;
  readonly bounds: Bounds;
  /** How the published package fails: the program sees it, or V8 ends the process for its heap. */
  readonly fails: 'seen' | 'heap';
}

const BETTERMENTS: readonly Betterment[] = [
  {
    claim: 'an unread response stream is bounded by its window',
    program: 'unread-stream',
    bounds: {},
    fails: 'seen',
  },
  {
    claim:
      'a flood on one connection ends in RESOURCE_EXHAUSTED, with a limit that tells of itself',
    program: 'flood',
    bounds: { timeoutMs: 120_000, heapMiB: 256 },
    fails: 'heap',
  },
  {
    claim: 'a peer that accepts the connection and says nothing is given up within 20 s',
    program: 'silent-peer',
    bounds: { timeoutMs: 30_000 },
    fails: 'seen',
  },
  {
    claim: "a server's receive windows grow with what the path carries",
    program: 'upload-window',
    bounds: { timeoutMs: 30_000 },
    fails: 'seen',
  },
  {
    claim: 'write() says false from the first message that has to wait',
    program: 'write-false',
    bounds: {},
    fails: 'seen',
  },
  {
    claim: 'a server compresses its replies',
    program: 'compressed-replies',
    bounds: {},
    fails: 'seen',
  },
  {
    claim: 'GOAWAY loses no call',
    program: 'go-away',
    bounds: { timeoutMs: 60_000 },
    fails: 'seen',
  },
];

/** Runs the compiled program beside this file with the module `name`. */
function runWith(name: string, { program, bounds }: Betterment): Promise<Ended> {
  return runNode([join(__dirname, 'betterments', `${program}.js`), name], bounds);
}

/** What the program printed. A process that failed otherwise is no verdict. */
function verdictOf(ended: Ended): Verdict {
  assert.equal(ended.code, 0, `ended by ${ended.signal ?? ended.code}: ${ended.stderr}`);
  // The line is the program's own, in betterments/program.ts.
  return JSON.parse(ended.stdout) as Verdict;
}

function isOutOfHeap({ signal, stderr }: Ended): boolean {
  return signal === 'SIGABRT' && stderr.includes('heap');
}

describe('what is better than in the published package', { concurrency: 1 }, () => {
  for (const betterment of BETTERMENTS) {
    it(betterment.claim, async () => {
      const [published, ours] = await Promise.all([
        runWith(PUBLISHED, betterment),
        runWith(OURS, betterment),
      ]);
      if (betterment.fails === 'heap') {
        assert.ok(isOutOfHeap(published), `${published.signal ?? published.code}, no heap's end`);
      } else {
        const { holds, seen } = verdictOf(published);
        assert.equal(holds, false, `the published package does so too: ${JSON.stringify(seen)}`);
      }
      const { holds, seen } = verdictOf(ours);
      assert.equal(holds, true, JSON.stringify(seen));
    });
  }
});
