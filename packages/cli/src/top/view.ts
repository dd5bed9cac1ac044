// The screen of `sluice top` as lines: what waits on top, then each channel and server with its limits
// and connections, the chosen connection in full below. Pure: the same state draws the same lines.
// Invariant: at most as many lines as there is room for, none longer than the terminal.
// Not here: the terminal (screen.ts), the keys (keys.ts).

import { COLUMNS, cell, type Fitted, fitted, waitTone } from './columns.ts';
import type {
  Look,
  LookedBackend,
  LookedConnection,
  LookedEnd,
  LookedLimit,
  LookedProcess,
} from './look.ts';
import { type Piece, painted, piece, type Tone, wrapped } from './paint.ts';
import { bytes, clean, count, counted, duration, roundTrip } from './quantities.ts';
import type { Rates } from './rates.ts';
import { type SourceKind, STATS_LINE } from './source.ts';

/** What is drawn. */
export interface TopState {
  readonly address: string;
  readonly look: Look | undefined;
  readonly kind: SourceKind | undefined;
  readonly rates: Rates;
  /** Why the process does not answer; undefined when it does. */
  readonly lost: string | undefined;
  /** `channel 3/1`: the connection that is chosen; '' for none. */
  readonly chosen: string;
  /** The column that sorts; -1 for the order in which connections came. */
  readonly sort: number;
  readonly paused: boolean;
  readonly help: boolean;
}

/** A channel or server as it is listed. */
interface ListedEnd {
  readonly kind: 'channel' | 'server';
  readonly end: LookedEnd;
  readonly connections: readonly LookedConnection[];
}

/** A limit is shown from here on: at rest there are too many. */
const SHOWN_SHARE = 0.5;
const NEAR_SHARE = 0.8;

/** Further waits that are listed. */
const MORE_WAITS = 4;

/** Lines that the body always has. */
const LEAST_BODY = 4;

const HELP_LINES: readonly string[] = [
  'up, k / down, j   choose a connection; all its figures are shown below the list',
  's                 sort by the next column; after the last one in the order of opening',
  'p, space          pause and go on',
  'q, Ctrl-C         quit',
  '?                 close this help',
  '',
  'QUEUED, BYTES     what waits to be written: frames and messages, and their bytes',
  'OLDEST            how long the oldest of that waits',
  'SOCKET            bytes in the backlog of the socket itself',
  'SEND/RECV WIN     bytes that the peer lets us, and we let the peer, send on the connection',
  'UNREAD            bytes that came and that no reader has asked for',
  'STREAMS           open, of those that the peer allows',
  'BLOCKED           streams whose own window is used up',
];

/** The key of a connection. */
export function keyOf(kind: string, end: LookedEnd, connection: LookedConnection): string {
  return `${kind} ${end.id}/${connection.id}`;
}

/** The keys of all connections, in the order in which they are listed. */
export function listedKeys(look: Look | undefined, sort: number): string[] {
  return listed(look, sort).flatMap(({ kind, end, connections }) =>
    connections.map((connection) => keyOf(kind, end, connection)),
  );
}

/** The screen, of at most `rows` lines of at most `columns` characters. */
export function screenLines(
  state: TopState,
  columns: number,
  rows: number,
  hasColour: boolean,
): string[] {
  const head = headLines(state, columns);
  const foot = [keyLine(state)];
  const detail = state.help ? [] : detailLines(state, columns);
  const { lines: body, chosenAt } = state.help
    ? { lines: HELP_LINES.map((text) => [piece(`  ${text}`)]), chosenAt: 0 }
    : bodyLines(state, columns);
  const fixed = head.length + foot.length;
  const shownDetail = detail.slice(0, Math.max(0, rows - fixed - LEAST_BODY));
  const room = Math.max(0, rows - fixed - shownDetail.length);
  const from = Math.max(0, Math.min(body.length - room, chosenAt - Math.floor(room / 2)));
  const shown = body.slice(from, from + room);
  while (shown.length < room) shown.push([]);
  const all = [...head, ...shown, ...shownDetail, ...foot].slice(0, rows);
  return all.map((pieces) => painted(pieces, columns, hasColour));
}

