// The matrix in words: one line a cell while it runs, one table at the end. Pure.
// Not here: the boxes of the HTML report (matrix-html.ts).

import { MATRIX_RUNTIMES, type MatrixCell } from './matrix-cells.ts';
import type { RuntimeFigures, ScenarioReport, Verdict } from './storm-report.ts';
import { displayName, fate } from './summary.ts';
import { count, megabytes, milliseconds, table } from './text-table.ts';

/** What one runtime did in one cell. */
export function cellSentence(cell: MatrixCell, runtime: string, figures: RuntimeFigures): string {
  const who = displayName(runtime);
  if (figures.crashed) {
    return `${who} ${fate(figures.crash)} (${figures.crash}) at ${megabytes(figures.peakRssMB)} with ${count(figures.lost)} held in memory`;
  }
  const what =
    cell.kind === 'streaming'
      ? `held back ${count(figures.heldBack)}`
      : `refused ${count(figures.refused)}`;
  const did =
    cell.server === 'slow-server'
      ? `${count(figures.goodputRps)}/s answered, p99 ${milliseconds(figures.p99Ms)}`
      : 'server stopped';
  const lost = figures.lost > 0 ? `, ${count(figures.lost)} never ended` : '';
  return `${who} grew by ${megabytes(figures.rssGrowthMB)}; ${did}; offered ${count(figures.achievedOfferedRps)}/s, took on ${count(figures.accepted)}, ${what}${lost}`;
}

function growth(figures: RuntimeFigures | undefined): string {
  if (figures === undefined) return 'absent';
  if (figures.crashed) return `${fate(figures.crash)} at ${figures.peakRssMB.toFixed(0)} MB`;
  return `+${figures.rssGrowthMB.toFixed(0)} MB`;
}

/** Every cell as a row: what held, then growth of each runtime beside the other. */
export function matrixTable(
  reports: readonly ScenarioReport[],
  verdicts: readonly Verdict[],
): string {
  const runtimes = MATRIX_RUNTIMES.filter((name) =>
    reports.some((report) => report.runtimes[name] !== undefined),
  );
  const rows = reports.map((report) => {
    const own = verdicts.filter(({ scenario }) => scenario === report.name);
    const failed = own.filter(({ held }) => !held).length;
    const verdict = own.length === 0 ? 'not judged' : failed === 0 ? 'held' : `${failed} FAILED`;
    const sluice = report.runtimes.sluice;
    const slow = report.serverCapacityRps > 0 && sluice !== undefined;
    return [
      report.name,
      verdict,
      slow ? count(report.serverCapacityRps) : 'stopped',
      slow ? count(sluice.goodputRps) : '-',
      slow ? milliseconds(sluice.p99Ms) : '-',
      ...runtimes.map((name) => growth(report.runtimes[name])),
    ];
  });
  const heading = ['cell', 'promises', 'capacity/s', 'goodput/s', 'p99', ...runtimes];
  return table([heading, ...rows]);
}
