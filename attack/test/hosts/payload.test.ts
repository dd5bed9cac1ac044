import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage, messageOf } from '../../dist/hosts/payload.js';

test('a message is told from one with another number, length or byte', () => {
  for (const length of [4, 64, 65_536]) {
    const message = messageOf(7, length);
    assert.ok(isMessage(message, 7, length));
    assert.ok(!isMessage(message, 8, length));
    assert.ok(!isMessage(message, 7, length + 1));
    const last = message[length - 1] ?? 0;
    message[length - 1] = last ^ 1;
    assert.ok(!isMessage(message, 7, length));
  }
});

test('messages of neighbouring numbers share no noise', () => {
  assert.notDeepEqual(messageOf(1, 64).subarray(4), messageOf(2, 64).subarray(4));
});

test('the number may pass the 32 bits that it is kept in', () => {
  assert.ok(isMessage(messageOf(2 ** 32 + 5, 64), 2 ** 32 + 5, 64));
});
