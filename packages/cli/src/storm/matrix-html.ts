// The matrix in the HTML report: one box per load, in the order of a table, with a bar for how far
// each runtime's client grew and what Sluice answered; then every broken promise by name, how it is
// measured, and all figures. Pure. Each colour has a word or a symbol beside it.

import { runtimeColour } from './charts.ts';
import { escaped, htmlTable } from './html-text.ts';
import {
  CELL_BARS,
  CELL_CLOCK_RPS,
  CELL_KINDS,
  CELL_PAYLOADS,
  CELL_RATES,
  CELL_SERVERS,
  CELLS,
  type CellKind,
  type CellServer,
  MATRIX_RUNTIMES,
  type MatrixCell,
  RSS_CAP_MB,
} from './matrix-cells.ts';
import type { RuntimeFigures, ScenarioReport, StormReport, Verdict } from './storm-report.ts';
import { displayName, fate } from './summary.ts';
import { count, megabytes, milliseconds } from './text-table.ts';

/** The right end of a bar; what is longer ends there with an arrow. */
const BAR_END_MB = 500;

export const MATRIX_STYLE = `
.matrix { width: 100%; table-layout: fixed; margin: 8px 0 22px; min-width: 820px; }
.matrix th { text-align: left; font-size: 13px; border: 0; padding: 6px 8px; }
.matrix th:first-child { width: 128px; } .matrix td { border: 0; padding: 5px; text-align: left; }
.box { border: 1px solid var(--line); border-left: 5px solid var(--good); border-radius: 7px;
  background: var(--card); padding: 8px 10px 7px; font-size: 12.5px; line-height: 1.35; }
.box.broken { border-left-color: var(--bad); margin: 0; } .box.none { border-left-color: var(--line); }
.box .head { display: flex; justify-content: space-between; gap: 8px; font-weight: 650; }
.box .bar { display: grid; grid-template-columns: 52px 1fr 94px; gap: 6px; align-items: center; }
.box .track { position: relative; height: 9px; background: var(--line); border-radius: 3px; }
.box .fill { height: 9px; border-radius: 3px; min-width: 2px; background: var(--tone); }
.box .limit { position: absolute; top: -2px; width: 2px; height: 13px; background: var(--ink); }
.box .figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.box .dead { color: var(--bad); font-weight: 650; } .box .foot { margin-top: 4px; color: var(--soft); }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); }
`;

const SERVER_TITLES: Readonly<Record<CellServer, string>> = {
  'slow-server': `A server that answers ${count(CELL_CLOCK_RPS)} a second`,
  'stopped-server': 'A server that has stopped reading',
};

const KIND_TITLES: Readonly<Record<CellKind, string>> = {
  unary: 'unary calls',
  streaming: '100 streams',
};

function bar(
  name: string,
  figures: RuntimeFigures | undefined,
  absent: string | undefined,
): string {
  const label = `<span>${escaped(displayName(name))}</span>`;
  if (figures === undefined) {
    const why = escaped(absent ?? 'not run');
    return `<div class="bar" title="${why}">${label}<span></span><span class="figure">absent</span></div>`;
  }
  // A client that died before its load has no peak.
  const grewMB = Math.max(0, figures.rssGrowthMB);
  const width = Math.min(100, Math.max(0, (grewMB / BAR_END_MB) * 100));
  const limit = (CELL_BARS.rssGrowthMB / BAR_END_MB) * 100;
  const text = figures.crashed
    ? `<span class="figure dead">&#10005; ${fate(figures.crash)}, +${grewMB.toFixed(0)}</span>`
    : `<span class="figure">+${Math.max(0, grewMB).toFixed(0)} MB</span>`;
  return `<div class="bar" style="--tone: var(${runtimeColour(name)})">${label}<div class="track"><div class="fill" style="width: ${width.toFixed(1)}%"></div><div class="limit" style="left: ${limit.toFixed(1)}%"></div></div>${text}</div>`;
}

function foot(cell: MatrixCell, report: ScenarioReport, sluice: RuntimeFigures): string {
  const held =
    cell.kind === 'streaming'
      ? `${count(sluice.heldBack)} messages held back`
      : `${count(sluice.refused)} calls refused`;
  if (cell.server === 'stopped-server') return held;
  const share = (sluice.goodputRps / Math.max(1, report.serverCapacityRps)) * 100;
  const others = Object.entries(report.runtimes)
    .filter(([name, figures]) => name !== 'sluice' && !figures.crashed)
    .map(([name, figures]) => `, ${name} ${count(figures.goodputRps)}`)
    .join('');
  const p99 = sluice.p99Ms > 0 ? milliseconds(sluice.p99Ms) : 'none answered';
  return `Answered a second: Sluice ${count(sluice.goodputRps)}, ${share.toFixed(0)} % of ${count(report.serverCapacityRps)}${others}. p99 ${p99}; ${held}.`;
}

function box(
  cell: MatrixCell,
  report: ScenarioReport | undefined,
  verdicts: readonly Verdict[],
  runtimes: readonly string[],
): string {
  if (report === undefined) return '<div class="box none">not run</div>';
  const own = verdicts.filter(({ scenario }) => scenario === report.name);
  const failed = own.filter(({ held }) => !held);
  const sluice = report.runtimes.sluice;
  const kind = own.length === 0 ? ' none' : failed.length > 0 ? ' broken' : '';
  const mark =
    own.length === 0
      ? 'not judged'
      : failed.length === 0
        ? '<span class="held">&#10003; all held</span>'
        : `<span class="failed">&#10007; ${failed.length} of ${own.length} broken</span>`;
  const bars = runtimes
    .map((name) => bar(name, report.runtimes[name], report.absent?.[name]))
    .join('');
  const text = sluice === undefined ? '' : foot(cell, report, sluice);
  const broken = failed.map(({ promise }) => promise).join('; ');
  const why = broken === '' ? '' : `<div class="failed">${escaped(broken)}</div>`;
  return `<div class="box${kind}"><div class="head"><span>Promises of Sluice</span>${mark}</div>${bars}<div class="foot">${escaped(text)}</div>${why}</div>`;
}

