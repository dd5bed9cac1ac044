// Row 26: the fuzzers at length, and the faults that are planted to show what they find. About ten
// minutes each. What runs here is this repository's own codecs in a process of their own; grpc-js has
// none, its HTTP/2 is Node's: both are put to the same fuzz of sockets instead (26-wire-fuzz.ts).

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../measure/program.ts';
import { type AttackSide, blocked, type Figures, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const FUZZ: string = fileURLToPath(
  new URL('../../../packages/sluice/dist-test/fuzz/main.js', import.meta.url),
);
const EXECUTIONS = 10_000_000;
const WORKERS = 2;
const SLOWEST_MS = 100;
const FUZZ_MS = 45 * 60_000;
const PLANTED_MS = 45 * 60_000;

/** What `--json` of the fuzzers writes; the parts of it that are judged here. */
interface FuzzResult {
  readonly seconds: number;
  readonly figures: readonly {
    readonly target: string;
    readonly executions: number;
    readonly slowestMs: number;
    readonly crashes: number;
  }[];
  readonly findings: readonly { readonly target: string; readonly error: string }[];
}

function resultIn(path: string): FuzzResult | undefined {
  try {
    // Written by that program, of the same build.
    return JSON.parse(readFileSync(path, 'utf8')) as FuzzResult;
  } catch {
    return undefined;
  }
}

/** Judges a run of the fuzzers; adds its figures. */
function faultsOf({ figures, findings, seconds }: FuzzResult, into: Figures): string[] {
  const faults = findings.map(({ target, error }) => `${target}: ${error.split('\n')[0]}`);
  let executions = 0;
  for (const { target, executions: own, slowestMs, crashes } of figures) {
    executions += own;
    into[target] = own;
    into[`${target} slowestMs`] = Math.round(slowestMs * 10) / 10;
    if (crashes > 0) faults.push(`${target}: ${crashes} crashes`);
    if (slowestMs > SLOWEST_MS) faults.push(`${target}: one took ${slowestMs.toFixed(0)} ms`);
  }
  into.executions = executions;
  into.seconds = Math.round(seconds);
  if (executions < EXECUTIONS) faults.push(`${executions} executions of ${EXECUTIONS}`);
  return faults;
}

async function run({ runtime, progress }: RowContext): Promise<AttackSide> {
  if (runtime === 'grpc-js') return blocked('it has no codecs of its own, its HTTP/2 is in Node');
  if (!existsSync(FUZZ)) return blocked('the fuzzers are not built; npm run build');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-fuzz-'));
  const json = join(folder, 'result.json');
  const figures: Figures = {};
  const faults: string[] = [];
  try {
    const count = ['--executions', String(EXECUTIONS), '--workers', String(WORKERS)];
    const args = [FUZZ, ...count, '--json', json];
    const fuzzed = await runProgram({ args, withinMs: FUZZ_MS, progress });
    const result = resultIn(json);
    if (result !== undefined) faults.push(...faultsOf(result, figures));
    else
      faults.push(
        `the fuzzers said nothing (exit code ${fuzzed.code}): ${lastLine(fuzzed.output)}`,
      );
    const planted = await runProgram({ args: [FUZZ, '--planted'], withinMs: PLANTED_MS, progress });
    figures.planted = lastLine(planted.output);
    if (planted.code !== 0) faults.push(`planted faults: ${lastLine(planted.output)}`);
    return side(faults, figures);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}

export const rows: readonly Row[] = [
  {
    row: 26,
    name: 'fuzz: frames, HPACK, framing, header lists, conversations',
    direction: 'server',
    tls: false,
    expected:
      '10,000,000 executions without a crash, none above 100 ms; 20 planted faults each found within 60 s',
    seconds: 1_200,
    run,
  },
];
