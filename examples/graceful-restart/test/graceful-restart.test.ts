import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('graceful-restart: no call fails while both replicas are replaced', async () => {
  const lines = await runExample('graceful-restart');
  for (const name of ['replica-1', 'replica-2']) {
    const told = lines.findIndex((line) => line.startsWith(`${name} v1: told to end, finishes `));
    assert.notEqual(told, -1, lines.join('\n'));
    assert.equal(lines[told + 1], `${name} v1: gone, exit code 0`);
    assert.equal(lines[told + 2], `${name} v2: connected`);
  }
  assert.match(lines.at(-2) ?? '', /^v1 answered [1-9]\d* calls, v2 [1-9]\d*$/);
  assert.equal(lines.at(-1), '0 calls failed');
});
