// Ping enforcement of a server: two strikes are forgiven, the third is not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PingPolicy } from '#sluice/transport/ping-policy.js';

const MINUTE = 60_000;

test('pings five minutes apart are welcome while there are streams', () => {
  const policy = new PingPolicy();
  for (let i = 0; i < 100; i++) assert.equal(policy.onPing(i * 5 * MINUTE, true), false);
});

test('the third ping that comes too soon is one too many', () => {
  const policy = new PingPolicy();
  assert.equal(policy.onPing(0, true), false, 'the first comes too soon after nothing');
  assert.equal(policy.onPing(1_000, true), false);
  assert.equal(policy.onPing(2_000, true), false);
  assert.equal(policy.onPing(3_000, true), true);
});

test('without streams two hours must pass, unless it is permitted', () => {
  const strict = new PingPolicy();
  const answers = [0, 1, 2, 3].map((i) => strict.onPing(i * 10 * MINUTE, false));
  assert.deepEqual(answers, [false, false, false, true]);
  const patient = new PingPolicy();
  for (let i = 0; i < 10; i++) assert.equal(patient.onPing(i * 120 * MINUTE, false), false);
  const permitting = new PingPolicy(5 * MINUTE, true);
  for (let i = 0; i < 10; i++) assert.equal(permitting.onPing(i * 10 * MINUTE, false), false);
});

test('HEADERS or DATA sent in between clear the strikes: BDP pings never add up', () => {
  const policy = new PingPolicy();
  for (let i = 0; i < 10_000; i++) {
    assert.equal(policy.onPing(i, true), false);
    policy.onSentHeadersOrData();
  }
});

test('strikes before HEADERS or DATA are forgotten, those after count from 0', () => {
  const policy = new PingPolicy();
  for (let i = 0; i < 3; i++) policy.onPing(i, true);
  policy.onSentHeadersOrData();
  assert.deepEqual(
    [3, 4, 5, 6].map((now) => policy.onPing(now, true)),
    [false, false, false, true],
  );
});

test('the least interval can be set', () => {
  const policy = new PingPolicy(1_000);
  for (let i = 0; i < 10; i++) assert.equal(policy.onPing(i * 1_000, true), false);
  assert.deepEqual(
    [9_999, 10_998, 11_997].map((now) => policy.onPing(now, true)),
    [false, false, true],
  );
});
