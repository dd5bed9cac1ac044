// The storm's outcome in words and tables, for the terminal and, in part, for the HTML report.
// Pure. Says what happened to each runtime, not what to think of it.

import type { Scenario } from './scenarios.ts';
import {
  NO_ANSWER,
  type RuntimeFigures,
  type ScenarioReport,
  type StormReport,
  type Verdict,
} from './storm-report.ts';
import { bytes, count, megabytes, milliseconds, table, wrapped } from './text-table.ts';
import { trialRows } from './trials/trial-html.ts';

/** Below this share of the nominal rate a sentence says how far the load got. */
const REACHED = 0.95;

const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  sluice: 'Sluice',
  'drop-in': '@sluice/grpc-js',
};

/** A runtime's name in a sentence. */
export function displayName(name: string): string {
  return DISPLAY_NAMES[name] ?? name;
}

/** Verdicts by who promised, in the order in which they ran. */
export function byRuntime(verdicts: readonly Verdict[]): Map<string, Verdict[]> {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const { runtime = 'sluice' } = verdict;
    const group = groups.get(runtime);
    if (group === undefined) groups.set(runtime, [verdict]);
    else group.push(verdict);
  }
  return groups;
}

/** What became of a process: one that had to be ended because it no longer answered hung. */
export function fate(crash: string | null): 'lived' | 'died' | 'hung' {
  if (crash === null) return 'lived';
  return crash.startsWith(NO_ANSWER) ? 'hung' : 'died';
}

/** Whatever cannot be offered is a result too: a runtime whose calls are slow to make holds it up. */
function heldUp(figures: RuntimeFigures, offeredRps: number): string {
  if (figures.achievedOfferedRps >= REACHED * offeredRps) return '';
  return ` (its process found time for ${count(figures.achievedOfferedRps)} of the ${count(offeredRps)} a second)`;
}

/** What one runtime did, as a sentence. */
export function runtimeSentence(
  scenario: Scenario,
  offeredRps: number,
  name: string,
  figures: RuntimeFigures,
): string {
  const who = displayName(name);
  if (figures.crashed) {
    return `${who} ${fate(figures.crash)} (${figures.crash}) at ${megabytes(figures.peakRssMB)} with ${count(figures.lost)} calls held in memory; ${count(figures.finished)} had ended.`;
  }
  const took = `took on ${count(figures.accepted)} calls${heldUp(figures, offeredRps)}`;
  const did = scenario.stopsServer
    ? `${count(figures.statuses.OK ?? 0)} of which ended OK later`
    : `answered ${count(figures.goodputRps)} a second`;
  const refused =
    figures.refused > 0 ? `refused ${count(figures.refused)} at once` : 'refused none';
  const grew = `grew by ${megabytes(figures.rssGrowthMB)} to ${megabytes(figures.peakRssMB)}`;
  const lost = figures.lost > 0 ? `; ${count(figures.lost)} calls never ended` : '';
  return `${who} ${took}, ${did}; it ${refused} and ${grew}${lost}.`;
}

/** What a scenario puts the runtimes under. */
export function lead(report: ScenarioReport): string {
  const offered = `${count(report.offeredRps)} calls a second are offered`;
  return report.serverCapacityRps === 0
    ? `${offered} to a server that stopped reading.`
    : `${offered} to a server that answers ${count(report.serverCapacityRps)}.`;
}

/** The headline of a scenario. */
export function headline(scenario: Scenario, report: ScenarioReport): string {
  const sentences = Object.entries(report.runtimes).map(([name, figures]) =>
    runtimeSentence(scenario, report.offeredRps, name, figures),
  );
  return [lead(report), ...sentences].join(' ');
}

type Row = readonly [label: string, cell: (figures: RuntimeFigures) => string];

function known(value: number | null, unit: (value: number) => string): string {
  return value === null ? 'not shown' : unit(value);
}

function latency(figures: RuntimeFigures, ms: number): string {
  return (figures.statuses.OK ?? 0) > 0 ? milliseconds(ms) : 'none OK';
}

/** A memory figure of a process, 0 where it died before. */
function memory(value: number): string {
  return value > 0 ? megabytes(value) : 'not reached';
}

const CALL_ROWS: readonly Row[] = [
  ['calls offered', (figures) => count(figures.offered)],
  ['offered per second, worst storm', (figures) => count(figures.achievedOfferedRps)],
  ['accepted', (figures) => count(figures.accepted)],
];

