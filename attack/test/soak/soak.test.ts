// A whole soak, short: both processes under load with faults, and the same with something broken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../dist/soak/options.js';
import { runSoak } from '../../dist/soak/soak.js';
import { formatReport } from '../../dist/soak/text-report.js';

test('a few seconds of mixed load end every call and leave nothing open', async () => {
  let seen = 0;
  const plan = { runtime: 'sluice', seconds: 4, rps: 40, seed: 5 } as const;
  const report = await runSoak(plan, () => {
    seen += 1;
  });
  assert.deepEqual(report.why, []);
  assert.equal(report.held, true);
  assert.ok(report.calls > 0 && seen > 0);
  assert.match(formatReport(report), /held +yes/);
});

test('options are numbers in their range, or say what they must be', () => {
  const ours = readOptions(['--seconds', '1800', '--rps=50', '--seed', '3'], 0);
  assert.deepEqual(ours, {
    kind: 'run',
    options: { seconds: 1_800, rps: 50, seed: 3, runtime: 'sluice', json: undefined },
  });
  const fault = readOptions(['--seconds', 'long'], 0);
  assert.ok(fault.kind === 'fault');
  assert.equal(fault.why, "--seconds is 'long'; it must be a number from 2 to 604800");
  assert.equal(readOptions(['--runtime', 'go'], 0).kind, 'fault');
  assert.equal(readOptions(['--nope'], 0).kind, 'fault');
  assert.equal(readOptions(['--help'], 0).kind, 'help');
});
