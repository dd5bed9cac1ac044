// The ring: who has how many entries, where they lie, and how little a change moves. gRFC A42.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  HashRing,
  POSITIONS,
  positionOf,
  type RingMember,
} from '#sluice/channel/balancers/hash-ring.js';
import { mulberry32 } from '../../support/random.js';

function members(names: string, weight = 1): RingMember[] {
  return names.split(' ').map((hashKey) => ({ hashKey, weight }));
}

function entriesOf(ring: HashRing, count: number): number[] {
  const entries = Array.from({ length: count }, () => 0);
  for (let entry = 0; entry < ring.size; entry += 1) {
    const owner = ring.ownerOf(entry);
    entries[owner] = (entries[owner] ?? 0) + 1;
  }
  return entries;
}

describe('a hash ring', () => {
  it('has as many entries for each as its weight, and the least size where that is whole', () => {
    const even = new HashRing(members('a b c d'), 1_024, 4_096);
    assert.deepEqual(entriesOf(even, 4), [256, 256, 256, 256]);
    const weighted = [
      { hashKey: 'a', weight: 1 },
      { hashKey: 'b', weight: 2 },
      { hashKey: 'c', weight: 5 },
    ];
    assert.deepEqual(entriesOf(new HashRing(weighted, 1_024, 4_096), 3), [128, 256, 640]);
    // The lightest has a whole number, so the ring is larger than the least.
    assert.deepEqual(entriesOf(new HashRing(members('a b c'), 10, 4_096), 3), [4, 4, 4]);
  });

  it('has no more than the most entries, whatever the weights', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => ({ hashKey: `h${i}`, weight: 1 }));
    assert.equal(new HashRing(many, 1, 500).size, 500);
    const lopsided = [
      { hashKey: 'a', weight: 1 },
      { hashKey: 'b', weight: 1e6 },
    ];
    const ring = new HashRing(lopsided, 1_024, 4_096);
    assert.ok(ring.size <= 4_097, String(ring.size));
  });

  it('puts a backend where the hash of its key and number lies', () => {
    const ring = new HashRing(members('10.0.0.1:80 10.0.0.2:80'), 64, 64);
    for (let i = 0; i < 32; i += 1) {
      const entry = ring.entryAt(positionOf(`10.0.0.2:80_${i}`));
      assert.equal(ring.ownerOf(entry), 1);
    }
  });

  it('finds the first entry at or behind a position, and the first of all behind the last', () => {
    const ring = new HashRing(members('a b c'), 16, 18);
    const own = ['a', 'b', 'c'].flatMap((key, owner) =>
      Array.from({ length: 6 }, (_, i) => ({ position: positionOf(`${key}_${i}`), owner })),
    );
    const sorted = own.sort((x, y) => x.position - y.position);
    const random = mulberry32(11);
    for (let run = 0; run < 5_000; run += 1) {
      const position = Math.floor(random() * POSITIONS);
      const next = sorted.find((one) => one.position >= position) ?? sorted[0];
      assert.equal(ring.ownerOf(ring.entryAt(position)), next?.owner);
    }
    assert.equal(ring.entryAt(POSITIONS - 1), 0);
    for (const { position, owner } of sorted) {
      assert.equal(ring.ownerOf(ring.entryAt(position)), owner);
    }
  });

  it('spreads keys by weight', () => {
    const ring = new HashRing(members('a:1 b:1 c:1 d:1'), 4_096, 4_096);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i += 1) {
      const owner = ring.ownerOf(ring.entryAt(positionOf(`user-${i}`)));
      counts[owner] = (counts[owner] ?? 0) + 1;
    }
    for (const count of counts) assert.ok(count > 4_300 && count < 5_700, counts.join(' '));
  });

  it('moves only the keys of a backend that leaves', () => {
    const before = new HashRing(members('a:1 b:1 c:1 d:1'), 1_024, 4_096);
    const after = new HashRing(members('a:1 b:1 d:1'), 768, 4_096);
    const names = ['a', 'b', 'c', 'd'];
    const left = ['a', 'b', 'd'];
    for (let i = 0; i < 5_000; i += 1) {
      const position = positionOf(`user-${i}`);
      const was = names[before.ownerOf(before.entryAt(position))];
      if (was !== 'c') assert.equal(left[after.ownerOf(after.entryAt(position))], was);
    }
  });

  it('has positions of 53 bits, the upper ones of a hash', () => {
    assert.equal(BigInt(positionOf('abc')), 0x44bc2cf5ad770999n >> 11n);
    assert.equal(BigInt(positionOf('asdf')), 0x415872f599cea71en >> 11n);
  });

  it('takes keys of any length and any characters', () => {
    const long = 'x'.repeat(10_000);
    assert.notEqual(positionOf(long), positionOf(`${long}y`));
    assert.notEqual(positionOf('schlüssel'), positionOf('schluessel'));
    assert.ok(Number.isSafeInteger(positionOf('')) && positionOf('') < POSITIONS);
  });
});
