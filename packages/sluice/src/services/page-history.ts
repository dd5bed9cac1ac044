// What the page's curves are of: one point a second, kept for five minutes, and rates between two points.
// Invariants: at most HISTORY points; a count that starts anew is no negative rate; sums are of what is
// there now. Not here: who asks for them (page-feed.ts), the drawing (page-curves-script.ts).

import type { End, Snapshot } from './snapshot.ts';

/** Points that are kept: five minutes. */
const HISTORY = 300;

/** The process at one moment, in figures that can be drawn. Bytes, milliseconds, and counts a second. */
export interface HistoryPoint {
  atMs: number;
  /** Calls that channels began, and that servers took, a second. */
  made: number;
  served: number;
  failed: number;
  /** How often limits acted since the point before. */
  acted: number;
  waiting: number;
  /** Bytes that wait to be written, and of sockets' own backlogs. */
  queued: number;
  socket: number;
  streamsOut: number;
  streamsIn: number;
  rss: number;
  heap: number;
  delay: number;
}

/** Calls a second of a channel or server. */
export interface EndRates {
  started: number;
  succeeded: number;
  failed: number;
}

/** What the page is sent each second. */
export interface PageTick {
  snapshot: Snapshot;
  point: HistoryPoint;
  /** By the number of the channel or server. */
  rates: Record<number, EndRates>;
}

interface Counts extends EndRates {
  acted: number;
}

/** The points, and the counts they were told from. */
export class PageHistory {
  /** The oldest first. */
  readonly points: HistoryPoint[];
  private before: Map<number, Counts>;
  private beforeMs: number;

  constructor() {
    this.points = [];
    this.before = new Map();
    this.beforeMs = 0;
  }

  /** Adds the point of a snapshot. */
  add(snapshot: Snapshot): PageTick {
    const { process, ends, atMs } = snapshot;
    const seconds = this.beforeMs === 0 ? 0 : (atMs - this.beforeMs) / 1_000;
    const point: HistoryPoint = {
      atMs,
      made: 0,
      served: 0,
      failed: 0,
      acted: 0,
      waiting: 0,
      queued: 0,
      socket: 0,
      streamsOut: 0,
      streamsIn: 0,
      rss: process.rssBytes,
      heap: process.heapUsedBytes,
      delay: process.loopDelayMs ?? 0,
    };
    const rates: Record<number, EndRates> = {};
    const counts = new Map<number, Counts>();
    const seen = new Set<number>();
    for (const end of ends) {
      const now = countsOf(end);
      counts.set(end.id, now);
      const rate = ratesOf(now, this.before.get(end.id), seconds);
      rates[end.id] = rate;
      if (end.kind === 'channel') point.made += rate.started;
      else point.served += rate.started;
      point.failed += rate.failed;
      point.acted += rate.acted;
      addHeld(point, end, seen);
    }
    this.before = counts;
    this.beforeMs = atMs;
    this.points.push(point);
    if (this.points.length > HISTORY) this.points.shift();
    return { snapshot, point, rates };
  }
}

function countsOf({ callsStarted, callsSucceeded, callsFailed, stats }: End): Counts {
  const acted = Object.values(stats.limits).reduce((sum, limit) => sum + limit.acted, 0);
  return { started: callsStarted, succeeded: callsSucceeded, failed: callsFailed, acted };
}

/** Calls a second; `acted` is a count. A channel that is new has no rate yet. */
function ratesOf(now: Counts, before: Counts | undefined, seconds: number): Counts {
  if (before === undefined || seconds <= 0)
    return { started: 0, succeeded: 0, failed: 0, acted: 0 };
  const perSecond = (to: number, from: number): number => Math.max(0, to - from) / seconds;
  return {
    started: perSecond(now.started, before.started),
    succeeded: perSecond(now.succeeded, before.succeeded),
    failed: perSecond(now.failed, before.failed),
    acted: Math.max(0, now.acted - before.acted),
  };
}

/** @param seen connections that were counted: channels may share one */
function addHeld(point: HistoryPoint, { kind, stats }: End, seen: Set<number>): void {
  point.waiting += stats.waitingCalls;
  for (const { id, queueBytes, socketBytes, streams } of stats.connections) {
    if (seen.has(id)) continue;
    seen.add(id);
    point.queued += queueBytes;
    point.socket += socketBytes;
    if (kind === 'channel') point.streamsOut += streams.open;
    else point.streamsIn += streams.open;
  }
}
