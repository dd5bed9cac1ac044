// The HTML report as one string: what happened in a few words, the curves, the figures behind them,
// with uPlot, the style and the data inlined. Invariant: the file refers to nothing outside itself,
// so it can be mailed and archived. Data goes in as JSON text in which `<` is escaped, so no name
// can end the script element.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Chart, runtimeColour } from './charts.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './html-page.ts';
import { escaped, htmlTable } from './html-text.ts';
import { MATRIX_STYLE, matrixSection } from './matrix-html.ts';
import type { Scenario } from './scenarios.ts';
import type { RuntimeFigures, ScenarioReport, StormReport, Verdict } from './storm-report.ts';
import {
  byRuntime,
  displayName,
  fate,
  lead,
  runtimeSentence,
  scenarioRows,
  verdictLine,
} from './summary.ts';
import { count } from './text-table.ts';
import { trialSection } from './trials/trial-html.ts';

/** uPlot as text. */
export interface PlotLibrary {
  readonly script: string;
  readonly style: string;
}

/** Reads uPlot from where npm put it. */
export function readPlotLibrary(): PlotLibrary {
  const require = createRequire(import.meta.url);
  return {
    script: readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8'),
    style: readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8'),
  };
}

function mark(verdict: Verdict): string {
  return verdict.held
    ? '<span class="held">&#10003; held</span>'
    : '<span class="failed">&#10007; failed</span>';
}

/** A promise a row, with what came of it for each runtime that made it. */
function promisesTable(verdicts: readonly Verdict[]): string {
  const groups = byRuntime(verdicts);
  const names = [...groups.keys()].map(
    (name) => `<th colspan="2">${escaped(displayName(name))}</th>`,
  );
  const head = `<tr><th>Promise</th>${names.join('')}<th>Promised</th></tr>`;
  const promises = new Map(verdicts.map(({ promise, bar }) => [promise, bar]));
  const lines = [...promises].map(([promise, bar]) => {
    const cells = [...groups.values()].map((own) => {
      const verdict = own.find((candidate) => candidate.promise === promise);
      if (verdict === undefined) return '<td></td><td></td>';
      return `<td>${mark(verdict)}</td><td>${escaped(verdict.figure)}</td>`;
    });
    return `<tr><td>${escaped(promise)}</td>${cells.join('')}<td>${escaped(bar)}</td></tr>`;
  });
  return `<div class="scroll"><table class="promises"><thead>${head}</thead><tbody>\n${lines.join('\n')}\n</tbody></table></div>`;
}

/** The verdict on top, with every failed promise by name: nobody should have to look for it. */
function verdictBlock(report: StormReport): string {
  const failed = report.verdicts.filter((verdict) => !verdict.held);
  const tone = report.verdicts.length === 0 ? '' : failed.length === 0 ? ' held' : ' failed';
  const line = `<p class="verdict${tone}">${escaped(verdictLine(report))}</p>`;
  if (failed.length === 0) return line;
  const items = failed.map(({ scenario, runtime = 'sluice', promise, figure, bar }) => {
    const whose = runtime === 'sluice' ? '' : `${displayName(runtime)}, `;
    return `<li>${escaped(`${scenario}, ${whose}${promise}: ${figure} (promised: ${bar})`)}</li>`;
  });
  return `${line}\n<ul class="broken">${items.join('')}</ul>`;
}

function bigFigure(figures: RuntimeFigures): string {
  if (figures.crashed) return `${fate(figures.crash)} at ${count(figures.peakRssMB)} MB`;
  return `${figures.rssGrowthMB < 0 ? '' : '+'}${count(figures.rssGrowthMB)} MB`;
}

function card(
  scenario: Scenario,
  offeredRps: number,
  [name, figures]: readonly [string, RuntimeFigures],
): string {
  const sentence = runtimeSentence(scenario, offeredRps, name, figures);
  return [
    `<div class="card" style="--tone: var(${runtimeColour(name)})">`,
    `<h3>${escaped(displayName(name))}: memory of the client under the load</h3>`,
    `<p class="big">${escaped(bigFigure(figures))}</p>`,
    `<p>${escaped(sentence)}</p></div>`,
  ].join('');
}

function chartPlace(chart: Chart, index: number): string {
  return `<div class="chart${chart.wide ? ' wide' : ''}"><h3>${escaped(chart.title)}</h3><p class="note">${escaped(chart.note)}</p><div id="chart-${index}"></div></div>`;
}

function section(
  scenario: Scenario,
  scenarioReport: ScenarioReport,
  report: StormReport,
  charts: readonly Chart[],
): string {
  const places = charts.map((chart, index) =>
    chart.scenario === scenarioReport.name ? chartPlace(chart, index) : '',
  );
  const cards = Object.entries(scenarioReport.runtimes).map((runtime) =>
    card(scenario, scenarioReport.offeredRps, runtime),
  );
  const verdicts = report.verdicts.filter((verdict) => verdict.scenario === scenarioReport.name);
  return [
    `<h2>${escaped(scenario.title)} <span class="soft">(${escaped(scenario.name)})</span></h2>`,
    `<p class="lead">${escaped(lead(scenarioReport))}</p>`,
    `<div class="cards">${cards.join('\n')}</div>`,
    `<div class="charts">${places.join('\n')}</div>`,
    verdicts.length > 0 ? promisesTable(verdicts) : '',
    `<details><summary>All figures</summary>${htmlTable(scenarioRows(scenarioReport))}</details>`,
  ].join('\n');
}

function method(report: StormReport): string {
  const versions = Object.entries(report.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
  return `Versions: ${versions}. One client process, one server process, one connection, 16-byte unary calls, unless a section says otherwise; runtimes run one after another. @sluice/grpc-js is the drop-in for grpc-js on Sluice: both run the same program, the drop-in with the limits that Sluice has by default. The load generator alone reaches ${count(report.generatorCeilingRps)} calls a second.`;
}

/** The whole page. */
export function htmlReport(
  scenarios: readonly Scenario[],
  report: StormReport,
  charts: readonly Chart[],
  library: PlotLibrary,
): string {
  const data = JSON.stringify({ charts }).replaceAll('<', '\\u003c');
  const sections = report.scenarios.map((scenarioReport) => {
    const scenario = scenarios.find(({ name }) => name === scenarioReport.name);
    return scenario === undefined ? '' : section(scenario, scenarioReport, report, charts);
  });
  const trials = (report.trials ?? []).map((trial) => {
    const own = report.verdicts.filter(({ scenario }) => scenario === trial.name);
    return trialSection(trial, charts, chartPlace, promisesTable(own));
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The storm: gRPC clients beyond capacity</title>
<style>${library.style}</style>
<style>${PAGE_STYLE}${MATRIX_STYLE}</style>
</head>
<body>
<h1>The storm: a gRPC client asked for more than its server can take</h1>
<p class="lead">Calls that cannot be sent have to go somewhere. A client without limits keeps them all in memory until it is killed; a client with limits refuses what does not fit, at once, and says which limit it was. Each runtime below met the same load.</p>
${verdictBlock(report)}
<p class="soft">${escaped(method(report))}</p>
${sections.join('\n')}
${matrixSection(report)}
${trials.join('\n')}
<script id="storm-data" type="application/json">${data}</script>
<script>${library.script}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
