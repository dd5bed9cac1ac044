// The command line: what is read, and that a fault names the option and where the help is.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseCpuList } from '../../dist/storm/cores.js';
import { parseStormOptions, STORM_HELP } from '../../dist/storm/options.js';
import { reportFault } from '../../dist/storm/report-files.js';

function fault(...args: string[]): string {
  const parsed = parseStormOptions(args);
  assert.equal(parsed.kind, 'fault');
  return parsed.kind === 'fault' ? parsed.why : '';
}

test('no options run every scenario and runtime at the defaults', () => {
  const parsed = parseStormOptions([]);
  assert.ok(parsed.kind === 'run');
  assert.equal(parsed.options.rate, 100_000);
  assert.deepEqual(
    parsed.options.scenarios.map(({ name }) => name),
    ['slow-server', 'stopped-server'],
  );
  assert.deepEqual(parsed.options.runtimes, ['sluice', 'drop-in', 'grpc-js']);
  assert.equal(parsed.options.jsonFile, null);
});

test('--only takes scenarios and runtimes, again or with commas', () => {
  const parsed = parseStormOptions(['--only', 'sluice', '--only=slow-server', '--no-open']);
  assert.ok(parsed.kind === 'run');
  assert.deepEqual(
    parsed.options.scenarios.map(({ name }) => name),
    ['slow-server'],
  );
  assert.deepEqual(parsed.options.runtimes, ['sluice']);
  assert.equal(parsed.options.opens, false);
  const both = parseStormOptions(['--only', 'drop-in,grpc-js']);
  assert.ok(both.kind === 'run');
  assert.deepEqual(both.options.runtimes, ['drop-in', 'grpc-js']);
});

test('a fault names the option, what it was given and the help', () => {
  assert.match(fault('--sceonds', '3'), /--sceonds.*sluice storm --help/);
  assert.match(fault('--rate', 'fast'), /--rate.*'fast'.*sluice storm --help/);
  assert.match(fault('--seconds', '0'), /--seconds.*from 0\.5 to 600.*'0'/);
  assert.match(fault('--seconds', '1e9'), /--seconds.*'1e9'/);
  assert.match(fault('--seconds='), /--seconds.*''/);
  assert.match(fault('--rate', '-5'), /--rate/);
  assert.match(fault('--json='), /--json.*file/);
  assert.match(fault('--rate'), /--rate/);
  assert.match(fault('--only', 'sluice,calm'), /--only.*slow-server.*'calm'/);
  assert.match(fault('extra'), /extra/);
});

test('the help names every option', () => {
  for (const option of ['seconds', 'rate', 'only', 'json', 'html', 'no-open', 'help']) {
    assert.ok(STORM_HELP.includes(`--${option}`));
  }
});

test('the command exits 2 on a fault, 0 on help, and says which', () => {
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  const wrong = run('storm', '--sceonds', '3');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--sceonds/);
  assert.equal(run('strom').status, 2);
  assert.match(run('strom').stderr, /'strom'.*sluice --help/);
  assert.equal(run('--help').status, 0);
  assert.match(run('--version').stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a report that cannot be written is told before the storm, by its option', () => {
  const faultOf = (...args: string[]) => {
    const parsed = parseStormOptions(args);
    assert.ok(parsed.kind === 'run');
    return reportFault(parsed.options);
  };
  const folder = mkdtempSync(join(tmpdir(), 'storm-'));
  assert.equal(faultOf('--json', join(folder, 'a.json'), '--html', join(folder, 'a.html')), null);
  assert.match(faultOf('--json', join(folder, 'no', 'a.json')) ?? '', /^--json .*no folder .*no;/);
  assert.match(faultOf('--html', folder) ?? '', /^--html .* is a folder/);
  rmSync(folder, { recursive: true });
});

test('a kernel CPU list is read with its ranges', () => {
  assert.deepEqual(parseCpuList('0-2,5\n'), [0, 1, 2, 5]);
  assert.deepEqual(parseCpuList(''), []);
});
