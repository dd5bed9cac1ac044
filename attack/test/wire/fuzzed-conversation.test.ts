import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzedConversation } from '../../dist/wire/fuzzed-conversation.js';

test('the same seed gives the same bytes in the same chunks, another seed others', () => {
  assert.deepEqual(fuzzedConversation(7), fuzzedConversation(7));
  assert.notDeepEqual(fuzzedConversation(7), fuzzedConversation(8));
});

test('a thousand seeds give conversations of a size that a socket takes', () => {
  for (let seed = 0; seed < 1_000; seed += 1) {
    const chunks = fuzzedConversation(seed);
    assert.ok(chunks.length > 0);
    const bytes = Buffer.concat(chunks).length;
    assert.ok(bytes > 24 && bytes < 20_000, `seed ${seed}: ${bytes} bytes`);
  }
});
