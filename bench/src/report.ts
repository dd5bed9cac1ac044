// The shape of the report (the contract behind `--json FILE`) and its form in a terminal. A field
// may be added, none renamed. Ratios are ratios of medians and read "the row's own side (Sluice, or
// the drop-in) is n times as good".

import { median, ratio, type Summary, spread, summarize } from './statistics.ts';

export type Better = 'higher' | 'lower';

/** One round of one side. CPU is null where it says nothing, as for a figure of memory. */
export interface Round {
  readonly value: number;
  readonly clientCpuUsPerCall: number | null;
  readonly serverCpuUsPerCall: number | null;
  /** For a figure of live memory: the same in resident memory, native allocations included. */
  readonly rss: number | null;
}

export interface SideResult extends Summary {
  /** CPU time of both processes (rusage) over calls, or messages of a stream. Microseconds. */
  readonly cpuUsPerCall: number | null;
  readonly clientCpuUsPerCall: number | null;
  readonly serverCpuUsPerCall: number | null;
  /** Median of the rounds' `rss`, in the row's unit. */
  readonly rss: number | null;
  /** Every round, in the order in which they ran. */
  readonly rounds: readonly number[];
}

/** What a row's own side has promised: to be at least `ratio` times as good as `side`. */
export interface Bar {
  readonly side: string;
  readonly ratio: number;
}

/** A bar, and whether the figures of this run are above it: null without figures. */
export interface BarResult extends Bar {
  readonly reached: boolean | null;
}

export interface ReportRow {
  readonly name: string;
  /** The side that the others are compared with: `sluice` or `drop-in`. */
  readonly own: string;
  readonly unit: string;
  readonly better: Better;
  /** What the figure is, and of what. */
  readonly measures: string;
  readonly machine: string;
  readonly versions: Record<string, string>;
  /** Null: the side is absent or failed; `why` says which. */
  readonly results: Record<string, SideResult | null>;
  readonly ratio: Record<string, number | null>;
  /** The same of resident memory; null where the rounds do not have it. */
  readonly rssRatio: Record<string, number | null>;
  /** Null: nothing is promised for this row. */
  readonly bar: BarResult | null;
  readonly why: Record<string, string>;
}

export type BenchReport = ReportRow[];

function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}

/** Null for a side without a finished round. */
export function sideResult(rounds: readonly Round[]): SideResult | null {
  if (rounds.length === 0) return null;
  const values = rounds.map((round) => round.value);
  return {
    ...summarize(values),
    cpuUsPerCall: medianOrNull(
      rounds.map((round) =>
        round.clientCpuUsPerCall === null || round.serverCpuUsPerCall === null
          ? null
          : round.clientCpuUsPerCall + round.serverCpuUsPerCall,
      ),
    ),
    clientCpuUsPerCall: medianOrNull(rounds.map((round) => round.clientCpuUsPerCall)),
    serverCpuUsPerCall: medianOrNull(rounds.map((round) => round.serverCpuUsPerCall)),
    rss: medianOrNull(rounds.map((round) => round.rss)),
    rounds: values,
  };
}

type Figure = 'median' | 'rss';

/** `own` against each other side; null where either has no figure. */
export function ratios(
  results: Record<string, SideResult | null>,
  better: Better,
  own: string,
  figure: Figure = 'median',
): Record<string, number | null> {
  const ours = results[own]?.[figure] ?? null;
  const against: Record<string, number | null> = {};
  for (const [side, result] of Object.entries(results)) {
    if (side === own) continue;
    const theirs = result?.[figure] ?? null;
    against[side] = ours === null || theirs === null ? null : ratio(ours, theirs, better);
  }
  return against;
}

type Measured = Pick<ReportRow, 'ratio' | 'rssRatio'>;

/** Whether `bar` is reached: by the figure and, where there is one, by resident memory too. */
export function barResult(bar: Bar, measured: Measured): BarResult {
  const figure = measured.ratio[bar.side] ?? null;
  const rss = measured.rssRatio[bar.side] ?? figure;
  if (figure === null || rss === null) return { ...bar, reached: null };
  return { ...bar, reached: Math.min(figure, rss) >= bar.ratio };
}

