import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('retries: a policy hides failures from callers, of the methods it names', async () => {
  assert.deepEqual(await runExample('retries'), [
    'without a policy: 30 prices, 10 failed, 0 retries',
    'without a policy: 30 orders, 10 failed: 14 UNAVAILABLE: call 33 is unlucky',
    'with a policy: 30 prices, 0 failed, 14 retries',
    'with a policy: 30 orders, 10 failed: 14 UNAVAILABLE: call 105 is unlucky',
  ]);
});
