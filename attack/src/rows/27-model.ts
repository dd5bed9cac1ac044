// Row 27: the model tests at length: random conversations between real channels and servers over
// random chunks, on a virtual clock. About twenty minutes.
// grpc-js has no simulated platform to run on: its sockets and timers are Node's own.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../measure/program.ts';
import { type AttackSide, blocked, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const FOLDER: string = fileURLToPath(
  new URL('../../../packages/sluice/dist-test/model', import.meta.url),
);
const RUNS = 100_000;
const WITHIN_MS = 45 * 60_000;

/** The faults that a report of Node's test runner has, in TAP, with the first line of their errors. */
function faultsIn(output: string): string[] {
  return output
    .split(/^\s*not ok \d+ - /m)
    .slice(1)
    .map((fault) => {
      const name = fault.slice(0, fault.indexOf('\n'));
      const why = /^\s*error: (?:\|-\s*)?(.*)$/m.exec(fault)?.[1];
      return why === undefined ? name : `${name}: ${why}`;
    });
}

async function run({ runtime, progress }: RowContext): Promise<AttackSide> {
  if (runtime === 'grpc-js') return blocked('it runs on no simulated platform');
  if (!existsSync(FOLDER)) return blocked('the tests are not built; npm run build');
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.js'));
  const startedMs = performance.now();
  const { code, output } = await runProgram({
    args: [
      '--test',
      '--test-reporter=tap',
      `--test-concurrency=${files.length}`,
      ...files.map((name) => join(FOLDER, name)),
    ],
    env: { SLUICE_MODEL_RUNS: String(RUNS) },
    withinMs: WITHIN_MS,
    progress,
  });
  const faults = faultsIn(output);
  if (code === null) faults.push(`not over after ${WITHIN_MS / 60_000} minutes`);
  else if (code !== 0 && faults.length === 0) faults.push(output.trim().slice(-300));
  const passed = [...output.matchAll(/^\s*ok \d+ - .*$/gm)].length;
  if (passed === 0) faults.push('no test ran');
  return side(faults, {
    runsOfEachTest: RUNS,
    files: files.length,
    seconds: Math.round((performance.now() - startedMs) / 1000),
  });
}

export const rows: readonly Row[] = [
  {
    row: 27,
    name: 'model test: operations, chunks and a virtual clock at random',
    direction: 'server',
    tls: false,
    expected: '100,000 runs: credits conserved, no stuck stream, exactly one status for each call',
    seconds: 1_200,
    run,
  },
];
