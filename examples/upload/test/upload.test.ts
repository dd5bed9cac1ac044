import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('upload: all of a file larger than the memory of either side arrives', async () => {
  const lines = await runExample('upload');
  const progress = lines
    .slice(0, 4)
    .map((line) =>
      /^(\d+) MiB sent, the client has (\d+) MiB in memory, at most (\d+) KiB queued$/.exec(line),
    );
  assert.deepEqual(
    progress.map((match) => match?.[1]),
    ['64', '128', '192', '256'],
  );
  for (const [index, match] of progress.entries()) {
    assert.ok(Number(match?.[2]) < 200, lines[index]);
    assert.ok(Number(match?.[3]) < 1_024, lines[index]);
  }
  const server = /^256 MiB received, the server had at most (\d+) MiB$/.exec(lines[4] ?? '');
  assert.ok(Number(server?.[1]) < 200, lines[4]);
  assert.match(lines[5] ?? '', /^sha256 [0-9a-f]{64}$/);
});
