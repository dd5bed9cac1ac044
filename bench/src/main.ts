// `npm run bench`: the command line of the benchmarks. Sluice beside @grpc/grpc-js, bare node:http2
// and grpc-go on the same work in the same run, the drop-in beside what it takes the place of, then
// what single functions cost.
// Exit codes: 0 done, 1 a side that could run failed, 2 wrong usage.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BENCHMARKS, type Benchmark } from './e2e/benchmarks.ts';
import { runBenchmark } from './e2e/run.ts';
import { type AbsentSide, DEFAULT_SIDES, findSide, type RunnableSide } from './e2e/sides.ts';
import { type Cores, describeMachine, findCores } from './machine.ts';
import { MICRO_PREFIX, runMicro } from './micro/run.ts';
import { packageVersion } from './package-version.ts';
import { Progress } from './progress.ts';
import {
  type BenchReport,
  barResult,
  formatReport,
  type ReportRow,
  ratios,
  sideResult,
} from './report.ts';

const HELP = `Usage: npm run bench -- [options]

  --only NAMES     comma-separated names or beginnings of names (default: all)
  --sides NAMES    comma-separated: ${DEFAULT_SIDES.join(', ')} (default: all)
  --seconds N      length of one round of throughput (default: 1.2)
  --rounds N       rounds of each side, alternating (default: 3)
  --json FILE      also write the report as JSON
  --help           this text

End to end: ${BENCHMARKS.map((benchmark) => benchmark.name).join(', ')}.
Single functions: ${MICRO_PREFIX}hpack-*, ${MICRO_PREFIX}frame-reader-*, ${MICRO_PREFIX}frame-writer-*, ${MICRO_PREFIX}loopy-*.
`;

interface Options {
  readonly only: readonly string[];
  readonly sides: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly json: string | undefined;
}

class UsageError extends Error {}

function positive(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new UsageError(`--${option} takes a number above 0, not '${text}'`);
  }
  return value;
}

