// `sluice storm`: runs every runtime under every scenario, one after another, shows them live,
// prints the tables, writes the reports. Owns the order and the output; what is measured and how is
// in run-runtime.ts, what has to hold in verdict.ts.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve as resolvePath } from 'node:path';
import { type Chart, chartsOf } from './charts.ts';
import { endAllChildren } from './child.ts';
import { type Cores, pinToCores } from './cores.ts';
import { figuresOf } from './figures.ts';
import { htmlReport, readPlotLibrary } from './html-report.ts';
import type { StormOptions } from './options.ts';
import { expectedSeconds, measureCeiling, runRuntime } from './run-runtime.ts';
import { PHASES, SCENARIOS, type Scenario } from './scenarios.ts';
import { type Series, seriesOf } from './series.ts';
import type { ScenarioReport, StormReport, Verdict } from './storm-report.ts';
import { finalText, runtimeSentence } from './summary.ts';
import { judge } from './verdict.ts';
import { StormView } from './view.ts';

/** Exit code of a run in which a promise failed. */
const EXIT_FAILED = 1;
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
    '@grpc/grpc-js': versionOf('@grpc/grpc-js'),
  };
}

interface ScenarioOutcome {
  readonly report: ScenarioReport;
  readonly verdicts: readonly Verdict[];
  readonly charts: readonly Chart[];
}

async function runScenario(
  scenario: Scenario,
  options: StormOptions,
  cores: Cores,
  view: StormView,
): Promise<ScenarioOutcome> {
  const report: ScenarioReport = {
    name: scenario.name,
    serverCapacityRps: scenario.stopsServer ? 0 : scenario.clockRps,
    offeredRps: options.rate,
    runtimes: {},
  };
  const series: Record<string, Series> = {};
  const verdicts: Verdict[] = [];
  for (const runtime of options.runtimes) {
    const { rate, seconds } = options;
    view.run(`${scenario.name}, ${runtime}`, expectedSeconds(runtime, seconds));
    const measured = await runRuntime({ scenario, runtime, rate, seconds, cores }, view);
    const figures = figuresOf(measured);
    report.runtimes[runtime] = figures;
    series[runtime] = seriesOf(measured);
    if (runtime === 'sluice') verdicts.push(...judge(scenario, rate, figures));
    view.say(`${scenario.name}: ${runtimeSentence(scenario, runtime, figures)}`);
  }
  return { report, verdicts, charts: chartsOf(scenario.name, series) };
}

/** Opens a file in a browser where there is one; what comes of it is nobody's concern. */
function openInBrowser(file: string): void {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(opener, [file], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}

function totalSeconds(options: StormOptions): number {
  const perScenario = options.runtimes
    .map((runtime) => expectedSeconds(runtime, options.seconds))
    .reduce((sum, seconds) => sum + seconds, 0);
  return PHASES.ceiling + options.scenarios.length * perScenario;
}

/** Runs the storm and resolves to the exit code. */
export async function storm(options: StormOptions): Promise<number> {
  const interrupted = (): void => {
    endAllChildren();
    process.exit(EXIT_INTERRUPTED);
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);

  const cores = pinToCores();
  const view = new StormView(process.stdout, totalSeconds(options), () => performance.now());
  const outcomes: ScenarioOutcome[] = [];
  let generatorCeilingRps = 0;
  try {
    view.run('the load generator', PHASES.ceiling);
    generatorCeilingRps = await measureCeiling(cores, view);
    for (const scenario of options.scenarios) {
      outcomes.push(await runScenario(scenario, options, cores, view));
    }
  } finally {
    endAllChildren();
    view.finish();
  }

  const verdicts = outcomes.flatMap((outcome) => outcome.verdicts);
  const report: StormReport = {
    held: verdicts.every((verdict) => verdict.held),
    versions: versions(),
    generatorCeilingRps,
    verdicts,
    scenarios: outcomes.map((outcome) => outcome.report),
  };
  process.stdout.write(`\n${finalText(SCENARIOS, report)}\n\n`);
  const charts = outcomes.flatMap((outcome) => outcome.charts);
  writeReports(options, report, charts);
  return report.held ? 0 : EXIT_FAILED;
}

function writeReports(options: StormOptions, report: StormReport, charts: readonly Chart[]): void {
  if (options.jsonFile !== null) {
    writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(`figures: ${resolvePath(options.jsonFile)}\n`);
  }
  writeFileSync(options.htmlFile, htmlReport(SCENARIOS, report, charts, readPlotLibrary()));
  process.stdout.write(`curves:  ${resolvePath(options.htmlFile)}\n`);
  if (options.opens && process.stdout.isTTY) openInBrowser(options.htmlFile);
}
