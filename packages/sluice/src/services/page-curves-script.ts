// The script of the page's curves, and the forms of its figures: six plots of the last five minutes.
// Invariants: at most HISTORY points; all plots share one time; what is not drawn costs nothing.
// Text for a browser, without a back quote. Not here: everything else (page-script.ts).

/** The script, before PAGE_SCRIPT. */
export const PAGE_CURVES_SCRIPT: string = `'use strict';
const LONG_MS = 300000, SHORT_MS = 60000, HISTORY = 300, GAP_MS = 5000;
const WIDTH = 300, HEIGHT = 74, FOOT = 2, HEAD = 6;
const SVG = 'http://www.w3.org/2000/svg';

function byId(id) { return document.getElementById(id); }
function make(tag, name) {
  const node = document.createElement(tag);
  if (name !== undefined) node.className = name;
  return node;
}
/** Writes a text only where it changed: what is selected on the page stays so. */
function set(node, text) { if (node.textContent !== text) node.textContent = text; }
/** What a node is made of. @returns {HTMLElement[]} */
function parts(node) { return [...node.children]; }
/** Makes a place have so many children. */
function keep(place, many, maker) {
  while (place.children.length < many) place.append(maker());
  while (place.children.length > many) place.lastElementChild.remove();
}

function count(value) { return value === null ? 'any number' : Math.round(value).toLocaleString('en-US'); }
function plural(value, noun) { return count(value) + ' ' + noun + (value === 1 ? '' : 's'); }
function bytes(value) {
  if (Math.abs(value) < 1e3) return Math.round(value) + ' B';
  if (Math.abs(value) < 1e6) return (value / 1e3).toFixed(1) + ' kB';
  return value < 1e9 ? (value / 1e6).toFixed(1) + ' MB' : (value / 1e9).toFixed(2) + ' GB';
}
function duration(ms) {
  if (ms < 1000) return Math.round(ms) + ' ms';
  if (ms < 60000) return (ms / 1000).toFixed(1) + ' s';
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return Math.floor(seconds / 60) + ' min ' + seconds % 60 + ' s';
  const minutes = Math.floor(seconds / 60);
  return minutes < 1440 ? Math.floor(minutes / 60) + ' h ' + minutes % 60 + ' min'
    : Math.floor(minutes / 1440) + ' d ' + Math.floor(minutes / 60) % 24 + ' h';
}
function precise(ms) { return ms < 10 ? ms.toFixed(1) + ' ms' : duration(ms); }
function inUnit(depth, unit, value) {
  if (unit === 'bytes') return value === undefined ? bytes(depth) : bytes(depth) + ' of ' + bytes(value);
  return value === undefined ? count(depth) + ' ' + unit : count(depth) + ' of ' + count(value) + ' ' + unit;
}

/** Each curve: one field, or two; what is said beside the figure. */
const CURVES = [
  { id: 'calls', title: 'Calls a second', first: 'made', second: 'served', keys: ['made', 'served'], form: count,
    least: 10, aside: (p) => p.failed > 0 ? count(p.failed) + ' failed' : '', alarm: (p) => p.failed > 0 },
  { id: 'waiting', title: 'Calls waiting', first: 'waiting', form: count, least: 10,
    aside: (p) => p.acted > 0 ? 'limits acted ' + plural(p.acted, 'time') : '', alarm: () => false },
  { id: 'queued', title: 'Queued to be written', first: 'queued', form: bytes, least: 1000,
    aside: (p) => p.socket > 0 ? bytes(p.socket) + ' in sockets' : '', alarm: () => false },
  { id: 'streams', title: 'Streams open', first: 'streamsOut', second: 'streamsIn', keys: ['channels', 'servers'],
    form: count, least: 10, aside: () => '', alarm: () => false },
  { id: 'memory', title: 'Memory of the process', first: 'rss', second: 'heap', keys: ['resident', 'heap'], form: bytes, least: 1e6,
    aside: (p) => bytes(p.heap) + ' in the heap', alarm: () => false },
  { id: 'loop', title: 'Longest delay of the event loop', first: 'delay', form: duration, least: 20,
    aside: (p) => p.delay >= 200 ? 'too long: look for synchronous work' : '', alarm: (p) => p.delay >= 200 },
];

let points = [];
/** The time that is looked at; 0 for now. */
let lookedAt = 0;
const plots = CURVES.map(makeCurve);

function setHistory(history) { points = history.slice(-HISTORY); }
function pushPoint(point) {
  if (points.length > 0 && points[points.length - 1].atMs >= point.atMs) return;
  points.push(point);
  if (points.length > HISTORY) points.shift();
}

function makeCurve(curve) {
  const root = make('div', 'curve');
  root.dataset.curve = curve.id;
  const title = make('h2');
  title.append(curve.title);
  const keys = make('span', 'keys');
  for (const [index, name] of (curve.keys ?? []).entries()) {
    const key = make('span', index === 0 ? 'first' : 'second');
    key.textContent = name;
    keys.append(key);
  }
  title.append(keys);
  const figure = make('p', 'now');
  const now = make('span');
  const aside = make('span', 'aside');
  figure.append(now, aside);
  const plot = make('div', 'plot');
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 ' + WIDTH + ' ' + HEIGHT);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  for (const y of [HEAD, (HEAD + HEIGHT - FOOT) / 2, HEIGHT - FOOT]) svg.append(line(y));
  const area = path('area');
  const second = path('second');
  const first = path('first');
  svg.append(area, second, first);
  const top = make('span', 'top');
  const hair = make('div', 'hair');
  hair.hidden = true;
  plot.append(svg, top, hair);
  const foot = make('div', 'ends');
  const from = make('span');
  const to = make('span');
  foot.append(from, to);
  root.append(title, figure, plot, foot);
  byId('curves').append(root);
  plot.addEventListener('pointermove', (event) => {
    const box = plot.getBoundingClientRect();
    lookAt((event.clientX - box.left) / box.width);
  });
  plot.addEventListener('pointerleave', () => { lookedAt = 0; drawCurves(); });
  return { curve, now, aside, svg, area, first, second, top, hair, from, to };
}

function line(y) {
  const node = document.createElementNS(SVG, 'line');
  for (const [name, value] of [['x1', 0], ['x2', WIDTH], ['y1', y], ['y2', y]]) node.setAttribute(name, String(value));
  node.setAttribute('class', 'grid');
  return node;
}
function path(name) {
  const node = document.createElementNS(SVG, 'path');
  node.setAttribute('class', name);
  return node;
}

/** What the curves span: the last minute, and five once there is more. */
function spanMs() { return endMs() - points[0].atMs > SHORT_MS ? LONG_MS : SHORT_MS; }

/** @param {number} share of the span, from its beginning */
function lookAt(share) {
  if (points.length === 0) return;
  const wanted = endMs() - spanMs() * (1 - Math.max(0, Math.min(1, share)));
  let near = points[0];
  for (const point of points) if (Math.abs(point.atMs - wanted) < Math.abs(near.atMs - wanted)) near = point;
  lookedAt = near.atMs;
  drawCurves();
}

function endMs() { return points.length === 0 ? 0 : points[points.length - 1].atMs; }
function placeOf(atMs) { return 1 - (endMs() - atMs) / spanMs(); }

function drawCurves() {
  if (points.length === 0) return;
  let point = points[points.length - 1];
  if (lookedAt > 0) point = points.find(({ atMs }) => atMs >= lookedAt) ?? point;
  for (const plot of plots) drawCurve(plot, point);
}

function drawCurve(plot, point) {
  const { curve } = plot;
  const highest = points.reduce((most, p) => Math.max(most, p[curve.first], p[curve.second] ?? 0), 0);
  const top = ceiling(Math.max(highest, curve.least));
  // What is made and what is served: the one that there is.
  const main = point[curve.first] === 0 && curve.id !== 'memory' && (point[curve.second] ?? 0) > 0
    ? point[curve.second] : point[curve.first];
  set(plot.now, curve.form(main));
  plot.now.dataset.raw = String(main);
  set(plot.aside, curve.aside(point));
  plot.aside.className = curve.alarm(point) ? 'aside alarm' : 'aside';
  set(plot.top, curve.form(top));
  const first = trace(curve.first, top);
  plot.first.setAttribute('d', first.line);
  plot.area.setAttribute('d', first.area);
  plot.second.setAttribute('d', curve.second === undefined ? '' : trace(curve.second, top).line);
  const looking = lookedAt > 0;
  plot.hair.hidden = !looking;
  if (looking) plot.hair.style.left = (placeOf(point.atMs) * 100).toFixed(2) + '%';
  set(plot.from, spanMs() === LONG_MS ? '5 min ago' : '1 min ago');
  set(plot.to, looking ? duration(endMs() - point.atMs) + ' ago' : 'now');
  plot.svg.setAttribute('aria-label', curve.title + ': ' + curve.form(main) + ' now, ' +
    curve.form(highest) + ' at most since ' + plot.from.textContent);
}

/** The next of 1, 2, 2.5, 5, 10 times a power of ten. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 2.5, 5]) if (value <= step * power) return step * power;
  return 10 * power;
}

function trace(field, top) {
  let line = '', area = '', before = 0, from = 0, last = 0;
  const close = () => { if (line !== '') area += 'L' + last + ' ' + (HEIGHT - FOOT) + 'L' + from + ' ' + (HEIGHT - FOOT) + 'Z'; };
  for (const point of points) {
    const x = Number((placeOf(point.atMs) * WIDTH).toFixed(2));
    if (x < 0) continue;
    const y = (HEIGHT - FOOT - (HEIGHT - FOOT - HEAD) * (point[field] / top)).toFixed(2);
    const starts = point.atMs - before > GAP_MS;
    if (starts) { close(); from = x; }
    line += (starts ? 'M' : 'L') + x + ' ' + y;
    area += (starts ? 'M' : 'L') + x + ' ' + y;
    before = point.atMs;
    last = x;
  }
  close();
  return { line, area };
}

byId('curves').addEventListener('keydown', (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
  if (step !== undefined && points.length > 0) {
    const at = lookedAt === 0 ? points.length - 1 : points.findIndex(({ atMs }) => atMs >= lookedAt);
    const to = Math.max(0, Math.min(points.length - 1, at + step));
    lookedAt = points[to].atMs;
  } else if (event.key === 'Escape' && lookedAt > 0) lookedAt = 0;
  else return;
  event.preventDefault();
  drawCurves();
  byId('say').textContent = lookedAt === 0 ? 'now' : plots.map((plot) =>
    plot.curve.title + ' ' + plot.now.textContent).join(', ') + ', ' + plots[0].to.textContent;
});
byId('curves').addEventListener('focusout', () => { if (lookedAt > 0) { lookedAt = 0; drawCurves(); } });
`;
