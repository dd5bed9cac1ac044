// The fixed parts of the HTML report: its style and the script that draws the curves. They run in a
// browser, as text inlined in one file, so they are kept apart from the TypeScript around them.
// Colours live in CSS variables, one set for light and one for dark; the script reads them.

export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --page: #ffffff; --card: #f6f7f9;
  --line: #d9dde4; --a: #1f6feb; --b: #d9480f; --c: #2b8a3e; --d: #9c36b5; --load: rgba(31,111,235,.07);
  --good: #2b8a3e; --bad: #c92a2a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --page: #12151b;
  --card: #1a1f28; --line: #323a48; --a: #6ea8fe; --b: #ff922b; --c: #69db7c; --d: #da77f2;
  --load: rgba(110,168,254,.09); --good: #69db7c; --bad: #ff8787; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 20px 60px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 6px; }
h3 { font-size: 14px; margin: 0 0 2px; } p { margin: 0 0 12px; }
.soft, .note { color: var(--soft); } .note { font-size: 13px; margin: 0 0 6px; }
.verdict { font-size: 18px; font-weight: 600; }
.held { color: var(--good); } .failed { color: var(--bad); }
.headline { font-size: 17px; max-width: 75ch; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 16px; }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; min-width: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 14px 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); white-space: pre; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
.u-legend { color: var(--ink); font-size: 12px; }
`;

export const PAGE_SCRIPT = `
'use strict';
const report = JSON.parse(document.getElementById('storm-data').textContent);
const charts = [];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => value == null ? '' : Math.abs(value) >= 1e6 ? +(value / 1e6).toFixed(2) + ' M'
  : Math.abs(value) >= 1e4 ? +(value / 1e3).toFixed(1) + ' k' : String(+value.toFixed(1));

function shade(loads) {
  return { hooks: { drawClear: (u) => {
    u.ctx.fillStyle = colour('--load');
    for (const [from, to] of loads) {
      const left = u.valToPos(from, 'x', true);
      u.ctx.fillRect(left, u.bbox.top, u.valToPos(to, 'x', true) - left, u.bbox.height);
    }
  } } };
}

function draw(place, chart) {
  const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 }, font: '12px system-ui, sans-serif' };
  const series = [{ label: 'seconds', value: (u, v) => v == null ? '' : v.toFixed(1) }];
  for (const curve of chart.curves) {
    series.push({ label: curve.label, stroke: colour(curve.colour), width: 2, spanGaps: true,
      value: (u, v) => v == null ? '' : short(v) + (chart.unit ? ' ' + chart.unit : '') });
  }
  const options = { width: place.clientWidth, height: 230, series, plugins: [shade(chart.loads)],
    scales: { x: { time: false }, y: { range: (u, low, high) => [0, Math.max(high * 1.08, 1)] } },
    axes: [axis, { ...axis, size: 62, values: (u, marks) => marks.map(short) }] };
  return new uPlot(options, chart.data, place);
}

function drawAll() {
  for (const { plot } of charts) plot.destroy();
  charts.length = 0;
  for (const [index, chart] of report.charts.entries()) {
    const place = document.getElementById('chart-' + index);
    charts.push({ place, plot: draw(place, chart) });
  }
}

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
addEventListener('resize', () => {
  for (const { place, plot } of charts) plot.setSize({ width: place.clientWidth, height: 230 });
});
`;
