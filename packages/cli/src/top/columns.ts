// The columns of a table of connections: what each shows, when it warns, by what it sorts. Pure.
// Invariant: a terminal that is too narrow for all of them loses the least telling first.

import type { LookedConnection } from './look.ts';
import type { Tone } from './paint.ts';
import { bytes, count, duration, roundTrip } from './quantities.ts';

/** A column. */
export interface Column {
  readonly title: string;
  /** The higher, the sooner it is left out. */
  readonly drop: number;
  text(connection: LookedConnection): string;
  tone(connection: LookedConnection): Tone;
  /** What it sorts by, the highest first; text from a to z. */
  raw(connection: LookedConnection): number | string;
}

/** Waits from which on they are shown as such, ms. */
const NOTICED_MS = 100;
const STALLED_MS = 1_000;

/** A wait by its length. */
export function waitTone(ms: number): Tone {
  if (ms >= STALLED_MS) return 'alarm';
  return ms >= NOTICED_MS ? 'warn' : 'plain';
}

function figure(
  title: string,
  drop: number,
  raw: (connection: LookedConnection) => number,
  form: (value: number) => string,
  tone: (connection: LookedConnection) => Tone = (one) => (raw(one) === 0 ? 'dim' : 'plain'),
): Column {
  return { title, drop, raw, tone, text: (connection) => form(raw(connection)) };
}

function writer({ loopy, loopySinceMs }: LookedConnection): string {
  switch (loopy) {
    case 'parked':
      return 'idle';
    case 'running':
      return 'writing';
    case 'blocked-on-socket':
      return `blocked ${duration(loopySinceMs)}`;
    default:
      return '-';
  }
}

function openText({ streams }: LookedConnection): string {
  const { open = 0, peerLimit = Number.POSITIVE_INFINITY } = streams ?? {};
  return Number.isFinite(peerLimit) ? `${count(open)}/${count(peerLimit)}` : count(open);
}

function openTone({ streams }: LookedConnection): Tone {
  if (streams === undefined || streams.open === 0) return 'dim';
  return streams.open >= streams.peerLimit ? 'warn' : 'plain';
}

/** In the order in which they are shown; the first is to the left, the others to the right. */
export const COLUMNS: readonly Column[] = [
  {
    title: 'PEER',
    drop: 0,
    text: ({ peer }) => peer,
    tone: () => 'plain',
    raw: ({ peer }) => peer,
  },
  {
    title: 'STATE',
    drop: 7,
    text: ({ state }) => (state === '' ? '-' : state),
    tone: () => 'plain',
    raw: ({ state }) => state,
  },
  {
    title: 'WRITER',
    drop: 4,
    text: writer,
    tone: ({ loopy, loopySinceMs }) =>
      loopy === 'blocked-on-socket' ? waitTone(loopySinceMs) : 'dim',
    raw: ({ loopy }) => loopy,
  },
  figure('QUEUED', 3, ({ queueItems }) => queueItems, count),
  figure('BYTES', 0, ({ queueBytes }) => queueBytes, bytes),
  figure(
    'OLDEST',
    0,
    ({ oldestItemMs }) => oldestItemMs,
    duration,
    ({ oldestItemMs }) => (oldestItemMs === 0 ? 'dim' : waitTone(oldestItemMs)),
  ),
  figure('SOCKET', 2, ({ socketBytes }) => socketBytes, bytes),
  figure(
    'SEND WIN',
    5,
    ({ sendQuota }) => sendQuota,
    bytes,
    ({ sendQuota, streams }) => (sendQuota <= 0 && (streams?.active ?? 0) > 0 ? 'warn' : 'plain'),
  ),
  figure(
    'RECV WIN',
    6,
    ({ receiveWindow }) => receiveWindow,
    bytes,
    () => 'plain',
  ),
  figure('UNREAD', 3, ({ unreadBytes }) => unreadBytes, bytes),
  {
    title: 'STREAMS',
    drop: 0,
    text: openText,
    tone: openTone,
    raw: ({ streams }) => streams?.open ?? 0,
  },
  figure(
    'BLOCKED',
    1,
    ({ streams }) => streams?.waitingOnStreamQuota ?? 0,
    count,
    ({ streams }) => ((streams?.waitingOnStreamQuota ?? 0) > 0 ? 'warn' : 'dim'),
  ),
  figure('RTT', 8, ({ rttMs }) => rttMs, roundTrip),
];

const GAP = 2;
const MARK = 2;

/** A column and how wide it is. */
export interface Fitted {
  readonly column: Column;
  readonly width: number;
}

/** Those that fit in a line, with room for what all these connections have in them. */
export function fitted(connections: readonly LookedConnection[], columns: number): Fitted[] {
  let kept: Fitted[] = COLUMNS.map((column) => {
    const widths = connections.map((connection) => column.text(connection).length);
    return { column, width: Math.max(column.title.length, ...widths) };
  });
  while (lineWidth(kept) > columns) {
    const least = Math.max(...kept.map(({ column }) => column.drop));
    if (least === 0) break;
    kept = kept.filter(({ column }) => column.drop !== least);
  }
  return kept;
}

function lineWidth(kept: readonly Fitted[]): number {
  return kept.reduce((sum, { width }) => sum + width + GAP, MARK - GAP);
}

/** A cell's text in its column, the first to the left. */
export function cell(text: string, { width }: Fitted, index: number): string {
  const room = ' '.repeat(index === 0 ? 0 : GAP);
  return room + (index === 0 ? text.slice(0, width).padEnd(width) : text.padStart(width));
}
