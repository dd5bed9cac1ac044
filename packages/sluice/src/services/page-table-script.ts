// The script of the page's tables: the connections of a channel or server, in an order that can be chosen,
// one of them in full, and the keys that move among them.
// Invariants: a row stays the same element while its connection lives, so that focus and selection do.
// Text for a browser, without a back quote. Not here: everything else (page-script.ts).

/** The script, between PAGE_CURVES_SCRIPT and PAGE_SCRIPT. */
export const PAGE_TABLE_SCRIPT: string = `
const COLUMNS = [
  { key: 'peer', label: 'Peer', raw: (c) => c.peer, text: (c) => c.peer },
  { key: 'state', label: 'State', raw: (c) => c.state, text: (c) => c.state },
  { key: 'loopy', label: 'Writer', raw: (c) => c.loopy, text: writer,
    tone: (c) => c.loopy === 'blocked-on-socket' ? aged(c.loopySinceMs) : '' },
  { key: 'queueItems', label: 'Queued', raw: (c) => c.queueItems, text: (c) => count(c.queueItems) },
  { key: 'queueBytes', label: 'Bytes', raw: (c) => c.queueBytes, text: (c) => bytes(c.queueBytes) },
  { key: 'oldestItemMs', label: 'Oldest', raw: (c) => c.oldestItemMs,
    text: (c) => duration(c.oldestItemMs), tone: (c) => aged(c.oldestItemMs) },
  { key: 'socketBytes', label: 'Socket', raw: (c) => c.socketBytes, text: (c) => bytes(c.socketBytes) },
  { key: 'sendQuota', label: 'Send window', raw: (c) => c.sendQuota, text: (c) => bytes(c.sendQuota),
    tone: (c) => c.sendQuota <= 0 && c.streams.active > 0 ? 'warn' : '' },
  { key: 'receiveWindow', label: 'Receive window', raw: (c) => c.receiveWindow,
    text: (c) => bytes(c.receiveWindow) },
  { key: 'unreadBytes', label: 'Unread', raw: (c) => c.unreadBytes, text: (c) => bytes(c.unreadBytes) },
  { key: 'open', label: 'Streams', raw: (c) => c.streams.open, text: streams,
    tone: (c) => c.streams.peerLimit !== null && c.streams.open >= c.streams.peerLimit ? 'warn' : '' },
  { key: 'waitingOnStreamQuota', label: 'Blocked', raw: (c) => c.streams.waitingOnStreamQuota,
    text: (c) => count(c.streams.waitingOnStreamQuota),
    tone: (c) => c.streams.waitingOnStreamQuota > 0 ? 'warn' : '' },
  { key: 'rttMs', label: 'RTT', raw: (c) => c.rttMs, text: (c) => c.rttMs > 0 ? precise(c.rttMs) : '-' },
];

const TIPS = {
  loopy: 'What the writer of the connection does: idle, writing, or blocked on a socket that takes no bytes',
  queueItems: 'Control frames, HEADERS and messages that wait to be written',
  queueBytes: 'Bytes of what is queued', oldestItemMs: 'Age of the oldest thing queued',
  socketBytes: 'Bytes in the backlog of the socket itself', sendQuota: 'Bytes the peer lets us send on the connection',
  receiveWindow: 'Bytes we let the peer send on the connection',
  unreadBytes: 'Received bytes that no reader has asked for',
  open: 'Streams open, of those the peer allows',
  waitingOnStreamQuota: 'Streams whose own window is used up', rttMs: 'Round trip of a PING',
};

/** @type {[string, string, (value: any) => string][]} */
const DETAILS = [
  ['local', 'Local address', String], ['sinceMs', 'Open for', duration], ['gate', 'Reading gate', String],
  ['gateSinceMs', 'Gate for', duration], ['responseFrames', 'Replies queued', count],
  ['loopySinceMs', 'Writer in its state for', duration], ['queueItems', 'Queued items', exact],
  ['queueBytes', 'Queued bytes', exact], ['socketBytes', 'Socket backlog, bytes', exact],
  ['sendQuota', 'Send window, bytes', exact], ['outgoingInitialWindow', 'First window of our streams, bytes', exact],
  ['receiveWindow', 'Receive window, bytes', exact], ['unreadBytes', 'Unread, bytes', exact],
  ['exposureBytes', 'Credit granted, bytes', exact], ['withheldBytes', 'Credit kept back, bytes', exact],
  ['partialBytes', 'Messages coming in, bytes', exact], ['bdpBytes', 'Bandwidth x delay, bytes', exact],
  ['rttMs', 'Round trip', (ms) => ms > 0 ? precise(ms) : 'not measured'],
];
const STREAM_DETAILS = [['open', 'Streams open'], ['active', 'Streams with data to write'],
  ['empty', 'Streams with nothing to write'], ['waitingOnStreamQuota', 'Streams without window'],
  ['peerLimit', 'Streams the peer allows']];

function writer(c) {
  if (c.loopy === 'parked') return 'idle';
  return c.loopy === 'running' ? 'writing' : 'blocked ' + duration(c.loopySinceMs);
}
function streams(c) {
  const { open, peerLimit } = c.streams;
  return peerLimit === null ? count(open) : count(open) + ' of ' + count(peerLimit);
}
function aged(ms) { return ms >= 1000 ? 'alarm' : ms >= 100 ? 'warn' : ''; }
function exact(value) { return value === null ? 'any number' : Math.round(value).toLocaleString('en-US'); }

function makeTable(end, caption) {
  caption.id = 'table-' + end.id;
  const table = make('table');
  table.setAttribute('role', 'grid');
  table.setAttribute('aria-labelledby', caption.id);
  const row = make('tr');
  for (const { key, label } of COLUMNS) {
    const cell = make('th');
    cell.scope = 'col';
    const button = make('button');
    button.type = 'button';
    button.textContent = label;
    if (TIPS[key] !== undefined) button.title = TIPS[key];
    button.addEventListener('click', () => sortBy(key));
    cell.append(button);
    row.append(cell);
  }
  const head = make('thead');
  head.append(row);
  const body = make('tbody');
  body.addEventListener('keydown', onRowKey);
  body.addEventListener('click', (event) => {
    const chosen = event.target.closest('tr');
    if (chosen !== null) select(chosen);
  });
  table.append(head, body);
  return table;
}

function drawRows(shown, end, connections) {
  const body = shown.table.tBodies[0];
  const alive = new Set();
  for (const connection of sorted(connections)) {
    const key = end.id + ':' + connection.id;
    alive.add(key);
    let row = shown.rows.get(key);
    if (row === undefined) {
      row = make('tr');
      row.dataset.key = key;
      row.tabIndex = -1;
      for (const column of COLUMNS) row.append(make('td'));
      shown.rows.set(key, row);
    }
    COLUMNS.forEach((column, index) => {
      const cell = row.cells[index];
      const raw = column.raw(connection);
      set(cell, column.text(connection));
      cell.className = column.tone?.(connection) || (raw === 0 ? 'zero' : '');
      cell.dataset.field = column.key;
      cell.dataset.raw = String(raw);
      if (typeof raw === 'number') cell.title = exact(raw);
    });
    row.setAttribute('aria-selected', String(state.selected === key));
  }
  for (const [key, row] of shown.rows) {
    if (alive.has(key)) continue;
    row.remove();
    shown.rows.delete(key);
  }
  // Moved only where the order changed, so that a focus is not lost.
  let at = 0;
  for (const key of alive) {
    const row = shown.rows.get(key);
    if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null);
    at += 1;
  }
  if (body.querySelector('tr[tabindex="0"]') === null && body.rows.length > 0) body.rows[0].tabIndex = 0;
  for (const [index, { key }] of COLUMNS.entries()) {
    const cell = shown.table.tHead.rows[0].cells[index];
    if (state.sort === key) cell.setAttribute('aria-sort', state.descending ? 'descending' : 'ascending');
    else cell.removeAttribute('aria-sort');
  }
  drawDetail(shown, end, connections);
}

function sorted(connections) {
  const column = COLUMNS.find(({ key }) => key === state.sort);
  if (column === undefined) return connections;
  const sign = state.descending ? -1 : 1;
  return [...connections].sort((a, b) => {
    const [left, right] = [column.raw(a), column.raw(b)];
    return (left < right ? -1 : left > right ? 1 : a.id - b.id) * sign;
  });
}

function sortBy(key) {
  const isText = key === 'peer' || key === 'state';
  state.descending = state.sort === key ? !state.descending : !isText;
  state.sort = key;
  draw();
}

function drawDetail(shown, end, connections) {
  const connection = connections.find(({ id }) => state.selected === end.id + ':' + id);
  shown.detail.hidden = connection === undefined;
  if (connection === undefined) return;
  const pairs = DETAILS.map(([key, label, form]) =>
    [label, form(connection[key]), key]);
  for (const [key, label] of STREAM_DETAILS) pairs.push([label, exact(connection.streams[key]), key]);
  const list = shown.detail.firstElementChild;
  keep(list, pairs.length, () => {
    const pair = make('div');
    pair.append(make('dt'), make('dd'));
    return pair;
  });
  pairs.forEach(([label, text, key], index) => {
    const [term, value] = list.children[index].children;
    set(term, label);
    set(value, text);
    value.dataset.field = key;
  });
}

function select(row) {
  state.selected = state.selected === row.dataset.key ? '' : row.dataset.key;
  focusRow(row);
  draw();
}

function focusRow(row) {
  for (const other of row.parentElement.rows) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
}

function onRowKey(event) {
  const row = event.target.closest('tr');
  if (row === null) return;
  const rows = [...row.parentElement.rows];
  const at = rows.indexOf(row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to !== undefined) {
    const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
    focusRow(next);
  } else if (event.key === 'Enter' || event.key === ' ') select(row);
  else if (event.key === 'Escape' && state.selected !== '') select(rows.find((one) => one.dataset.key === state.selected) ?? row);
  else return;
  event.preventDefault();
}
`;