/** All of it, for an output that is no terminal. */
export function tableText(state: TopState, columns: number, hasColour: boolean): string {
  const lines = [...headLines(state, columns), ...bodyLines(state, columns).lines];
  return `${lines.map((line) => painted(line, columns, hasColour).trimEnd()).join('\n')}\n`;
}

function headLines(state: TopState, columns: number): Piece[][] {
  const { look, lost } = state;
  const title = [piece('sluice top ', 'dim'), piece(state.address, 'bold')];
  if (state.paused) title.push(piece('  PAUSED', 'warn'));
  if (look?.process !== undefined) title.push(piece(`   ${processText(look.process)}`, 'dim'));
  const lines: Piece[][] = [title];
  if (lost !== undefined) {
    lines.push([piece('LOST     ', 'alarm'), piece(clean(lost), 'bold')]);
  } else if (look === undefined) {
    lines.push([piece('asking ...', 'dim')]);
  } else if (state.kind === 'channelz') {
    const text = `channelz alone: no limits, waits or process; for those add ${STATS_LINE}`;
    lines.push([piece(text, 'warn')]);
  } else lines.push(...waitLines(look, columns));
  lines.push([]);
  return lines;
}

function processText(process: LookedProcess): string {
  const { cpuShare, loopShare, loopDelayMs } = process;
  const delay = loopDelayMs === undefined ? '' : `, delayed ${duration(loopDelayMs)}`;
  const parts = [
    `process ${process.pid}, Node ${clean(process.node)}, up ${duration(process.uptimeMs)}`,
    `cpu ${Math.round(cpuShare * 100)} %`,
    `loop ${Math.round(loopShare * 100)} %${delay}`,
    `rss ${bytes(process.rssBytes)}`,
    `heap ${bytes(process.heapUsedBytes)}`,
  ];
  return parts.join('   ');
}

const SEVERITIES: readonly [label: string, tone: Tone][] = [
  ['note     ', 'dim'],
  ['WAITING  ', 'warn'],
  ['STALLED  ', 'alarm'],
];

function waitLines({ waits, waitsInAll }: Look, columns: number): Piece[][] {
  const [first] = waits;
  const lines: Piece[][] = [];
  if (first === undefined || first.severity === 0) lines.push([piece('nothing waits', 'good')]);
  for (const { severity, place, text, detail, forMs } of waits.slice(0, MORE_WAITS + 1)) {
    const [label, tone] = SEVERITIES[severity] ?? SEVERITIES[0] ?? ['', 'plain'];
    const age = forMs > 0 ? `, for ${duration(forMs)}` : '';
    lines.push([
      piece(label, tone),
      piece(`${clean(text)}${age}`, severity > 0 ? 'bold' : 'dim'),
      piece(`   ${clean(place)}`, 'dim'),
    ]);
    if (lines.length > 1 || detail === '' || severity === 0) continue;
    for (const line of wrapped(clean(detail), columns - 9)) {
      lines.push([piece(`         ${line}`, 'dim')]);
    }
  }
  const more = waitsInAll - Math.min(waits.length, MORE_WAITS + 1);
  if (more > 0) lines.push([piece(`         and ${counted(more, 'more wait or note')}`, 'dim')]);
  return lines;
}

function listed(look: Look | undefined, sort: number): ListedEnd[] {
  if (look === undefined) return [];
  const { channels, servers } = look;
  return [
    ...channels.map((end) => listedEnd('channel', end, sort)),
    ...servers.map((end) => listedEnd('server', end, sort)),
  ];
}

function listedEnd(kind: 'channel' | 'server', end: LookedEnd, sort: number): ListedEnd {
  const column = COLUMNS[sort];
  if (column === undefined) return { kind, end, connections: end.connections };
  const connections = [...end.connections].sort((a, b) => {
    const [left, right] = [column.raw(a), column.raw(b)];
    if (left === right) return a.id - b.id;
    // Figures from the highest, words from a.
    return (left < right ? 1 : -1) * (typeof left === 'string' ? -1 : 1);
  });
  return { kind, end, connections };
}

