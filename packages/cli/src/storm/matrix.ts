// `sluice storm --matrix`: every cell for Sluice first, then beside it each other runtime that is
// here. Owns the order, the time it may take and the output; what a cell does is in cell-run.ts,
// what has to hold in cell-verdict.ts.

import { type CellMeasured, cellSeconds, runCell } from './cell-run.ts';
import { judgeCell } from './cell-verdict.ts';
import type { Cores } from './cores.ts';
import { figuresOf } from './figures.ts';
import { buildGoClient } from './go-client.ts';
import {
  CELL_RUNS,
  MATRIX_RUNTIMES,
  MATRIX_SECONDS,
  type MatrixCell,
  type MatrixRuntime,
} from './matrix-cells.ts';
import { cellSentence } from './matrix-text.ts';
import type { RunWatcher } from './run-runtime.ts';
import type { ScenarioReport, Verdict } from './storm-report.ts';

/** What to run. */
export interface MatrixPlan {
  readonly cells: readonly MatrixCell[];
  readonly runtimes: readonly MatrixRuntime[];
  /** Length of Sluice's storms in seconds; that of the others is in proportion. */
  readonly seconds: number;
  readonly cores: Cores;
  readonly generatorCeilingRps: number;
}

/** What the matrix tells while it runs. */
export interface MatrixView extends RunWatcher {
  run(title: string, seconds: number): void;
  say(text: string): void;
}

export interface MatrixOutcome {
  readonly reports: readonly ScenarioReport[];
  readonly verdicts: readonly Verdict[];
  /** Of runtimes that this package does not depend on. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Share of a storm without a core from which a failed cell is measured a second time. */
const DISTURBED_SHARE = 0.1;

function stormSeconds(runtime: MatrixRuntime, seconds: number): number {
  return (seconds * CELL_RUNS[runtime].seconds) / CELL_RUNS.sluice.seconds;
}

/** Seconds the matrix is expected to take. */
export function matrixSeconds(
  cells: number,
  runtimes: readonly MatrixRuntime[],
  seconds: number,
): number {
  let sum = 0;
  for (const runtime of runtimes) {
    sum += cells * cellSeconds(runtime, stormSeconds(runtime, seconds));
  }
  return sum;
}

class Matrix {
  private readonly plan: MatrixPlan;
  private readonly view: MatrixView;
  private readonly reports: ScenarioReport[];
  private readonly verdicts: Verdict[];
  private readonly versions: Record<string, string>;
  private readonly untilMs: number;

  constructor(plan: MatrixPlan, view: MatrixView) {
    this.plan = plan;
    this.view = view;
    this.verdicts = [];
    this.versions = {};
    // Longer storms, longer matrix: the bound is one of the default lengths.
    this.untilMs =
      performance.now() +
      MATRIX_SECONDS * 1000 * Math.max(1, plan.seconds / CELL_RUNS.sluice.seconds);
    this.reports = plan.cells.map((cell) => ({
      name: cell.name,
      serverCapacityRps: 0,
      offeredRps: cell.rate,
      runtimes: {},
    }));
  }

  async run(): Promise<MatrixOutcome> {
    // In the order of the runtimes, whatever order they were asked for in.
    for (const runtime of MATRIX_RUNTIMES) {
      if (this.plan.runtimes.includes(runtime)) await this.runtime(runtime);
    }
    const { reports, verdicts, versions } = this;
    return { reports, verdicts, versions };
  }

  private async runtime(runtime: MatrixRuntime): Promise<void> {
    let program: string | null = null;
    if (runtime === 'grpc-go') {
      const built = buildGoClient();
      if ('absent' in built) {
        this.view.say(`grpc-go is absent: ${built.absent}`);
        for (const report of this.reports) report.absent = { [runtime]: built.absent };
        return;
      }
      program = built.program;
      this.versions[runtime] = built.version;
    }
    const seconds = stormSeconds(runtime, this.plan.seconds);
    for (const [place, cell] of this.plan.cells.entries()) {
      const report = this.reports[place];
      if (report === undefined) continue;
      if (performance.now() + cellSeconds(runtime, seconds) * 1000 > this.untilMs) {
        report.absent = { ...report.absent, [runtime]: 'the time of the matrix was up' };
        continue;
      }
      this.view.run(`${cell.name}, ${runtime}`, cellSeconds(runtime, seconds));
      const { cores } = this.plan;
      const plan = { cell, runtime, seconds, cores, program };
      let measured = await runCell(plan, this.view);
      // Once more, where it was the machine that was measured: it was busy, and a promise failed.
      if (runtime === 'sluice' && this.wasDisturbed(cell, measured)) {
        const share = `${((measured.waitedForCore ?? 0) * 100).toFixed(0)} %`;
        this.view.say(`${cell.name}: the machine was busy (no core for ${share} of it); once more`);
        measured = await runCell(plan, this.view);
      }
      this.take(cell, runtime, measured, report);
    }
  }

  private wasDisturbed(cell: MatrixCell, measured: CellMeasured): boolean {
    if ((measured.waitedForCore ?? 0) < DISTURBED_SHARE) return false;
    return this.judge(cell, measured).some(({ held }) => !held);
  }

  private judge(cell: MatrixCell, measured: CellMeasured): Verdict[] {
    const { capacityRps } = measured;
    return judgeCell(cell, figuresOf(measured), capacityRps, this.plan.generatorCeilingRps);
  }

  private take(
    cell: MatrixCell,
    runtime: MatrixRuntime,
    measured: CellMeasured,
    report: ScenarioReport,
  ): void {
    const figures = figuresOf(measured);
    report.runtimes[runtime] = figures;
    if (runtime === 'sluice') {
      const { capacityRps } = measured;
      report.serverCapacityRps = cell.server === 'stopped-server' ? 0 : Math.round(capacityRps);
      report.waitedForCore = measured.waitedForCore;
      this.verdicts.push(...this.judge(cell, measured));
    }
    this.view.say(`${cell.name}: ${cellSentence(cell, runtime, figures)}`);
    if (runtime !== 'sluice') return;
    for (const verdict of this.verdicts) {
      if (verdict.scenario !== cell.name || verdict.held) continue;
      this.view.say(`  FAILED ${verdict.promise}: ${verdict.figure} (promised: ${verdict.bar})`);
    }
  }
}

/** Runs the cells and resolves to their figures and verdicts. */
export function runMatrix(plan: MatrixPlan, view: MatrixView): Promise<MatrixOutcome> {
  return new Matrix(plan, view).run();
}
