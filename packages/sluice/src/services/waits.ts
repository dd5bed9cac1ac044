// What waits in a channel or a server and on what, in short sentences for whoever looks at a whole
// process: its calls by what they wait for, and its figures.
// Invariants: nothing is said of what goes on within NOTICED_MS; at most MAX_ASKED calls are asked; no side
// effects. Not here: what one call waits for, in full (transport/stall.ts, `explain()`).

import type { LimitReading } from '../transport/admission.ts';
import type { ConnectionStats, RuntimeStats } from '../transport/connection-stats.ts';
import { type StallReason, stallRank, stallText } from '../transport/stall.ts';
import type { AskedCall } from '../transport/worst-stall.ts';
import { bytes, count, counted, duration, inUnit } from './quantities.ts';

/** How much a wait matters: part of normal work, going on by itself, or there for long. */
export type Severity = 'note' | 'waiting' | 'stalled';

/** One thing that waits, or several that wait for the same. */
export interface Wait {
  severity: Severity;
  /** The channel or server, and its peer where one connection is meant. */
  place: string;
  /** What waits and on what, a sentence without its period. */
  text: string;
  /** More of it: of the call that has waited longest, what would release it; '' for nothing. */
  detail: string;
  /** Milliseconds, so far; 0 where that is not known. */
  forMs: number;
}

/** The open calls of a channel or server, by their connections. */
export type OpenCalls = Iterable<readonly [peer: string, calls: readonly AskedCall[]]>;

/** A wait shorter than this comes and goes under any load, ms. */
const NOTICED_MS = 100;

/** A wait of this length is a stall, ms. */
const STALLED_MS = 1_000;

/** A handler may take longer: what it waits for is not ours to see. */
const SLOW_MS = 10_000;

/** Calls of a channel or server that are asked. */
const MAX_ASKED = 1_000;

/** A limit this full is told of. */
const NEARLY_FULL = 0.8;

/** Unread bytes of a connection from which they are told of: the window of one stream. */
const UNREAD_BYTES = 65_535;

const RANKS: readonly Severity[] = ['note', 'waiting', 'stalled'];

/** Those of all ends, the gravest first and then the longest. */
export function inOrder(waits: Wait[]): Wait[] {
  return waits.sort(
    (a, b) => RANKS.indexOf(b.severity) - RANKS.indexOf(a.severity) || b.forMs - a.forMs,
  );
}

/** What waits in a channel or server of this name. */
export function waitsOf(name: string, stats: RuntimeStats, calls: OpenCalls): Wait[] {
  const waits: Wait[] = [];
  const add = (severity: Severity, place: string, text: string, forMs: number): void => {
    waits.push({ severity, place, text, detail: '', forMs });
  };
  if (stats.waitingCalls > 0) waits.push(callsWait(name, stats));
  else if (stats.state === 'TRANSIENT_FAILURE') add('waiting', name, failureText(stats), 0);
  const openWaits = openCallsWait(name, calls);
  const told = new Set(openWaits.map(({ place }) => place));
  waits.push(...openWaits);
  for (const connection of stats.connections) {
    const place = placeOf(name, connection.peer);
    const wait = told.has(place) ? undefined : connectionWait(connection);
    if (wait !== undefined) add(wait.severity, place, wait.text, wait.forMs);
    if (connection.unreadBytes >= UNREAD_BYTES) {
      const unread = bytes(connection.unreadBytes);
      add('note', place, `${unread} have come and were not asked for by whoever reads here`, 0);
    }
  }
  if (stats.state === 'draining') {
    const open = stats.connections.reduce((sum, { streams }) => sum + streams.open, 0);
    add('note', name, `draining: ${counted(open, 'call')} still open`, 0);
  }
  const full = Object.entries(stats.limits).filter(([, reading]) => isNearlyFull(reading));
  if (full.length > 0) {
    add('note', name, `at its limits or close to them: ${full.map(readingText).join(', ')}`, 0);
  }
  return waits;
}

/** `channel shop:443, 10.0.0.7:443`; the peer only where the name does not say it. */
function placeOf(name: string, peer: string): string {
  return name.endsWith(peer) ? name : `${name}, ${peer}`;
}

function isNearlyFull({ value, depth }: LimitReading): boolean {
  return Number.isFinite(value) && value > 0 && depth >= value * NEARLY_FULL;
}

function readingText([name, { value, unit, depth }]: [string, LimitReading]): string {
  return `${name} ${unit === 'bytes' ? bytes(depth) : count(depth)} of ${inUnit(value, unit)}`;
}

// Calls that have no stream yet.

function callsWait(place: string, stats: RuntimeStats): Wait {
  const { waitingCalls, oldestWaitMs: forMs } = stats;
  const text = `${counted(waitingCalls, 'call')} ${waitingCalls === 1 ? 'waits' : 'wait'} ${callsWaitFor(stats)}`;
  return { severity: forMs >= STALLED_MS ? 'stalled' : 'waiting', place, text, detail: '', forMs };
}

