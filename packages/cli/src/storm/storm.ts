// `sluice storm`: runs every runtime under every scenario, one after another, shows them live,
// prints the tables, writes the reports. Owns the output; the order of the runs is in run-scenarios.ts,
// what is measured and how in run-runtime.ts, what has to hold in verdict.ts.

import { createRequire } from 'node:module';
import { endAllChildren } from './child.ts';
import { pinToCores } from './cores.ts';
import { type MatrixOutcome, matrixSeconds, runMatrix } from './matrix.ts';
import { matrixTable } from './matrix-text.ts';
import type { StormOptions } from './options.ts';
import { reportFault, writeReports } from './report-files.ts';
import { measureCeiling } from './run-runtime.ts';
import { runScenarios, type ScenarioOutcome } from './run-scenarios.ts';
import { PHASES, SCENARIOS } from './scenarios.ts';
import { Schedule, totalSeconds } from './schedule.ts';
import type { StormReport } from './storm-report.ts';
import { finalText } from './summary.ts';
import type { TrialOutcome } from './trials/trial.ts';
import { runTrials } from './trials/trials.ts';
import { StormView } from './view.ts';

const MOST_COLUMNS = 100;

/** Exit code of a run in which a promise failed. */
const EXIT_FAILED = 1;
/** Exit code of options that cannot be followed. */
const EXIT_USAGE = 2;
/** Exit code of a shell for a process ended by Ctrl-C: 128 + SIGINT. */
const EXIT_INTERRUPTED = 130;

function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const versionOf = (name: string): string => {
    // A package.json that npm installed; anything else becomes "unknown".
    const manifest = require(`${name}/package.json`) as { version?: unknown };
    return typeof manifest.version === 'string' ? manifest.version : 'unknown';
  };
  return {
    node: process.versions.node,
    sluice: versionOf('sluice'),
    '@sluice/grpc-js': versionOf('@sluice/grpc-js'),
    '@grpc/grpc-js': versionOf('@grpc/grpc-js'),
  };
}

/** Where lines of words break: the terminal's width, but no longer than is good to read. */
function textColumns(): number {
  return Math.min(process.stdout.columns ?? MOST_COLUMNS, MOST_COLUMNS);
}

/** Runs the storm and resolves to the exit code. */
export async function storm(options: StormOptions): Promise<number> {
  const fault = reportFault(options);
  if (fault !== null) {
    process.stderr.write(`sluice: ${fault}\n`);
    return EXIT_USAGE;
  }
  const cores = pinToCores();
  const { matrix } = options;
  const ofTrials = options.trials.reduce((sum, trial) => sum + trial.seconds, 0);
  const expected =
    ofTrials +
    (matrix === null
      ? totalSeconds(options.runtimes, options.scenarios.length, options.seconds)
      : PHASES.ceiling + matrixSeconds(matrix.cells.length, matrix.runtimes, matrix.seconds));
  const view = new StormView(process.stdout, expected, () => performance.now());
  const schedule = new Schedule(performance.now());
  const interrupted = (): void => {
    endAllChildren();
    view.finish();
    process.stderr.write('sluice: interrupted; every process of the storm was ended\n');
    process.exit(EXIT_INTERRUPTED);
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);

  let outcomes: readonly ScenarioOutcome[] = [];
  let trials: readonly TrialOutcome[] = [];
  let cells: MatrixOutcome | null = null;
  let generatorCeilingRps = 0;
  try {
    view.run('the load generator', PHASES.ceiling);
    generatorCeilingRps = await measureCeiling(cores, view);
    outcomes = await runScenarios(options, cores, view, schedule);
    if (matrix !== null) {
      cells = await runMatrix({ ...matrix, cores, generatorCeilingRps }, view);
    }
    trials = await runTrials(options.trials, { cores, watcher: view }, view);
  } finally {
    endAllChildren();
    view.finish();
  }

  const verdicts = outcomes.flatMap((outcome) => outcome.verdicts);
  if (cells !== null) verdicts.push(...cells.verdicts);
  verdicts.push(...trials.flatMap((trial) => trial.verdicts));
  const report: StormReport = {
    held: verdicts.every((verdict) => verdict.held),
    versions: { ...versions(), ...cells?.versions },
    generatorCeilingRps,
    verdicts,
    scenarios: [...outcomes.map((outcome) => outcome.report), ...(cells?.reports ?? [])],
    ...(trials.length > 0 ? { trials: trials.map((trial) => trial.report) } : {}),
  };
  if (cells !== null) {
    process.stdout.write(`\n${matrixTable(cells.reports, verdicts)}\n`);
  }
  process.stdout.write(`\n${finalText(SCENARIOS, report, textColumns())}\n\n`);
  const charts = [...outcomes, ...trials].flatMap((outcome) => outcome.charts);
  writeReports(options, report, charts);
  return report.held ? 0 : EXIT_FAILED;
}