function names(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Undefined: help was asked for. Throws UsageError or parseArgs's own TypeError. */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      sides: { type: 'string' },
      seconds: { type: 'string', default: '1.2' },
      rounds: { type: 'string', default: '3' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = positive(values.rounds, 'rounds');
  if (!Number.isInteger(rounds)) throw new UsageError('--rounds takes a whole number');
  const sides = names(values.sides);
  const unknown = sides.find((side) => !DEFAULT_SIDES.includes(side));
  if (unknown !== undefined) {
    throw new UsageError(`--sides: no side is called '${unknown}'; ${DEFAULT_SIDES.join(', ')}`);
  }
  return {
    only: names(values.only),
    sides: sides.length > 0 ? sides : DEFAULT_SIDES,
    seconds: positive(values.seconds, 'seconds'),
    rounds,
    json: values.json,
  };
}

/** Whole names before beginnings, so that `unary-10` is not `unary-100` too. */
function select<T extends { readonly name: string }>(
  all: readonly T[],
  only: readonly string[],
): T[] {
  if (only.length === 0) return [...all];
  const chosen = new Set<T>();
  for (const name of only) {
    const exact = all.filter((item) => item.name === name);
    const matches = exact.length > 0 ? exact : all.filter((item) => item.name.startsWith(name));
    for (const match of matches) chosen.add(match);
  }
  return all.filter((item) => chosen.has(item));
}

interface Run {
  readonly options: Options;
  readonly cores: Cores | null;
  readonly machine: string;
  readonly progress: Progress;
}

function ownSide(benchmark: Benchmark): string {
  return benchmark.sides[0] ?? '';
}

/** Whether there is anything to show of it with these sides. */
function canRun(benchmark: Benchmark, sides: readonly string[]): boolean {
  // What has a bar needs whoever promised it; Sluice's peers may be run by themselves.
  if (benchmark.bar !== undefined) return sides.includes(ownSide(benchmark));
  return benchmark.sides.some((side) => sides.includes(side));
}

async function endToEnd(
  benchmark: Benchmark,
  all: readonly (RunnableSide | AbsentSide)[],
  run: Run,
): Promise<ReportRow> {
  const sides = all.filter((side) => benchmark.sides.includes(side.name));
  const runnable = sides.filter((side) => 'server' in side);
  const runs = await runBenchmark(benchmark, {
    sides: runnable,
    cores: run.cores,
    seconds: run.options.seconds,
    rounds: run.options.rounds,
    onProgress: (side, round) =>
      run.progress.show(`${benchmark.name}: ${side}, round ${round} of ${run.options.rounds}`),
  });
  const results: ReportRow['results'] = {};
  const versions: Record<string, string> = {};
  const why: Record<string, string> = {};
  for (const side of sides) {
    const done = runs.get(side.name);
    const fault = 'why' in side ? side.why : done?.fault;
    if (fault !== undefined) why[side.name] = fault;
    if (done !== undefined && done.version !== '') versions[side.name] = done.version;
    results[side.name] = done === undefined || fault !== undefined ? null : sideResult(done.rounds);
  }
  const { bar, better } = benchmark;
  const own = ownSide(benchmark);
  const measured = {
    ratio: ratios(results, better, own),
    rssRatio: ratios(results, better, own, 'rss'),
  };
  return {
    name: benchmark.name,
    own,
    unit: benchmark.unit,
    better,
    measures: benchmark.measures,
    machine: run.machine,
    versions,
    results,
    ...measured,
    bar: bar === undefined ? null : barResult(bar, measured),
    why,
  };
}

/** What of `--only` speaks of single functions; everything when nothing was named. */
function microSelection(options: Options): string[] {
  if (options.only.length === 0) return [MICRO_PREFIX];
  return options.only.filter(
    (name) => name.startsWith(MICRO_PREFIX) || MICRO_PREFIX.startsWith(name),
  );
}

/** True when nothing failed that could run. */
async function bench(options: Options): Promise<boolean> {
  const benchmarks = select(BENCHMARKS, options.only).filter((benchmark) =>
    canRun(benchmark, options.sides),
  );
  const micro = options.sides.includes('sluice') ? microSelection(options) : [];
  if (benchmarks.length === 0 && micro.length === 0) {
    const names = options.only.join(', ');
    throw new UsageError(`--only: nothing that these sides run is called '${names}'; see --help`);
  }
  const cores = findCores();
  const machine = describeMachine(cores);
  const progress = new Progress(process.stderr, benchmarks.length + (micro.length > 0 ? 1 : 0));
  progress.show('preparing the peers');
  const sides = options.sides
    .filter((side) => benchmarks.some((benchmark) => benchmark.sides.includes(side)))
    .map(findSide);
  const run: Run = { options, cores, machine, progress };
  const report: BenchReport = [];
  for (const benchmark of benchmarks) {
    report.push(await endToEnd(benchmark, sides, run));
    progress.step();
  }
  if (micro.length > 0) {
    const version = packageVersion('sluice');
    const onRow = (row: ReportRow): void => progress.show(row.name);
    report.push(...(await runMicro(micro, cores, machine, version, onRow)));
    progress.step();
  }
  progress.end();
  process.stdout.write(`${formatReport(report)}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const absent = new Set(sides.filter((side) => 'why' in side).map((side) => side.name));
  return report.every((row) => Object.keys(row.why).every((side) => absent.has(side)));
}

/** The options, undefined for help. Throws UsageError, also for what parseArgs finds. */
function commandLine(): Options | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (fault) {
    // parseArgs throws a TypeError that names the option.
    if (fault instanceof TypeError) throw new UsageError(fault.message);
    throw fault;
  }
}

async function main(): Promise<number> {
  try {
    const options = commandLine();
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    return (await bench(options)) ? 0 : 1;
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    process.stderr.write(`${fault.message}\n\n${HELP}`);
    return 2;
  }
}

main().then(
  (code) => process.exit(code),
  (fault: unknown) => {
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : fault}\n`);
    process.exit(1);
  },
);
