// What this process uses: CPU from rusage, live memory after two forced collections, and the peak
// of resident memory since a moment. interop/go/benchpeer/memory.go takes the same three.

import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** User and system time of all threads so far. Microseconds. */
export function cpuUs(): number {
  const usage = process.cpuUsage();
  return usage.user + usage.system;
}

async function collect(): Promise<void> {
  if (globalThis.gc === undefined) throw new Error('live memory needs node --expose-gc');
  for (let round = 0; round < 2; round++) {
    globalThis.gc();
    // Finalizers of native handles run in a turn of their own and free memory for the next round.
    await pause(10);
  }
}

export interface LiveMemory {
  /** heapUsed + external. Bytes. */
  readonly live: number;
  /** Resident memory, in which native allocations count too. Bytes. */
  readonly rss: number;
}

/** What is in use after two forced collections. */
export async function liveMemory(): Promise<LiveMemory> {
  await collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { live: heapUsed + external, rss };
}

function kernelBytes(field: 'VmRSS' | 'VmHWM'): number | undefined {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const kilobytes = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined; // not Linux
  }
}

/**
 * The rise of resident memory above where it stood at `watch`. The kernel's own high-water mark
 * where it can be reset (writing 5 to /proc/self/clear_refs, proc(5)); else sampled every 5 ms,
 * which misses a peak inside one turn of the event loop.
 */
export class PeakMemory {
  private baseline: number;
  private sampled: number;
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    this.baseline = 0;
    this.sampled = 0;
    this.timer = undefined;
  }

  /** Returns the baseline in bytes, after two collections. */
  async watch(): Promise<number> {
    await collect();
    clearInterval(this.timer);
    try {
      writeFileSync('/proc/self/clear_refs', '5');
      this.timer = undefined;
    } catch {
      this.timer = setInterval(() => this.sample(), 5).unref();
    }
    this.baseline = kernelBytes('VmRSS') ?? process.memoryUsage.rss();
    this.sampled = this.baseline;
    return this.baseline;
  }

  /** Bytes above the baseline. */
  peak(): number {
    const marked = this.timer === undefined ? kernelBytes('VmHWM') : undefined;
    this.sample();
    return Math.max(marked ?? 0, this.sampled) - this.baseline;
  }

  private sample(): void {
    this.sampled = Math.max(this.sampled, process.memoryUsage.rss());
  }
}
