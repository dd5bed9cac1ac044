// Every runtime under every scenario, one after another: figures, curves, sentences, and verdicts of
// those that promise something. Owns the order: a run begins when the one before has ended its calls,
// and is measured when that one was. What is measured and how is in run-runtime.ts.

import { type Chart, chartsOf } from './charts.ts';
import type { Cores } from './cores.ts';
import { figuresOf } from './figures.ts';
import type { StormOptions } from './options.ts';
import { type RunMeasured, startRun } from './run-runtime.ts';
import { PROMISING, type RuntimeName, type Scenario } from './scenarios.ts';
import type { Schedule } from './schedule.ts';
import { type Series, seriesOf } from './series.ts';
import type { ScenarioReport, Verdict } from './storm-report.ts';
import { runtimeSentence } from './summary.ts';
import { judge } from './verdict.ts';
import type { StormView } from './view.ts';

/** What came of one scenario. */
export interface ScenarioOutcome {
  readonly report: ScenarioReport;
  readonly verdicts: readonly Verdict[];
  readonly charts: readonly Chart[];
}

/** One scenario, filled as its runs are measured. */
class ScenarioRuns {
  readonly scenario: Scenario;
  private readonly rate: number;
  private readonly view: StormView;
  private readonly report: ScenarioReport;
  private readonly series: Record<string, Series>;
  private readonly verdicts: Verdict[];

  constructor(scenario: Scenario, rate: number, view: StormView) {
    this.scenario = scenario;
    this.rate = rate;
    this.view = view;
    this.report = {
      name: scenario.name,
      serverCapacityRps: scenario.stopsServer ? 0 : scenario.clockRps,
      offeredRps: rate,
      runtimes: {},
    };
    this.series = {};
    this.verdicts = [];
  }

  take(runtime: RuntimeName, measured: RunMeasured): void {
    const { scenario, rate } = this;
    const figures = figuresOf(measured);
    this.report.runtimes[runtime] = figures;
    this.series[runtime] = seriesOf(measured);
    if (PROMISING.includes(runtime)) {
      this.verdicts.push(...judge(scenario, runtime, rate, figures));
    }
    const sentence = runtimeSentence(scenario, rate, runtime, figures);
    this.view.say(`${scenario.name}: ${sentence}`);
  }

  get outcome(): ScenarioOutcome {
    const { report, verdicts, scenario, series } = this;
    return { report, verdicts, charts: chartsOf(scenario.name, series) };
  }
}

/** Runs them all. */
export async function runScenarios(
  options: StormOptions,
  cores: Cores,
  view: StormView,
  schedule: Schedule,
): Promise<ScenarioOutcome[]> {
  const { rate, seconds } = options;
  const all = options.scenarios.map((scenario) => new ScenarioRuns(scenario, rate, view));
  let measured: Promise<void> = Promise.resolve();
  for (const runs of all) {
    const { scenario } = runs;
    for (const runtime of options.runtimes) {
      const slot = schedule.next(runtime, seconds);
      view.run(`${scenario.name}, ${runtime}`, slot.seconds);
      const plan = { scenario, runtime, rate, seconds, cores, untilMs: slot.untilMs };
      const run = startRun({ ...plan, before: measured }, view);
      measured = run.measured.then((figures) => runs.take(runtime, figures));
      // A fault of it is that of all that follow, and is thrown below.
      measured.catch(() => {});
      await run.drained;
    }
  }
  await measured;
  return all.map((runs) => runs.outcome);
}
