// The table of streams against a Map under the same random traffic.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamTable } from '#sluice/transport/stream-table.js';
import { mulberry32 } from '../support/random.js';

interface Entry {
  id: number;
}

function same(table: StreamTable<Entry>, map: Map<number, Entry>): void {
  assert.equal(table.size, map.size);
  const seen = new Map<number, Entry>();
  table.forEach((value, id) => {
    assert.equal(seen.has(id), false, 'visited twice');
    seen.set(id, value);
  });
  assert.equal(seen.size, map.size);
  for (const [id, value] of map) {
    assert.equal(table.get(id), value);
    assert.equal(seen.get(id), value);
  }
}

test('a stream is found by its id until it is deleted', () => {
  const table = new StreamTable<Entry>();
  const entry = { id: 1 };
  assert.equal(table.get(1), undefined);
  table.set(1, entry);
  assert.equal(table.get(1), entry);
  assert.equal(table.get(3), undefined);
  assert.equal(table.delete(3), undefined);
  assert.equal(table.delete(1), entry);
  assert.equal(table.get(1), undefined);
  assert.equal(table.size, 0);
});

test('setting an id again replaces its stream', () => {
  const table = new StreamTable<Entry>();
  const entry = { id: 5 };
  table.set(5, { id: 5 });
  table.set(5, entry);
  assert.equal(table.size, 1);
  assert.equal(table.get(5), entry);
});

test('id 0, the connection, is never there and cannot be set', () => {
  const table = new StreamTable<Entry>();
  assert.equal(table.get(0), undefined);
  assert.equal(table.delete(0), undefined);
  for (const id of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
    assert.throws(() => table.set(id, { id }), RangeError);
  }
});

test('the largest stream id is kept', () => {
  const table = new StreamTable<Entry>();
  const entry = { id: 2 ** 31 - 1 };
  table.set(entry.id, entry);
  assert.equal(table.get(entry.id), entry);
  assert.equal(table.delete(entry.id), entry);
});

test('random traffic in sequence, out of sequence and at the ends of the id range', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = mulberry32(seed);
    const table = new StreamTable<Entry>();
    const map = new Map<number, Entry>();
    const ids: number[] = [];
    let next = seed % 2 === 0 ? 1 : 2 ** 31 - 20_001;
    const target = 10 ** (random() * 3.3);
    for (let step = 0; step < 6_000; step++) {
      if (random() < (ids.length < target ? 0.7 : 0.3)) {
        next += random() < 0.9 ? 2 : 2 * Math.floor(random() * 5);
        const id = random() < 0.05 ? 1 + Math.floor(random() * 1e9) : Math.min(next, 2 ** 31 - 1);
        const entry = { id };
        if (!map.has(id)) ids.push(id);
        map.set(id, entry);
        table.set(id, entry);
      } else if (ids.length > 0) {
        const at = random() < 0.5 ? 0 : Math.floor(random() * ids.length);
        const [id] = ids.splice(at, 1);
        assert.equal(table.delete(id ?? 0), map.get(id ?? 0));
        map.delete(id ?? 0);
      }
      if (step % 500 === 0) same(table, map);
    }
    same(table, map);
  }
});

test('ids that share one home slot are all found, before and after deletions', () => {
  const table = new StreamTable<Entry>();
  const map = new Map<number, Entry>();
  // What an attacker would pick: the top bits of id times the multiplier all alike.
  for (let id = 1; map.size < 500; id += 2) {
    if (Math.imul(id, 0x9e3779b1) >>> 22 !== 7) continue;
    map.set(id, { id });
    table.set(id, map.get(id) ?? assert.fail());
  }
  same(table, map);
  for (const id of [...map.keys()].filter((_, at) => at % 3 === 0)) {
    map.delete(id);
    table.delete(id);
  }
  same(table, map);
});

test('churn at a steady size never changes the capacity', () => {
  const table = new StreamTable<Entry>();
  for (let id = 1; id < 2_000; id += 2) table.set(id, { id });
  const capacity = table.capacity;
  for (let id = 2_001; id < 400_000; id += 2) {
    table.set(id, { id });
    table.delete(id - 2_000);
    assert.equal(table.capacity, capacity);
  }
});

test('the capacity stays under four times the largest size, and memory returns as streams end', () => {
  const table = new StreamTable<Entry>();
  for (let id = 1; id < 200_000; id += 2) {
    table.set(id, { id });
    assert.ok(table.capacity <= Math.max(16, 4 * table.size));
  }
  for (let id = 1; id < 200_000; id += 2) table.delete(id);
  assert.equal(table.size, 0);
  assert.ok(table.capacity <= 256, `${table.capacity} slots held for nothing`);
});

test('forEach visits what is there at its turn while the visitor deletes and adds', () => {
  const table = new StreamTable<Entry>();
  for (let id = 1; id < 200; id += 2) table.set(id, { id });
  const visited: number[] = [];
  table.forEach((_, id) => {
    visited.push(id);
    table.delete(id);
    // The partner of each goes with it and must not be visited afterwards.
    table.delete(id % 4 === 1 ? id + 2 : id - 2);
    table.set(id + 100_000, { id });
  });
  assert.equal(visited.length, 50);
  assert.equal(table.size, 50);
});
