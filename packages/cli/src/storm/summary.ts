// The storm's outcome in words and tables, for the terminal and, the sentences, for the HTML
// report. Pure. Says what happened to each runtime, not what to think of it.

import type { Scenario } from './scenarios.ts';
import type { RuntimeFigures, ScenarioReport, StormReport, Verdict } from './storm-report.ts';
import { bytes, count, megabytes, milliseconds, table } from './text-table.ts';

/** What one runtime did, as a sentence. */
export function runtimeSentence(scenario: Scenario, name: string, figures: RuntimeFigures): string {
  if (figures.crashed) {
    return `${name} died (${figures.crash}) with ${count(figures.lost)} calls waiting in its memory, ${count(figures.finished)} ended.`;
  }
  const did = scenario.stopsServer
    ? `took on ${count(figures.accepted)} calls`
    : `answered ${count(figures.goodputRps)} calls a second`;
  const refused =
    figures.refused > 0 ? `refused ${count(figures.refused)} at once` : 'refused none';
  const lost = figures.lost > 0 ? `; ${count(figures.lost)} calls never ended` : '';
  return `${name} ${did}, ${refused}, and grew by ${megabytes(figures.rssGrowthMB)}${lost}.`;
}

/** The headline of a scenario. */
export function headline(scenario: Scenario, report: ScenarioReport): string {
  const offered = `${count(report.offeredRps)} calls a second`;
  const lead = scenario.stopsServer
    ? `${offered} offered to a server that stopped reading.`
    : `${offered} offered to a server that drains ${count(report.serverCapacityRps)}.`;
  const sentences = Object.entries(report.runtimes).map(([name, figures]) =>
    runtimeSentence(scenario, name, figures),
  );
  return [lead, ...sentences].join(' ');
}

type Row = readonly [label: string, cell: (figures: RuntimeFigures) => string];

function known(value: number | null, unit: (value: number) => string): string {
  return value === null ? 'not shown' : unit(value);
}

function latency(figures: RuntimeFigures, ms: number): string {
  return (figures.statuses.OK ?? 0) > 0 ? milliseconds(ms) : 'none ended OK';
}

function byLimit(figures: RuntimeFigures): string {
  const limits = Object.entries(figures.refusedBy).sort(([, left], [, right]) => right - left);
  return limits.map(([name, calls]) => `${name} ${count(calls)}`).join(', ') || 'none';
}

const ROWS: readonly Row[] = [
  ['calls offered', (figures) => count(figures.offered)],
  ['offered per second, worst storm', (figures) => count(figures.achievedOfferedRps)],
  ['accepted', (figures) => count(figures.accepted)],
  ['  ended', (figures) => count(figures.finished)],
  ['  never ended', (figures) => count(figures.lost)],
  ['refused', (figures) => count(figures.refused)],
  ['  by limit', byLimit],
  ['answered per second while loaded', (figures) => count(figures.goodputRps)],
  ['closed loop, 100 in flight, per second', (figures) => count(figures.peakClosedLoopRps)],
  ['latency p50 while loaded', (figures) => latency(figures, figures.p50Ms)],
  ['latency p99 while loaded', (figures) => latency(figures, figures.p99Ms)],
  ['latency p99 at half of capacity', (figures) => milliseconds(figures.unloadedP99Ms)],
  ['queue, items at most', (figures) => known(figures.peakQueueItems, count)],
  ['queue, bytes at most', (figures) => known(figures.peakQueueBytes, bytes)],
  ['RSS idle', (figures) => megabytes(figures.idleRssMB)],
  ['RSS peak', (figures) => megabytes(figures.peakRssMB)],
  ['RSS growth', (figures) => megabytes(figures.rssGrowthMB)],
  ['RSS peak, storm by storm', (figures) => figures.peaksMB.map((mb) => mb.toFixed(0)).join(', ')],
  ['live memory idle', (figures) => megabytes(figures.idleLiveMB)],
  [
    'live memory 5 s after',
    (figures) => (figures.liveAfterMB > 0 ? megabytes(figures.liveAfterMB) : 'not reached'),
  ],
  ['end of the process', (figures) => figures.crash ?? 'alive'],
];

/** The rows of a scenario's table, headings first. */
export function scenarioRows(report: ScenarioReport): string[][] {
  const names = Object.keys(report.runtimes);
  const runtimes = Object.values(report.runtimes);
  const rows = ROWS.map(([label, cell]) => [label, ...runtimes.map(cell)]);
  return [[report.name, ...names], ...rows];
}

/** The promises as rows, headings first. */
export function verdictRows(verdicts: readonly Verdict[]): string[][] {
  const rows = verdicts.map((verdict) => [
    `${verdict.held ? 'held  ' : 'FAILED'}  ${verdict.promise}`,
    verdict.figure,
    verdict.bar,
  ]);
  return [['promise', 'measured', 'promised'], ...rows];
}

/** Everything the terminal prints at the end. */
export function finalText(scenarios: readonly Scenario[], report: StormReport): string {
  const parts: string[] = [];
  for (const scenarioReport of report.scenarios) {
    const scenario = scenarios.find(({ name }) => name === scenarioReport.name);
    if (scenario !== undefined) parts.push(headline(scenario, scenarioReport));
    parts.push(table(scenarioRows(scenarioReport)));
    const verdicts = report.verdicts.filter((verdict) => verdict.scenario === scenarioReport.name);
    if (verdicts.length > 0) parts.push(table(verdictRows(verdicts)));
  }
  const failed = report.verdicts.filter((verdict) => !verdict.held).length;
  const ceiling = `The generator alone reaches ${count(report.generatorCeilingRps)} calls a second.`;
  parts.push(ceiling);
  if (report.verdicts.length === 0) parts.push('No promise was judged: Sluice did not run.');
  else if (failed === 0) parts.push(`All ${report.verdicts.length} promises held.`);
  else parts.push(`${failed} of ${report.verdicts.length} promises FAILED.`);
  return parts.join('\n\n');
}
