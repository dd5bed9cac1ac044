// The HTML report as one string: sentences, tables and curves, with uPlot, the style and the data
// inlined. Invariant: the file refers to nothing outside itself, so it can be mailed and archived.
// Figures go in as JSON text in which `<` is escaped, so no name can end the script element.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Chart } from './charts.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './html-page.ts';
import type { Scenario } from './scenarios.ts';
import type { ScenarioReport, StormReport } from './storm-report.ts';
import { headline, scenarioRows, verdictRows } from './summary.ts';

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

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

function htmlTable(rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string): string =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const [heading, ...body] = rows;
  const head = `<thead><tr>${cells(heading ?? [], 'th')}</tr></thead>`;
  const lines = body.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<div class="scroll"><table>${head}<tbody>\n${lines}\n</tbody></table></div>`;
}

function verdictLine(report: StormReport): string {
  const failed = report.verdicts.filter((verdict) => !verdict.held).length;
  if (report.verdicts.length === 0) return '<p class="verdict">No promise was judged.</p>';
  if (failed === 0) {
    return `<p class="verdict held">All ${report.verdicts.length} promises held.</p>`;
  }
  return `<p class="verdict failed">${failed} of ${report.verdicts.length} promises failed.</p>`;
}

function section(
  scenario: Scenario | undefined,
  scenarioReport: ScenarioReport,
  report: StormReport,
  charts: readonly Chart[],
): string {
  const places = charts
    .map((chart, index) =>
      chart.scenario === scenarioReport.name
        ? `<div class="chart"><h3>${escaped(chart.title)}</h3><p class="note">${escaped(chart.note)}</p><div id="chart-${index}"></div></div>`
        : '',
    )
    .join('\n');
  const verdicts = report.verdicts.filter((verdict) => verdict.scenario === scenarioReport.name);
  const headlineText = scenario === undefined ? '' : headline(scenario, scenarioReport);
  return [
    `<h2>${escaped(scenarioReport.name)}: ${escaped(scenario?.summary ?? '')}</h2>`,
    `<p class="headline">${escaped(headlineText)}</p>`,
    `<div class="charts">${places}</div>`,
    htmlTable(scenarioRows(scenarioReport)),
    verdicts.length > 0 ? htmlTable(verdictRows(verdicts)) : '',
  ].join('\n');
}

/** The whole page. */
export function htmlReport(
  scenarios: readonly Scenario[],
  report: StormReport,
  charts: readonly Chart[],
  library: PlotLibrary,
): string {
  const data = JSON.stringify({ charts }).replaceAll('<', '\\u003c');
  const versions = Object.entries(report.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
  const sections = report.scenarios.map((scenarioReport) =>
    section(
      scenarios.find(({ name }) => name === scenarioReport.name),
      scenarioReport,
      report,
      charts,
    ),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Storm report</title>
<style>${library.style}</style>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>The storm</h1>
<p class="soft">More calls than the server drains, on one connection, for some seconds. Shaded: the load runs. ${escaped(versions)}.</p>
${verdictLine(report)}
${sections.join('\n')}
<script id="storm-data" type="application/json">${data}</script>
<script>${library.script}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