function bodyLines(state: TopState, columns: number): { lines: Piece[][]; chosenAt: number } {
  const { look } = state;
  const ends = listed(look, state.sort);
  const lines: Piece[][] = [];
  let chosenAt = 0;
  const shown = ends.flatMap(({ connections }) => connections);
  const fits = fitted(shown, columns);
  for (const { kind, end, connections } of ends) {
    if (lines.length > 0) lines.push([]);
    lines.push(endLine(kind, end, state.rates));
    lines.push(...backendLines(end.backends));
    const limits = limitPieces(end.limits);
    if (limits.length > 0) lines.push([piece('  limits', 'dim'), ...limits]);
    if (connections.length === 0) lines.push([piece('  no connection', 'dim')]);
    else lines.push(titleLine(fits, state.sort));
    for (const connection of connections) {
      const isChosen = keyOf(kind, end, connection) === state.chosen;
      if (isChosen) chosenAt = lines.length;
      lines.push(connectionLine(connection, fits, isChosen));
    }
    const more = end.connectionsInAll - connections.length;
    if (more > 0) {
      lines.push([piece(`  and ${counted(more, 'more connection')}, which hold less`, 'dim')]);
    }
  }
  if (look !== undefined && ends.length === 0) {
    lines.push([piece('no channel and no server is open in this process', 'dim')]);
  }
  if (shown.length > 1) lines.push([], totalLine(shown));
  return { lines, chosenAt };
}

function endLine(kind: 'channel' | 'server', end: LookedEnd, rates: Rates): Piece[] {
  const rate = rates.get(`${kind} ${end.id}`);
  const good = end.state === 'READY' || end.state === 'listening';
  const bad = end.state === 'TRANSIENT_FAILURE';
  const line = [
    piece(`${kind.toUpperCase()} `, 'dim'),
    piece(clean(end.name), 'bold'),
    piece(`  ${clean(end.state)}`, good ? 'good' : bad ? 'alarm' : 'warn'),
  ];
  if (rate !== undefined) {
    line.push(piece(`   calls ${count(rate.started)}/s`));
    line.push(piece(`  failed ${count(rate.failed)}/s`, rate.failed > 0 ? 'alarm' : 'dim'));
  }
  line.push(piece(`   calls in all ${count(end.callsStarted)}, failed ${count(end.callsFailed)}`));
  if (end.waitingCalls > 0) {
    line.push(piece(`   waiting ${count(end.waitingCalls)}`, 'warn'));
    line.push(piece(`  oldest ${duration(end.oldestWaitMs)}`, waitTone(end.oldestWaitMs)));
  }
  return line;
}

/** One that is READY, and alone, says nothing that its connection does not. */
function backendLines(backends: readonly LookedBackend[]): Piece[][] {
  const isTelling = (one: LookedBackend): boolean =>
    one.state !== 'READY' || one.maxConnections > 1 || backends.length > 1;
  return backends.filter(isTelling).map((one) => {
    const { address, state, lastFailure, connections, maxConnections } = one;
    const isReady = state === 'READY';
    const more = isReady
      ? `${counted(connections.length, 'connection')} of ${count(maxConnections)}`
      : lastFailure;
    return [
      piece('  backend ', 'dim'),
      piece(clean(address)),
      piece(
        ` ${clean(state)}`,
        isReady ? 'good' : state === 'TRANSIENT_FAILURE' ? 'alarm' : 'warn',
      ),
      piece(`  ${clean(more)}`, 'dim'),
    ];
  });
}

function limitPieces(limits: readonly LookedLimit[]): Piece[] {
  const pieces: Piece[] = [];
  for (const { name, value, unit, depth, acted } of limits) {
    const share = Number.isFinite(value) && value > 0 ? depth / value : 0;
    if (share < SHOWN_SHARE && acted === 0) continue;
    const form = unit === 'bytes' ? bytes : count;
    const tone: Tone = share >= 1 ? 'alarm' : share >= NEAR_SHARE ? 'warn' : 'plain';
    const acts = acted > 0 ? `, acted ${count(acted)}x` : '';
    pieces.push(piece(`   ${clean(name)} `, 'dim'));
    pieces.push(piece(`${form(depth)} of ${form(value)}${acts}`, tone));
  }
  return pieces;
}