const FIGURE_ROWS: readonly Row[] = [
  ['OK per second while loaded', (figures) => count(figures.goodputRps)],
  ['closed loop of 100, per second', (figures) => count(figures.peakClosedLoopRps)],
  ['latency p50 of OK calls', (figures) => latency(figures, figures.p50Ms)],
  ['latency p99 of OK calls', (figures) => latency(figures, figures.p99Ms)],
  ['latency p99 at half of capacity', (figures) => milliseconds(figures.unloadedP99Ms)],
  ['calls waiting, at most', (figures) => known(figures.peakWaitingCalls, count)],
  ['frames queued, at most', (figures) => known(figures.peakQueueItems, count)],
  ['bytes queued, at most', (figures) => known(figures.peakQueueBytes, bytes)],
  ['RSS idle', (figures) => memory(figures.idleRssMB)],
  ['RSS peak', (figures) => memory(figures.peakRssMB)],
  ['RSS growth', (figures) => megabytes(figures.rssGrowthMB)],
  [
    'RSS peak, storm by storm, MB',
    (figures) => figures.peaksMB.map((mb) => mb.toFixed(0)).join(', '),
  ],
  ['live memory idle', (figures) => memory(figures.idleLiveMB)],
  ['live memory 5 s after', (figures) => memory(figures.liveAfterMB)],
  ['the process', (figures) => fate(figures.crash)],
];

/** The keys of all runtimes' counts, the most frequent first. */
function namesOf(counts: readonly Record<string, number>[]): string[] {
  const total = new Map<string, number>();
  for (const one of counts) {
    for (const [name, calls] of Object.entries(one)) {
      total.set(name, (total.get(name) ?? 0) + calls);
    }
  }
  return [...total].sort(([, left], [, right]) => right - left).map(([name]) => name);
}

/** How calls ended: a row for each status of an accepted call, then one for each limit. */
function endRows(runtimes: readonly RuntimeFigures[]): Row[] {
  const statuses = namesOf(runtimes.map((figures) => figures.statuses));
  const limits = namesOf(runtimes.map((figures) => figures.refusedBy));
  return [
    ...statuses
      .filter((name) => name !== 'RESOURCE_EXHAUSTED')
      .map((name): Row => [`  ended ${name}`, (figures) => count(figures.statuses[name] ?? 0)]),
    ['  never ended', (figures) => count(figures.lost)],
    ['refused at once', (figures) => count(figures.refused)],
    ...limits.map(
      (name): Row => [`  by the ${name} limit`, (figures) => count(figures.refusedBy[name] ?? 0)],
    ),
  ];
}

/** The rows of a scenario's table, headings first. */
export function scenarioRows(report: ScenarioReport): string[][] {
  const names = Object.keys(report.runtimes);
  const runtimes = Object.values(report.runtimes);
  const rows = [...CALL_ROWS, ...endRows(runtimes), ...FIGURE_ROWS];
  const cells = rows.map(([label, cell]) => [label, ...runtimes.map(cell)]);
  return [[report.name, ...names.map(displayName)], ...cells];
}

/** One promise on two lines: what, then the figure and its bar. */
function verdictText(verdict: Verdict, columns: number): string {
  const mark = verdict.held ? 'held   ' : 'FAILED ';
  const figure = `${verdict.figure} (promised: ${verdict.bar})`;
  const line = `${mark} ${verdict.promise}: ${figure}`;
  return wrapped(line, columns - mark.length - 1).join(`\n${' '.repeat(mark.length + 1)}`);
}

/** The promises of one scenario, under the name of who made them. */
function verdictTexts(verdicts: readonly Verdict[], columns: number): string[] {
  return [...byRuntime(verdicts)].map(([runtime, own]) => {
    const lines = own.map((verdict) => verdictText(verdict, columns));
    return [`Promises of ${displayName(runtime)}:`, ...lines].join('\n');
  });
}

/** How many promises held, in one line. */
export function verdictLine(report: StormReport): string {
  if (report.verdicts.length === 0) return 'No promise was judged: no runtime with promises ran.';
  const parts = [...byRuntime(report.verdicts)].map(([runtime, own]) => {
    const failed = own.filter(({ held }) => !held).length;
    const whose = `promises of ${displayName(runtime)}`;
    return failed === 0
      ? `All ${own.length} ${whose} held.`
      : `${failed} of ${own.length} ${whose} FAILED.`;
  });
  return parts.join(' ');
}

/**
 * Everything the terminal prints at the end.
 * @param columns where lines of words break; tables are narrow enough for 80
 */
export function finalText(
  scenarios: readonly Scenario[],
  report: StormReport,
  columns: number,
): string {
  const parts: string[] = [];
  for (const scenarioReport of report.scenarios) {
    const scenario = scenarios.find(({ name }) => name === scenarioReport.name);
    // A cell of the matrix is a row of the matrix's own table.
    if (scenario === undefined) continue;
    parts.push(wrapped(headline(scenario, scenarioReport), columns).join('\n'));
    parts.push(table(scenarioRows(scenarioReport)));
    const verdicts = report.verdicts.filter((verdict) => verdict.scenario === scenarioReport.name);
    parts.push(...verdictTexts(verdicts, columns));
  }
  for (const trial of report.trials ?? []) {
    parts.push(wrapped(`${trial.lead} ${trial.sentence}`, columns).join('\n'));
    parts.push(table(trialRows(trial)));
    const verdicts = report.verdicts.filter((verdict) => verdict.scenario === trial.name);
    parts.push(...verdictTexts(verdicts, columns));
  }
  parts.push(
    `The load generator alone reaches ${count(report.generatorCeilingRps)} calls a second.`,
  );
  parts.push(verdictLine(report));
  return parts.join('\n\n');
}