function callsWaitFor(stats: RuntimeStats): string {
  if (stats.state === 'TRANSIENT_FAILURE') return `for a connection: ${failureText(stats)}`;
  if (stats.state === 'IDLE' || stats.state === 'CONNECTING') return 'for a connection';
  const full = fullest(stats.limits);
  if (full === undefined) return 'for room on a connection';
  const [name, { value, depth, unit }] = full;
  if (name === 'peer-streams') {
    return value === 1
      ? 'for the one stream that the server allows'
      : `for one of the ${count(value)} streams that the server allows`;
  }
  return `for the ${name} limit: ${inUnit(depth, unit)} of ${inUnit(value, unit)}`;
}

/** Of the limits that a call waits for, the one that is at its value; the line's own are not. */
function fullest(limits: RuntimeStats['limits']): [string, LimitReading] | undefined {
  return Object.entries(limits).find(
    ([name, { value, depth }]) => !name.startsWith('waiting-') && value > 0 && depth >= value,
  );
}

function failureText({ backends }: RuntimeStats): string {
  const failed = backends?.find(({ lastFailure }) => lastFailure !== '');
  return failed === undefined
    ? 'there is no connection'
    : `${failed.address}: ${failed.lastFailure}`;
}

// Calls that are on a connection.

interface Group {
  calls: number;
  /** Not all calls were asked: there may be more. */
  isPart: boolean;
  path: string;
  longest: StallReason;
}

function openCallsWait(name: string, calls: OpenCalls): Wait[] {
  const waits: Wait[] = [];
  let asked = 0;
  for (const [peer, open] of calls) {
    const groups = new Map<string, Group>();
    for (const call of open) {
      if (asked >= MAX_ASKED) break;
      asked += 1;
      const reason = call.stall(false);
      if (reason === undefined || stallRank(reason) === 0 || reason.forMs < NOTICED_MS) continue;
      const group = groups.get(reason.kind);
      if (group === undefined) {
        groups.set(reason.kind, { calls: 1, isPart: false, path: call.path, longest: reason });
        continue;
      }
      group.calls += 1;
      if (reason.forMs <= group.longest.forMs) continue;
      group.longest = reason;
      group.path = call.path;
    }
    const isPart = asked >= MAX_ASKED;
    for (const group of groups.values()) {
      group.isPart = isPart;
      waits.push(groupWait(placeOf(name, peer), group));
    }
  }
  return waits;
}

function groupWait(place: string, { calls, isPart, path, longest }: Group): Wait {
  const forMs = Math.round(longest.forMs);
  const isOurs = stallRank(longest) > 1;
  const stalled = forMs >= (isOurs ? STALLED_MS : SLOW_MS);
  const waiting = isOurs || forMs >= STALLED_MS;
  return {
    severity: stalled ? 'stalled' : waiting ? 'waiting' : 'note',
    place,
    text: `${isPart ? 'at least ' : ''}${counted(calls, 'call')} ${calls === 1 ? 'waits' : 'wait'} for ${waitedFor(longest)}`,
    detail: `${path} ${stallText(longest)}`,
    forMs,
  };
}

function waitedFor(reason: StallReason): string {
  switch (reason.kind) {
    case 'stream-window':
      return `the ${reason.peer} to read: no stream window is left`;
    case 'connection-window':
      return `the ${reason.peer} to read: no connection window is left`;
    case 'socket':
      return `a socket that takes no bytes: the ${reason.peer} or the network takes none`;
    case 'write':
      return 'their turn to be written';
    case 'handler':
      return "the server's handler";
    case 'own-handler':
      return 'their handler in this process';
    case 'response':
      return 'the rest of a response message';
    case 'reader':
      return `their own ${reason.reader} to read`;
    case 'message-room':
      return 'the room for large messages';
    case 'event-loop':
      return `this process, whose event loop was blocked for ${duration(reason.blockedMs)}`;
    default:
      return `what is told below (${reason.kind})`;
  }
}

// Connections whose calls, if any, wait for nothing.

interface ConnectionWait {
  readonly severity: Severity;
  readonly text: string;
  readonly forMs: number;
}

function connectionWait(connection: ConnectionStats): ConnectionWait | undefined {
  const { loopy, loopySinceMs, gate, gateSinceMs } = connection;
  if (loopy === 'blocked-on-socket' && loopySinceMs >= NOTICED_MS) {
    const left = bytes(connection.queueBytes + connection.socketBytes);
    const severity = loopySinceMs >= STALLED_MS ? 'stalled' : 'waiting';
    const text = `the socket takes no bytes, ${left} wait: the peer does not read, or the network delivers nothing`;
    return { severity, text, forMs: loopySinceMs };
  }
  if (gate === 'closed' && gateSinceMs >= NOTICED_MS) {
    const severity = gateSinceMs >= STALLED_MS ? 'stalled' : 'waiting';
    const text = `reading is paused: answers to the peer's frames, ${count(connection.responseFrames)} of them, wait to be written`;
    return { severity, text, forMs: gateSinceMs };
  }
  return undefined;
}
