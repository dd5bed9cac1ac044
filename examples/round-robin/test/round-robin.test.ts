import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

/** The shares in a line: how often each backend answered, in thousands to the nearest hundred. */
function shares(line = ''): string {
  return line.replace(/\d+(?=[,;])/g, (count) => (Number(count) / 1_000).toFixed(1));
}

it('round-robin: a killed backend costs only what was on its way to it, and comes back', async () => {
  const [address, ...lines] = await runExample('round-robin');
  const south = /^south is (127\.0\.0\.1:\d+)$/.exec(address ?? '')?.[1];
  const three = '3000 calls: north 1.0, south 1.0, west 1.0; 0 failed';
  assert.equal(shares(lines[0]), `all three are up:  ${three}`);
  const killed = /^south is killed: {3}3000 calls: .*; (\d+) failed(?:, sent to (\S+))?$/;
  const [, failed, where = south] = killed.exec(lines[1] ?? '') ?? [];
  assert.ok(Number(failed) <= 10, lines[1]);
  assert.equal(where, south);
  assert.equal(shares(lines[2]), 'two are left:      3000 calls: north 1.5, west 1.5; 0 failed');
  assert.equal(shares(lines[3]), `south is back:     ${three}`);
  assert.equal(lines.length, 4);
});