/** Three significant digits and thousands separators: 8,512 or 0.127. */
function formatFigure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

const CPU_COLUMNS = ['us CPU/call', 'client', 'server'];

function times(factor: number): string {
  return `x ${factor.toFixed(2)}`;
}

function optional(value: number | null): string {
  return value === null ? '' : formatFigure(value);
}

/** CPU where the rounds have it, RSS where they have that, else neither. */
function extraColumns(row: ReportRow): string[] {
  const results = Object.values(row.results);
  if (results.some((result) => result !== null && result.cpuUsPerCall !== null)) return CPU_COLUMNS;
  return results.some((result) => result !== null && result.rss !== null) ? ['in RSS'] : [];
}

function cells(row: ReportRow, side: string, result: SideResult, extra: string[]): string[] {
  const against = row.ratio[side];
  const inRss = row.rssRatio[side];
  const usage =
    extra === CPU_COLUMNS
      ? [result.cpuUsPerCall, result.clientCpuUsPerCall, result.serverCpuUsPerCall]
      : [result.rss];
  return [
    side,
    formatFigure(result.median),
    formatFigure(result.min),
    formatFigure(result.max),
    `${Math.round(spread(result) * 100)} %`,
    ...usage.slice(0, extra.length).map(optional),
    typeof against === 'number' ? times(against) : '',
    ...(extra.length === 1 ? [typeof inRss === 'number' ? times(inRss) : ''] : []),
  ];
}

/** The first column to the left, the others to the right. */
function alignColumns(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => (line[column] ?? '').length)),
  );
  return table.map((line) =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

function formatBar({ own, bar }: ReportRow): string[] {
  if (bar === null) return [];
  const { ratio: factor, reached, side } = bar;
  const outcome = reached === null ? 'no figures' : reached ? 'reached' : 'NOT REACHED';
  return [`  bar: ${own} at least x ${factor} of ${side}: ${outcome}`];
}

/** Benchmarks of Sluice alone, a line each. */
function formatLoneRows(rows: readonly ReportRow[]): string {
  const table = [['', 'median', 'min', 'max', 'unit']];
  for (const { name, unit, results } of rows) {
    const result = results.sluice;
    const figures = result ? [result.median, result.min, result.max] : [];
    table.push([name, ...figures.map(formatFigure), unit]);
  }
  const measures = ['', ...rows.map((row) => row.measures)];
  return alignColumns(table)
    .map((line, index) => `${line}  ${measures[index] ?? ''}`.trimEnd())
    .join('\n');
}

/** One benchmark as text: a heading, and a line per side. */
export function formatRow(row: ReportRow): string {
  const extra = extraColumns(row);
  const ratioColumns = [`${row.own === 'sluice' ? 'Sluice' : row.own} is`];
  if (extra.length === 1) ratioColumns.push('and in RSS');
  const table = [['', 'median', 'min', 'max', 'spread', ...extra, ...ratioColumns]];
  const absent: string[] = [];
  for (const [side, result] of Object.entries(row.results)) {
    if (result === null) absent.push(`  ${side}: ${row.why[side] ?? 'no figure'}`);
    else table.push(cells(row, side, result, extra));
  }
  const lines = alignColumns(table).map((line) => `  ${line}`);
  const heading = `${row.name}: ${row.unit}, ${row.better} is better. ${row.measures}`;
  return [heading, ...lines, ...absent, ...formatBar(row)].join('\n');
}

/** The machine, the versions and every benchmark. */
export function formatReport(report: BenchReport): string {
  const versions = new Map<string, string>();
  for (const row of report) {
    for (const [side, version] of Object.entries(row.versions)) versions.set(side, version);
  }
  const about = [...versions].map(([side, version]) => `  ${side} ${version}`);
  const sections = [[report[0]?.machine ?? '', ...about].join('\n')];
  const isLone = (row: ReportRow): boolean =>
    Object.keys(row.results).length === 1 && Boolean(row.results.sluice);
  const lone = report.filter(isLone);
  sections.push(...report.filter((row) => !isLone(row)).map(formatRow));
  if (lone.length > 0) sections.push(formatLoneRows(lone));
  return sections.join('\n\n');
}
