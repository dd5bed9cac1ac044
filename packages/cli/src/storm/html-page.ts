// The fixed parts of the HTML report: its style and the script that draws the curves. They run in a
// browser, as text inlined in one file, so they are kept apart from the TypeScript around them.
// Colours live in CSS variables, one set for light and one for dark; the script reads them.

export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5d6778; --page: #ffffff; --card: #f6f7f9;
  --line: #d9dde4; --a: #1f6feb; --b: #d9480f; --c: #2b8a3e; --d: #9c36b5; --e: #b6bdc9;
  --load: rgba(31,111,235,.08); --good: #2b8a3e; --bad: #c92a2a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a3adbb; --page: #12151b;
  --card: #1a1f28; --line: #323a48; --a: #6ea8fe; --b: #ff922b; --c: #69db7c; --d: #da77f2;
  --e: #5a6473; --load: rgba(110,168,254,.11); --good: #69db7c; --bad: #ff8787; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px 20px 60px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 8px; }
h2 { font-size: 21px; margin: 44px 0 6px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; margin: 0 0 2px; } p { margin: 0 0 12px; } .lead { max-width: 80ch; }
.soft, .note { color: var(--soft); } .note { font-size: 13px; margin: 0 0 6px; }
.verdict { font-size: 18px; font-weight: 600; margin: 0 0 6px; } .broken { margin: 0 0 12px; }
.held { color: var(--good); } .failed { color: var(--bad); }
.cards, .charts { display: grid; gap: 16px; margin: 0 0 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
.cards { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.card, .chart { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 14px; min-width: 0; }
.card { border-left: 5px solid var(--tone); } .card p { margin: 0; }
.card .big { font-size: 32px; font-weight: 650; line-height: 1.2; color: var(--tone); }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 14px 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; vertical-align: top; padding: 4px 0 4px 18px;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: pre-wrap; }
.promises th, .promises td { text-align: left; } .held, .failed { white-space: nowrap; }
.broken li, .box .failed { white-space: normal; } th { font-weight: 600; }
summary { cursor: pointer; font-weight: 600; margin-top: 6px; }
.uplot { font-family: inherit; } .u-legend { color: var(--ink); font-size: 13px; text-align: left; }
.u-legend.u-inline .u-series > * { vertical-align: middle; } .u-legend.u-inline tr { margin-right: 14px; } .u-legend th { font-weight: 400; padding-left: 0; }
.u-inline.u-live th::after { content: ""; } .u-legend td { font-weight: 600; padding-left: 0; }
.uplot:not(:hover) .u-series:first-child, .uplot:not(:hover) .u-legend td { display: none; }
@media (max-width: 600px) { body { padding: 16px 12px 40px; } h1 { font-size: 22px; }
  th, td { padding-left: 10px; font-size: 13px; } }
`;

export const PAGE_SCRIPT = `
'use strict';
const report = JSON.parse(document.getElementById('storm-data').textContent);
const charts = [];
const ROW_HEIGHT = 260, WIDE_HEIGHT = 340;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => value == null ? '' : Math.abs(value) >= 1e6 ? +(value / 1e6).toFixed(2) + ' M'
  : Math.abs(value) >= 1e3 ? +(value / 1e3).toFixed(1) + ' k' : String(+value.toFixed(1));

/** The load as a shade over the whole height, or, with several runtimes, as a strip at the foot. */
function shade(u, loads) {
  const owners = [...new Set(loads.map((load) => load.colour))];
  for (const load of loads) {
    const left = u.valToPos(load.from, 'x', true);
    const width = u.valToPos(load.to, 'x', true) - left;
    const strip = 5 * devicePixelRatio;
    const foot = u.bbox.top + u.bbox.height - (owners.indexOf(load.colour) + 1) * (strip + 1);
    u.ctx.globalAlpha = load.colour ? 0.45 : 1;
    u.ctx.fillStyle = colour(load.colour || '--load');
    u.ctx.fillRect(left, load.colour ? foot : u.bbox.top, width, load.colour ? strip : u.bbox.height);
  }
  u.ctx.globalAlpha = 1;
}

/**
 * Writes a line of text that ends (or, where there is no room to its left, begins) at a point, above
 * those that are there already.
 */
function label(u, text, x, y, name, others = []) {
  const px = devicePixelRatio;
  u.ctx.font = '600 ' + 12 * px + 'px system-ui, sans-serif';
  u.ctx.textAlign = 'left';
  const width = u.ctx.measureText(text).width;
  const gap = 7 * px;
  const right = u.bbox.left + u.bbox.width;
  const left = x - gap - width >= u.bbox.left ? x - gap - width
    : Math.max(u.bbox.left + 2 * px, Math.min(x + gap, right - width));
  const line = 15 * px;
  let top = Math.max(y, u.bbox.top + 14 * px);
  const covers = (other) => other.left < left + width && left < other.left + other.width
    && Math.abs(other.top - top) < line;
  while (others.some(covers) && top - line > u.bbox.top + 14 * px) top -= line;
  others.push({ left, width, top });
  u.ctx.lineWidth = 4 * px;
  u.ctx.lineJoin = 'round';
  u.ctx.strokeStyle = colour('--card');
  u.ctx.strokeText(text, left, top);
  u.ctx.fillStyle = colour(name);
  u.ctx.fillText(text, left, top);
}

function peaks(u, chart) {
  const labels = [];
  for (const [index, curve] of chart.curves.entries()) {
    if (!curve.marksPeak) continue;
    const values = chart.data[index + 1];
    let top = -1;
    values.forEach((value, at) => { if (value != null && (top < 0 || value > values[top])) top = at; });
    if (top < 0) continue;
    const name = curve.label === chart.unit ? '' : curve.label + ': ';
    const text = name + Math.round(values[top]).toLocaleString('en-US') + ' ' + chart.unit + ' at most';
    label(u, text, u.valToPos(chart.data[0][top], 'x', true),
      u.valToPos(values[top], 'y', true) - 7 * devicePixelRatio, curve.colour, labels);
  }
}

/** A death: a dashed line down the chart, a cross, and why. */
function marks(u, chart) {
  const px = devicePixelRatio;
  for (const [index, mark] of chart.marks.entries()) {
    const x = u.valToPos(mark.second, 'x', true);
    const middle = u.bbox.top + u.bbox.height * (0.5 + 0.12 * index);
    u.ctx.strokeStyle = colour(mark.colour);
    u.ctx.lineWidth = 1.5 * px;
    u.ctx.setLineDash([5 * px, 4 * px]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
    u.ctx.setLineDash([]);
    label(u, '\\u2715 ' + mark.text, x, middle, mark.colour);
    label(u, mark.detail, x, middle + 16 * px, mark.colour);
  }
}

function draw(place, chart) {
  const font = '12px system-ui, sans-serif';
  const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, font,
    ticks: { stroke: colour('--line'), width: 1 }, labelFont: font, labelSize: 20 };
  const series = [{ label: 'second', value: (u, v) => v == null ? '' : v.toFixed(1) }];
  for (const curve of chart.curves) {
    series.push({ label: curve.label, stroke: colour(curve.colour), width: curve.width,
      spanGaps: true, points: { show: false }, ...(curve.dashed ? { dash: [6, 5] } : {}),
      value: (u, v) => short(v) });
  }
  const last = Math.max(0, ...chart.marks.map((mark) => mark.second));
  const options = { width: place.clientWidth, height: chart.wide ? WIDE_HEIGHT : ROW_HEIGHT, series,
    hooks: { drawClear: [(u) => shade(u, chart.loads)],
      draw: [(u) => { peaks(u, chart); marks(u, chart); }] },
    scales: { x: { time: false, range: (u, from, to) => [from, Math.max(to, last)] },
      y: { range: (u, low, high) => [0, Math.max(high * 1.12, 10)] } },
    axes: [{ ...axis, size: 34, label: 'seconds since the load began' },
      { ...axis, label: chart.unit, size: 56, values: (u, marks) => marks.map(short) }] };
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
  for (const { place, plot } of charts) plot.setSize({ width: place.clientWidth, height: plot.height });
});
`;
