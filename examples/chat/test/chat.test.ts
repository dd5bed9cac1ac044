import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('chat: everybody hears what the others say, in one order each', async () => {
  const lines = await runExample('chat');
  const heardBy = (name: string): string[] =>
    lines
      .filter((line) => line.startsWith(`${name} hears: `))
      .map((line) => line.slice(`${name} hears: `.length));
  const ada = heardBy('Ada');
  assert.deepEqual(ada.slice(0, 2), ['Bob: (joins)', 'Cleo: (joins)']);
  assert.deepEqual(ada.slice(2).sort(), ['Bob: I am.', 'Cleo: So am I.']);
  assert.deepEqual(heardBy('Bob').slice(0, 4), [
    'Cleo: (joins)',
    'Ada: Is everybody here?',
    'Cleo: So am I.',
    'Ada: (leaves)',
  ]);
  assert.deepEqual(heardBy('Cleo').slice(0, 3), [
    'Ada: Is everybody here?',
    'Bob: I am.',
    'Ada: (leaves)',
  ]);
  assert.equal(lines.at(-1), 'the room is empty');
});
