import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('hello: one response, many responses, an error with its status', async () => {
  assert.deepEqual(await runExample('hello'), [
    'Hello, Ada!',
    '3',
    '2',
    '1',
    '3 INVALID_ARGUMENT: name is empty',
  ]);
});
