// `npm run fuzz`: the five fuzzers for a while, or for so many executions; `--planted` shows that they
// find what they are for. Progress on stderr, a table on stdout, exit code 1 on a finding.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FuzzRun, type RunResult } from './fuzz-run.js';
import { plantAll } from './planting.js';
import { TARGETS, targetOf } from './targets.js';

const HELP = `npm run fuzz -- [options]

  --seconds N      how long, split over the targets (default 60; none with --executions)
  --executions N   how many in all, split by a fixed share of each target
  --only TARGET    one of ${TARGETS.map(({ name }) => name).join(', ')}
  --workers N      threads (default 2)
  --seed N         where the randomness begins (default 1): the same seed, the same executions
  --json FILE      figures and findings as JSON
  --planted        plants faults in copies of the build and measures how soon each is found
  --help           this

A finding is shrunk, printed and written to test/fuzz/corpus/<target>/, where npm test replays it.
`;

const PROGRESS_MS = 5_000;

const OPTIONS = {
  seconds: { type: 'string' },
  executions: { type: 'string' },
  only: { type: 'string' },
  workers: { type: 'string' },
  seed: { type: 'string' },
  json: { type: 'string' },
  planted: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.planted) return await plantAll(numberOf('seconds', values.seconds, 60));
  const targets =
    values.only === undefined ? TARGETS.map(({ name }) => name) : [targetOf(values.only).name];
  const untold = values.executions === undefined ? 60 : Number.POSITIVE_INFINITY;
  const run = new FuzzRun({
    targets,
    executions: numberOf('executions', values.executions, Number.POSITIVE_INFINITY),
    seconds: numberOf('seconds', values.seconds, untold),
    workers: numberOf('workers', values.workers, 2),
    seed: numberOf('seed', values.seed, 1),
  });
  const progress = setInterval(
    () => process.stderr.write(`fuzz: ${run.describe()}\n`),
    PROGRESS_MS,
  );
  const result = await run.run();
  clearInterval(progress);
  report(result);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  return result.findings.length === 0 ? 0 : 1;
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`--${name} is ${JSON.stringify(text)}; it takes a number above 0`);
}

function report(result: RunResult): void {
  for (const { target, execution, seed, error, transcript, file } of result.findings) {
    process.stdout.write(
      `${target}, seed ${seed}, execution ${execution}: ${error}\n${transcript}${file}\n\n`,
    );
  }
  const lines = [['target', 'executions', 'executions/s', 'slowest ms', 'crashes']];
  let all = 0;
  for (const { target, executions, spentMs, slowestMs, crashes } of result.figures) {
    all += executions;
    const rate = (executions / Math.max(1, spentMs)) * 1000 * result.workers;
    lines.push([
      target,
      String(executions),
      rate.toFixed(0),
      slowestMs.toFixed(1),
      String(crashes),
    ]);
  }
  lines.push([
    'all',
    String(all),
    (all / result.seconds).toFixed(0),
    '',
    String(result.findings.length),
  ]);
  for (const line of lines) {
    const cells = line.map((cell, i) => (i === 0 ? cell.padEnd(18) : cell.padStart(14)));
    process.stdout.write(`${cells.join('')}\n`);
  }
  process.stdout.write(
    `${result.seconds.toFixed(1)} s, ${result.workers} threads, seed ${result.seed}\n`,
  );
}

// In a copy of the build: it ends with the one that planted its fault.
if (process.channel !== undefined) {
  process.once('disconnect', () => process.exit(2));
  process.channel.unref();
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  },
);
