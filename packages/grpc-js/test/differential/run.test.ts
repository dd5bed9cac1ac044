// Each program sees the same of both packages, but for the table of known differences.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_DIFFERENCES } from './known-differences.ts';
import { judge, programs, verdict } from './run.ts';

// Two runs side by side, of at most a minute each.
const TIMEOUT_MS = 130_000;

for (const program of programs()) {
  test(`${program} sees what the original shows`, { timeout: TIMEOUT_MS }, async () => {
    const { unknown, stale, observed } = await judge(program);
    assert.ok(observed > 0, 'nothing was observed');
    assert.deepEqual(unknown, [], 'differs, and known-differences.ts does not say so');
    assert.deepEqual(stale, [], 'known-differences.ts has entries that no longer differ');
  });
}

test('the table of known differences names programs that exist, each thing once, with a reason', () => {
  const existing = new Set(programs());
  const seen = new Set<string>();
  for (const { program, name, reason } of KNOWN_DIFFERENCES) {
    assert.ok(existing.has(program), `no program "${program}"`);
    assert.ok(!seen.has(`${program}: ${name}`), `"${program}: ${name}" is there twice`);
    seen.add(`${program}: ${name}`);
    assert.ok(reason.length > 10, `"${program}: ${name}" lacks a reason`);
  }
});

test('a difference outside the table, one side only or in value, is found', () => {
  const original = [
    { name: 'same', value: { a: [1] } },
    { name: 'changed', value: 1 },
    { name: 'only there', value: null },
  ];
  const ours = [
    { name: 'same', value: { a: [1] } },
    { name: 'changed', value: 2 },
    { name: 'only here', value: null },
  ];
  const { unknown, stale, observed } = verdict(original, ours, []);
  assert.deepEqual(
    unknown.map((difference) => difference.name),
    ['changed', 'only there', 'only here'],
  );
  assert.deepEqual(stale, []);
  assert.equal(observed, 3);
});

test('an entry of the table excuses its difference, and is found when nothing differs', () => {
  const known = [
    { program: 'p', name: 'changed', reason: 'on purpose' },
    { program: 'p', name: 'same', reason: 'once' },
  ];
  const { unknown, stale } = verdict(
    [
      { name: 'same', value: 1 },
      { name: 'changed', value: 1 },
    ],
    [
      { name: 'same', value: 1 },
      { name: 'changed', value: 2 },
    ],
    known,
  );
  assert.deepEqual(unknown, []);
  assert.deepEqual(stale, [known[1]]);
});

test('a name that occurs twice is a fault of the program', () => {
  const twice = [
    { name: 'a', value: 1 },
    { name: 'a', value: 1 },
  ];
  assert.throws(() => verdict(twice, [], []), /two observations are called "a"/);
});
