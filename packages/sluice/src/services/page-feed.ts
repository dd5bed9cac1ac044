// Who looks at the page, and what they are sent: a snapshot each second as server-sent events.
// Invariants: nothing is read while nobody has looked for five minutes; a viewer who reads slowly gets
// fewer snapshots, none waits for it; at most MAX_VIEWERS. HTML Living Standard, server-sent events.
// Not here: who may look (page-guard.ts).

import type { ServerResponse } from 'node:http';
import { type HistoryPoint, PageHistory, type PageTick } from './page-history.ts';
import { ProcessMeter } from './process-meter.ts';
import { takeSnapshot } from './snapshot.ts';

/** Milliseconds between two snapshots. */
const EVERY_MS = 1_000;

/** Milliseconds without a viewer after which reading stops; then the curves begin anew. */
const UNWATCHED_MS = 300_000;

/** Pages that may be open at once. */
export const MAX_VIEWERS = 16;

/** Connections of each channel and server that the page shows. */
const CONNECTIONS = 100;

/** The viewers of one page. */
export class PageFeed {
  private readonly everyMs: number;
  private readonly viewers: Set<ServerResponse>;
  private readonly meter: ProcessMeter;
  private history: PageHistory;
  private timer: NodeJS.Timeout | undefined;
  private unwatchedMs: number;
  /** The newest snapshot, as it was sent. */
  private latest: string;

  /** @param everyMs between two snapshots */
  constructor(everyMs: number = EVERY_MS) {
    this.everyMs = everyMs;
    this.viewers = new Set();
    this.meter = new ProcessMeter();
    this.history = new PageHistory();
    this.timer = undefined;
    this.unwatchedMs = 0;
    this.latest = '';
  }

  get isFull(): boolean {
    return this.viewers.size >= MAX_VIEWERS;
  }

  /** One snapshot, for who asks once; the first of a while has no rates. */
  once(): string {
    return text(takeSnapshot(this.meter, CONNECTIONS));
  }

  /** Sends what there is, and from then on each snapshot until the viewer leaves. */
  join(viewer: ServerResponse): void {
    viewer.once('close', () => this.leave(viewer));
    if (this.timer === undefined) this.start();
    viewer.write(event('history', this.history.points));
    viewer.write(this.latest);
    this.viewers.add(viewer);
  }

  /** Ends every viewer and the reading. */
  close(): void {
    this.stop();
    for (const viewer of this.viewers) viewer.destroy();
    this.viewers.clear();
  }

  private leave(viewer: ServerResponse): void {
    this.viewers.delete(viewer);
    this.unwatchedMs = 0;
  }

  private start(): void {
    this.meter.start();
    this.unwatchedMs = 0;
    this.timer = setInterval(() => this.tick(), this.everyMs);
    this.timer.unref();
    this.tick();
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.meter.close();
    this.history = new PageHistory();
  }

  private tick(): void {
    if (this.viewers.size === 0) {
      this.unwatchedMs += this.everyMs;
      if (this.unwatchedMs >= UNWATCHED_MS) {
        this.stop();
        return;
      }
    }
    const tick = this.history.add(takeSnapshot(this.meter, CONNECTIONS));
    this.latest = event('snapshot', tick);
    for (const viewer of this.viewers) {
      if (!viewer.writableNeedDrain) viewer.write(this.latest);
    }
  }
}

function event(name: string, data: PageTick | readonly HistoryPoint[]): string {
  return `event: ${name}\ndata: ${text(data)}\n\n`;
}

/** JSON has no Infinity: a limit without a value is null there. */
function text(data: unknown): string {
  return JSON.stringify(data);
}