function serverTable(server: CellServer, report: StormReport, runtimes: readonly string[]): string {
  const byName = new Map(report.scenarios.map((scenario) => [scenario.name, scenario]));
  const cells = CELLS.filter((cell) => cell.server === server);
  if (!cells.some(({ name }) => byName.has(name))) return '';
  const heads = CELL_RATES.map((rate) => `<th>${count(rate)} a second offered</th>`).join('');
  const rows: string[] = [];
  for (const kind of CELL_KINDS) {
    for (const [payloadName] of CELL_PAYLOADS) {
      const own = cells.filter((cell) => cell.kind === kind && cell.payloadName === payloadName);
      if (!own.some(({ name }) => byName.has(name))) continue;
      const boxes = own.map(
        (cell) => `<td>${box(cell, byName.get(cell.name), report.verdicts, runtimes)}</td>`,
      );
      const size = payloadName.replace(/(\d+)/, '$1 ');
      const title = `${KIND_TITLES[kind]}<br><span class="soft">${size} each</span>`;
      rows.push(`<tr><th scope="row">${title}</th>${boxes.join('')}</tr>`);
    }
  }
  return `<h3>${SERVER_TITLES[server]}</h3><div class="scroll"><table class="matrix"><thead><tr><th></th>${heads}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function figureRows(report: StormReport, runtimes: readonly string[]): string[][] {
  const rows = [
    [
      'cell',
      'runtime',
      'offered/s',
      'accepted',
      'refused',
      'held back',
      'lost',
      'answered/s',
      'p99 calls',
      'p99 messages',
      'p99 at half',
      'idle',
      'peak',
      'growth',
      'live after',
    ],
  ];
  for (const scenario of report.scenarios) {
    for (const name of runtimes) {
      const figures = scenario.runtimes[name];
      if (figures === undefined) continue;
      const { messageP99Ms } = figures;
      rows.push([
        scenario.name,
        displayName(name),
        count(figures.achievedOfferedRps),
        count(figures.accepted),
        count(figures.refused),
        count(figures.heldBack),
        count(figures.lost),
        count(figures.goodputRps),
        figures.p99Ms > 0 ? milliseconds(figures.p99Ms) : '-',
        messageP99Ms === null || messageP99Ms === 0 ? '-' : milliseconds(messageP99Ms),
        figures.unloadedP99Ms > 0 ? milliseconds(figures.unloadedP99Ms) : '-',
        megabytes(figures.idleRssMB),
        megabytes(figures.peakRssMB),
        figures.crashed ? fate(figures.crash) : megabytes(figures.rssGrowthMB),
        figures.crashed ? '-' : megabytes(figures.liveAfterMB - figures.idleLiveMB),
      ]);
    }
  }
  return rows;
}

const METHOD = [
  'Growth is the highest resident memory of the client under the load over its warm idle, after a burst and two collections.',
  'Answered is what came back while the load ran, against what the server can do: 10,000 a second by its clock, or the less that its CPU managed in the best quarter second of the warm-up, without the clock.',
  'Where calls are offered, p99 is of the accepted ones. Where messages are, it is of unary calls made beside the 100 streams, 100 a second on the same connection: what a message waits after it was taken is bounded in bytes (what its stream may hold here and at the server), not in time, and is in the figures.',
  'A message that is due while every stream asks for a pause is held back: not sent, not kept. Answers are the first 16 bytes of a request; one payload buffer is used for all.',
  `grpc-js has its own server; grpc-go is a client of the Sluice server. A client is ended at a heap of 512 MB (Node) or ${RSS_CAP_MB} MB resident (Go).`,
];

/** The matrix as a section; empty if no cell of it was run. */
export function matrixSection(report: StormReport): string {
  const names = new Set(CELLS.map(({ name }) => name));
  const scenarios = report.scenarios.filter(({ name }) => names.has(name));
  if (scenarios.length === 0) return '';
  const runtimes = MATRIX_RUNTIMES.filter((name) =>
    scenarios.some(
      ({ runtimes: ran, absent }) => ran[name] !== undefined || absent?.[name] !== undefined,
    ),
  );
  const own = { ...report, scenarios };
  const absent = new Map(scenarios.flatMap((scenario) => Object.entries(scenario.absent ?? {})));
  const missing = [...absent].map(([name, why]) => `${name}: ${why}.`).join(' ');
  return `<h2>Every load</h2>
<p class="lead">Each box is one load on a client of its own. The bars show how much memory the client took on beyond its idle, to one scale of ${BAR_END_MB} MB; the mark on each bar is the ${CELL_BARS.rssGrowthMB} MB that Sluice promises to stay below, and &#10005; is a client that did not live through it. Sluice refuses calls, or tells streams to pause, instead of growing.</p>
<p class="key">${missing === '' ? '' : escaped(`Absent: ${missing}`)}</p>
${CELL_SERVERS.map((server) => serverTable(server, own, runtimes)).join('\n')}
<details><summary>How it is measured</summary><ul>${METHOD.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul></details>
<details><summary>All figures of the matrix</summary>${htmlTable(figureRows(own, runtimes))}</details>`;
}
