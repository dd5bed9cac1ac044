// The script of the page: takes snapshots as events and writes them into the document.
// Invariants: whatever comes is text to it, never markup; a row, a focus and a selection outlive the
// snapshots; while paused nothing moves. It has no back quote, for it is text in this file.
// Not here: curves (page-curves-script.ts), tables (page-table-script.ts), what is sent (page-feed.ts).

/** The script, behind PAGE_CURVES_SCRIPT and PAGE_TABLE_SCRIPT. */
export const PAGE_SCRIPT: string = `const state = { paused: false, live: null, shown: null, previous: null, sort: 'none', descending: true,
  selected: '', lostSince: 0, said: '' };
const ends = new Map();

function onTick(tick) {
  state.live = tick;
  if (state.paused) return;
  state.previous = state.shown;
  state.shown = tick;
  pushPoint(tick.point);
  draw();
}

function draw() {
  if (state.shown === null) return;
  const { snapshot, point, rates } = state.shown;
  drawProcess(snapshot.process);
  drawHeadline(snapshot, point);
  drawCurves();
  const place = byId('ends');
  const alive = new Set();
  for (const end of snapshot.ends) {
    alive.add(end.id);
    let shown = ends.get(end.id);
    if (shown === undefined) {
      shown = makeEnd(end);
      ends.set(end.id, shown);
      place.append(shown.root);
    }
    drawEnd(shown, end, rates[end.id]);
  }
  for (const [id, { root }] of ends) {
    if (alive.has(id)) continue;
    root.remove();
    ends.delete(id);
  }
  byId('none').hidden = snapshot.ends.length > 0;
  document.documentElement.dataset.at = String(snapshot.atMs);
}

function drawProcess(p) {
  const texts = ['process ' + p.pid, 'Node ' + p.node, 'up ' + duration(p.uptimeMs),
    'processor ' + Math.round(p.cpuShare * 100) + ' % of a core',
    'event loop ' + Math.round(p.loopShare * 100) + ' % busy'];
  const place = byId('process');
  while (place.children.length < texts.length) place.append(make('span'));
  texts.forEach((text, index) => set(place.children[index], text));
}

function drawHeadline({ waits, waitsInAll, ends: all }, point) {
  const [first, ...others] = waits;
  const serious = first !== undefined && first.severity !== 'note';
  const level = serious ? first.severity : 'flowing';
  const lost = state.lostSince > 0;
  const headline = byId('headline');
  headline.dataset.level = lost ? 'lost' : level;
  const say = lost ? 'This process does not answer' : serious ? first.text : 'Nothing waits';
  set(headline.querySelector('.say'), say);
  set(headline.querySelector('.for'), !lost && serious && first.forMs > 0 ? 'for ' + duration(first.forMs) : '');
  const where = lost ? 'The figures below are the last that came.'
    : serious ? 'on ' + first.place + behind(others) : summary(all, point);
  set(headline.querySelector('.where'), where);
  const detail = headline.querySelector('.detail');
  set(detail, !lost && serious ? first.detail : '');
  detail.toggleAttribute('hidden', detail.textContent === '');
  const rest = serious ? others : waits;
  const list = byId('waits');
  list.hidden = rest.length === 0;
  const many = waitsInAll - waits.length;
  keep(list, rest.length + (many > 0 ? 1 : 0), () => {
    const item = make('li');
    item.append(make('span', 'pill'), make('span', 'what'), make('span', 'soft'));
    return item;
  });
  rest.forEach((wait, index) => {
    const [pill, what, age] = parts(list.children[index]);
    pill.hidden = false;
    set(pill, wait.severity);
    pill.dataset.tone = wait.severity === 'note' ? '' : wait.severity === 'waiting' ? 'wait' : 'bad';
    set(what, wait.place + ': ' + wait.text);
    what.title = wait.detail;
    set(age, wait.forMs > 0 ? duration(wait.forMs) : '');
  });
  if (many > 0) {
    const [pill, what, age] = parts(list.lastElementChild);
    pill.hidden = true;
    set(what, 'and ' + count(many) + ' more of the kind');
    set(age, '');
  }
  announce(lost ? say : level === 'flowing' ? 'Nothing waits' : level + ': ' + first.text);
}

function behind(others) {
  const serious = others.filter(({ severity }) => severity !== 'note').length;
  if (serious === 0) return '';
  return serious === 1 ? '; one more thing waits' : '; ' + serious + ' more things wait';
}

function summary(all, point) {
  if (all.length === 0) return 'No channel and no server is open.';
  const channels = all.filter(({ kind }) => kind === 'channel').length;
  const servers = all.length - channels;
  const parts = [];
  if (channels > 0) parts.push(plural(channels, 'channel') + ' with ' + plural(Math.round(point.made), 'call') + ' a second');
  if (servers > 0) parts.push(plural(servers, 'server') + ' with ' + count(point.served));
  return parts.join(', ') + '; ' + plural(point.streamsOut + point.streamsIn, 'stream') + ' open.';
}

/** Says the level to those who do not see it, when it changes and no more often. */
function announce(text) {
  const level = text.split(':')[0];
  if (level === state.said) return;
  state.said = level;
  byId('say').textContent = text;
}

function openOf(end) {
  return end.stats.connections.reduce((sum, c) => sum + c.streams.open, 0);
}

function makeEnd(end) {
  const root = make('section', 'end');
  root.dataset.end = String(end.id);
  const heading = make('h2');
  heading.id = 'end-' + end.id;
  const kind = make('span', 'kind');
  const name = make('span');
  heading.append(kind, name);
  root.setAttribute('aria-labelledby', heading.id);
  const pill = make('span', 'pill');
  const title = make('div', 'title');
  title.append(heading, pill);
  const explains = make('p', 'explains soft');
  const facts = make('dl', 'facts');
  const backends = make('ul', 'backends');
  const limitsTitle = make('h3');
  limitsTitle.textContent = 'Limits';
  const limits = make('div', 'limits');
  const tableTitle = make('h3');
  const scroll = make('div', 'scroll');
  const table = makeTable(end, tableTitle);
  scroll.append(table);
  const detail = make('div', 'detail');
  detail.hidden = true;
  detail.setAttribute('aria-label', 'Figures of the connection');
  detail.append(make('dl'));
  const none = make('p', 'none');
  none.textContent = 'No connection.';
  root.append(title, explains, facts, backends, limitsTitle, limits, tableTitle, scroll, none, detail);
  return { root, kind, name, pill, explains, facts, backends, limits, tableTitle, scroll, table, none, detail,
    rows: new Map() };
}

function drawEnd(shown, end, rate) {
  const { stats } = end;
  set(shown.kind, end.kind === 'channel' ? 'Channel' : 'Server');
  set(shown.name, end.name);
  set(shown.pill, stats.state);
  shown.pill.dataset.tone = stats.state === 'READY' || stats.state === 'listening' ? 'good'
    : stats.state === 'TRANSIENT_FAILURE' ? 'bad' : stats.state === 'IDLE' ? '' : 'wait';
  set(shown.explains, end.explanation);
  shown.explains.hidden = end.explanation === '';
  drawFacts(shown.facts, end, rate ?? { started: 0, succeeded: 0, failed: 0 });
  drawBackends(shown.backends, stats.backends ?? []);
  drawLimits(shown.limits, end);
  const { connections } = stats;
  const all = end.connectionsInAll;
  set(shown.tableTitle, connections.length === all ? plural(all, 'connection')
    : count(connections.length) + ' of ' + count(all) + ' connections: those that hold most');
  shown.scroll.hidden = connections.length === 0;
  shown.none.hidden = connections.length > 0;
  drawRows(shown, end, connections);
}

function drawFacts(place, end, rate) {
  const { stats } = end;
  const facts = [
    ['calls a second', count(rate.started), '', rate.started],
    ['failed a second', count(rate.failed), rate.failed > 0 ? 'alarm' : '', rate.failed],
    ['streams open', count(openOf(end)), '', openOf(end)],
  ];
  if (end.kind === 'channel') {
    facts.push(['calls waiting', count(stats.waitingCalls), stats.waitingCalls > 0 ? 'warn' : '', stats.waitingCalls],
      ['oldest wait', duration(stats.oldestWaitMs), stats.oldestWaitMs >= 1000 ? 'alarm' : '', stats.oldestWaitMs]);
  }
  facts.push(['calls begun', count(end.callsStarted), '', end.callsStarted],
    ['calls failed', count(end.callsFailed), '', end.callsFailed]);
  const { retries } = stats;
  if (retries !== undefined && retries.retries + retries.hedges + retries.throttled > 0) {
    facts.push(['retried', count(retries.retries), '', retries.retries],
      ['hedged', count(retries.hedges), '', retries.hedges],
      ['retries throttled', count(retries.throttled), '', retries.throttled]);
  }
  keep(place, facts.length, () => {
    const fact = make('div');
    fact.append(make('dt'), make('dd'));
    return fact;
  });
  facts.forEach(([label, text, tone, raw], index) => {
    const fact = place.children[index];
    fact.className = tone;
    set(fact.children[0], label);
    set(fact.children[1], text);
    fact.children[1].dataset.raw = String(raw);
  });
}

/** One that is READY, and alone, says nothing that its connection does not. */
function drawBackends(place, backends) {
  const telling = backends.length > 1 || backends.some(({ state, maxConnections }) =>
    state !== 'READY' || maxConnections > 1);
  const shown = telling ? backends.slice(0, 20) : [];
  place.hidden = shown.length === 0;
  keep(place, shown.length, () => {
    const item = make('li');
    item.append(make('span', 'address'), make('span', 'pill'), make('span', 'soft'));
    return item;
  });
  shown.forEach(({ address, state, lastFailure, connections, maxConnections, opened, closed }, index) => {
    const [name, pill, more] = parts(place.children[index]);
    set(name, address);
    set(pill, state);
    pill.dataset.tone = state === 'READY' ? 'good' : state === 'TRANSIENT_FAILURE' ? 'bad' : '';
    const many = maxConnections > 1 ? plural(connections.length, 'connection') + ' of ' + count(maxConnections) +
      ', ' + count(opened) + ' made and ' + count(closed) + ' closed so far' : '';
    set(more, state === 'READY' ? many : lastFailure);
  });
}

function drawLimits(place, end) {
  const entries = Object.entries(end.stats.limits);
  const before = state.previous?.snapshot.ends.find(({ id }) => id === end.id);
  keep(place, entries.length, () => {
    const limit = make('div', 'limit');
    const bar = make('div', 'bar');
    bar.setAttribute('role', 'meter');
    bar.setAttribute('aria-valuemin', '0');
    bar.append(make('i'));
    limit.append(make('span', 'name'), make('span', 'reading'), bar, make('span', 'acted'));
    return limit;
  });
  entries.forEach(([name, { value, depth, unit, acted }], index) => {
    const limit = place.children[index];
    const [label, reading, bar, actions] = limit.children;
    const share = value === null || value === 0 ? 0 : Math.min(1, depth / value);
    limit.dataset.limit = name;
    limit.dataset.tone = share >= 1 ? 'bad' : share >= 0.8 ? 'wait' : '';
    set(label, name);
    const text = value === null ? inUnit(depth, unit) + ', no limit' : inUnit(depth, unit, value);
    set(reading, text);
    reading.dataset.raw = String(depth);
    reading.title = exact(depth) + ' of ' + exact(value) + ' ' + unit;
    bar.setAttribute('aria-label', name);
    bar.setAttribute('aria-valuemax', String(value ?? depth));
    bar.setAttribute('aria-valuenow', String(depth));
    bar.setAttribute('aria-valuetext', text);
    bar.firstElementChild.style.width = (share * 100).toFixed(1) + '%';
    const more = acted - (before?.stats.limits[name]?.acted ?? acted);
    set(actions, acted === 0 ? '' : 'acted ' + plural(acted, 'time') + (more > 0 ? ', ' + count(more) + ' just now' : ''));
  });
}

function pause(on) {
  state.paused = on;
  const button = byId('pause');
  button.setAttribute('aria-pressed', String(on));
  set(button, on ? 'Go on' : 'Pause');
  drawLink();
  if (!on && state.live !== null) onTick(state.live);
}

function drawLink() {
  const link = byId('link');
  const now = state.lostSince > 0 ? 'lost' : state.paused ? 'paused' : 'live';
  link.dataset.state = now;
  set(link, now);
}

const THEMES = ['auto', 'light', 'dark'];
function theme(name) {
  if (name === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  set(byId('theme'), 'Theme: ' + name);
  try { localStorage.setItem('sluice-theme', name); } catch { /* It is not kept then. */ }
}
function nextTheme() {
  const now = document.documentElement.dataset.theme ?? 'auto';
  theme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
}
function keptTheme() {
  try { return localStorage.getItem('sluice-theme'); } catch { return null; }
}

byId('pause').addEventListener('click', () => pause(!state.paused));
byId('theme').addEventListener('click', nextTheme);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'p') pause(!state.paused);
  else if (event.key === 't') nextTheme();
});
const kept = keptTheme();
theme(THEMES.includes(kept) ? kept : 'auto');

const events = new EventSource(location.href);
events.addEventListener('history', (event) => { setHistory(JSON.parse(event.data)); });
events.addEventListener('snapshot', (event) => { found(); onTick(JSON.parse(event.data)); });
events.addEventListener('error', () => {
  if (state.lostSince === 0) state.lostSince = Date.now();
  drawLink();
  draw();
});
function found() {
  state.lostSince = 0;
  drawLink();
}
`;
