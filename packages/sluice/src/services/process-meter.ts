// What the process itself uses: memory, processor, and how late its event loop is.
// Invariants: shares and delays are of the time since the reading before, so each reader has a meter of
// its own; between `start` and `close` a native histogram samples the loop, otherwise nothing runs.
// Not here: channels and servers (snapshot.ts).

import {
  type EventLoopUtilization,
  type IntervalHistogram,
  monitorEventLoopDelay,
  performance,
} from 'node:perf_hooks';

/** Figures of the process. Bytes and milliseconds. */
export interface ProcessFigures {
  pid: number;
  /** The version of Node, `20.20.2`. */
  node: string;
  uptimeMs: number;
  rssBytes: number;
  heapUsedBytes: number;
  /** Buffers and other memory outside the heap. */
  externalBytes: number;
  /** Of one core: 0.5 is half of one. */
  cpuShare: number;
  /** How much of its time the event loop was busy, 0 to 1. */
  loopShare: number;
  /** The longest delay of the event loop; undefined in the first reading of a meter. */
  loopDelayMs: number | undefined;
}

/** Milliseconds between the histogram's samples; a delay shorter than this is noise. */
const RESOLUTION_MS = 10;

/** Reads the figures of this process again and again. */
export class ProcessMeter {
  private histogram: IntervalHistogram | undefined;
  private cpu: NodeJS.CpuUsage | undefined;
  private loop: EventLoopUtilization | undefined;
  private atMs: number;

  constructor() {
    this.histogram = undefined;
    this.cpu = undefined;
    this.loop = undefined;
    this.atMs = performance.now();
  }

  /** Begins to watch the event loop, for readings that are repeated. */
  start(): void {
    if (this.histogram !== undefined) return;
    this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.histogram.enable();
  }

  /** Stops watching; to be started again, or dropped. */
  close(): void {
    this.histogram?.disable();
    this.histogram = undefined;
    this.cpu = undefined;
    this.loop = undefined;
  }

  /** The figures now. */
  read(): ProcessFigures {
    const nowMs = performance.now();
    const memory = process.memoryUsage();
    const cpu = process.cpuUsage();
    const loop = performance.eventLoopUtilization();
    const uptimeMs = process.uptime() * 1_000;
    const usedMs = (cpu.user + cpu.system - total(this.cpu)) / 1_000;
    const sinceMs = this.cpu === undefined ? uptimeMs : nowMs - this.atMs;
    const figures: ProcessFigures = {
      pid: process.pid,
      node: process.versions.node,
      uptimeMs: Math.round(uptimeMs),
      rssBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      externalBytes: memory.external,
      cpuShare: sinceMs > 0 ? usedMs / sinceMs : 0,
      loopShare: this.loopShare(loop),
      loopDelayMs: this.loop === undefined ? undefined : this.longestDelay(),
    };
    this.cpu = cpu;
    this.loop = loop;
    this.atMs = nowMs;
    return figures;
  }

  private loopShare(loop: EventLoopUtilization): number {
    if (this.loop === undefined) return loop.utilization;
    return performance.eventLoopUtilization(loop, this.loop).utilization;
  }

  private longestDelay(): number {
    const { histogram } = this;
    if (histogram === undefined) return 0;
    // A sample is the whole time between two looks, in ns; 0 when there was none.
    const delayMs = Math.max(0, histogram.max / 1e6 - RESOLUTION_MS);
    histogram.reset();
    return Math.round(delayMs);
  }
}

function total(cpu: NodeJS.CpuUsage | undefined): number {
  return cpu === undefined ? 0 : cpu.user + cpu.system;
}