function titleLine(fits: readonly Fitted[], sort: number): Piece[] {
  const line = [piece('  ')];
  fits.forEach((fit, index) => {
    const isSort = fit.column === COLUMNS[sort];
    line.push(piece(cell(fit.column.title, fit, index), isSort ? 'bold' : 'dim'));
  });
  return line;
}

function connectionLine(
  connection: LookedConnection,
  fits: readonly Fitted[],
  isChosen: boolean,
): Piece[] {
  const line = [piece(isChosen ? '> ' : '  ', isChosen ? 'chosen' : 'plain')];
  fits.forEach((fit, index) => {
    const text = cell(clean(fit.column.text(connection)), fit, index);
    line.push(piece(text, isChosen ? 'chosen' : fit.column.tone(connection)));
  });
  return line;
}

function totalLine(all: readonly LookedConnection[]): Piece[] {
  // Channels may share one.
  const connections = [...new Map(all.map((connection) => [connection.id, connection])).values()];
  const sum = (of: (connection: LookedConnection) => number): number =>
    connections.reduce((total, connection) => total + of(connection), 0);
  const parts = [
    counted(connections.length, 'connection'),
    `queued ${count(sum(({ queueItems }) => queueItems))}`,
    bytes(sum(({ queueBytes }) => queueBytes)),
    `sockets ${bytes(sum(({ socketBytes }) => socketBytes))}`,
    `unread ${bytes(sum(({ unreadBytes }) => unreadBytes))}`,
    `streams ${count(sum(({ streams }) => streams?.open ?? 0))}`,
    `blocked ${count(sum(({ streams }) => streams?.waitingOnStreamQuota ?? 0))}`,
  ];
  return [piece('  TOTAL  ', 'dim'), piece(parts.join('   '))];
}

function detailLines(state: TopState, columns: number): Piece[][] {
  for (const { kind, end, connections } of listed(state.look, state.sort)) {
    for (const connection of connections) {
      if (keyOf(kind, end, connection) !== state.chosen) continue;
      const lines: Piece[][] = [
        [],
        [piece(`${clean(connection.local)} -> ${clean(connection.peer)}`, 'bold')],
      ];
      for (const line of wrapped(detailText(connection), columns - 2))
        lines.push([piece(`  ${line}`)]);
      const explained = end.explanation.split('\n').find((text) => text.includes(connection.peer));
      if (explained === undefined) return lines;
      for (const line of wrapped(clean(explained), columns - 2))
        lines.push([piece(`  ${line}`, 'dim')]);
      return lines;
    }
  }
  return [];
}

function detailText(connection: LookedConnection): string {
  const { streams } = connection;
  const parts = [
    `open for ${duration(connection.sinceMs)};`,
    `writer ${connection.loopy} for ${duration(connection.loopySinceMs)};`,
    `gate ${connection.gate} for ${duration(connection.gateSinceMs)},`,
    `${counted(connection.responseFrames, 'reply frame')} queued;`,
    `send window ${count(connection.sendQuota)}, first of a stream ${count(connection.outgoingInitialWindow)};`,
    `receive window ${count(connection.receiveWindow)};`,
    `credit granted ${bytes(connection.exposureBytes)}, kept back ${bytes(connection.withheldBytes)};`,
    `unread ${bytes(connection.unreadBytes)}, coming in ${bytes(connection.partialBytes)};`,
    `bandwidth x delay ${bytes(connection.bdpBytes)}, round trip ${roundTrip(connection.rttMs)};`,
    `streams ${count(streams?.open ?? 0)} open, ${count(streams?.active ?? 0)} with data to write,`,
    `${count(streams?.waitingOnStreamQuota ?? 0)} without window`,
  ];
  return clean(parts.join(' '));
}

function keyLine({ sort, paused }: TopState): Piece[] {
  const by = COLUMNS[sort]?.title.toLowerCase() ?? 'opening';
  const key = (name: string): Piece => piece(name, 'bold');
  return [
    key('q'),
    piece(' quit  ', 'dim'),
    key('j/k'),
    piece(' choose  ', 'dim'),
    key('s'),
    piece(` sort: ${by}  `, 'dim'),
    key('p'),
    piece(paused ? ' go on  ' : ' pause  ', 'dim'),
    key('?'),
    piece(' help', 'dim'),
  ];
}
