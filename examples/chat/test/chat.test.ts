import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('chat: everybody hears what the others say, and who does not listen is out', async () => {
  const lines = await runExample('chat');
  const heardBy = (name: string): string[] =>
    lines
      .filter((line) => line.startsWith(`${name} hears: `))
      .map((line) => line.slice(`${name} hears: `.length));
  const ada = heardBy('Ada');
  assert.deepEqual(ada.slice(0, 2), ['Bob: (joins)', 'Cleo: (joins)']);
  assert.deepEqual(ada.slice(2, 4).sort(), ['Bob: I am.', 'Cleo: So am I.']);
  assert.deepEqual(ada.slice(4, 6).sort(), ['Bob: (leaves)', 'Cleo: (leaves)']);
  assert.deepEqual(ada.slice(6), ['Dora: (joins)', 'Dora: (leaves)']);
  assert.deepEqual(heardBy('Bob').slice(0, 3), [
    'Cleo: (joins)',
    'Ada: Is everybody here?',
    'Cleo: So am I.',
  ]);
  assert.deepEqual(heardBy('Cleo').slice(0, 2), ['Ada: Is everybody here?', 'Bob: I am.']);
  assert.deepEqual(lines.slice(-2), [
    'Dora has some messages, then: 8 RESOURCE_EXHAUSTED: Dora reads too slowly',
    'the room is empty',
  ]);
});
