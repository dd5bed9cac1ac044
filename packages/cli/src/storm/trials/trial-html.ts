// The trials in the HTML report: what was done, what came of it, its curves, promises and figures.
// Pure.

import type { Chart } from '../charts.ts';
import { escaped, htmlTable } from '../html-text.ts';
import type { TrialReport } from '../storm-report.ts';

/** Figures as rows; columns are what any row has. */
export function trialRows(report: TrialReport): string[][] {
  const columns = [...new Set(Object.values(report.figures).flatMap((row) => Object.keys(row)))];
  const rows = Object.entries(report.figures).map(([name, row]) => [
    name,
    ...columns.map((column) => row[column] ?? ''),
  ]);
  return [[report.name, ...columns], ...rows];
}

/**
 * One trial as a section.
 * @param place the chart as HTML, by its index in the whole report
 * @param promises its verdicts as HTML
 */
export function trialSection(
  report: TrialReport,
  charts: readonly Chart[],
  place: (chart: Chart, index: number) => string,
  promises: string,
): string {
  const places = charts.map((chart, index) =>
    chart.scenario === report.name ? place(chart, index) : '',
  );
  return [
    `<h2>${escaped(report.title)} <span class="soft">(${escaped(report.name)})</span></h2>`,
    `<p class="lead">${escaped(report.lead)} <b>${escaped(report.sentence)}</b></p>`,
    `<div class="charts">${places.join('\n')}</div>`,
    promises,
    `<details open><summary>Figures</summary>${htmlTable(trialRows(report))}</details>`,
  ].join('\n');
}
