// What a process under attack says of itself: memory after collections, the longest stall of its
// event loop, its CPU, and errors that nobody caught.
// Invariant: live memory is heapUsed + external after two forced collections; RSS is as the system
// has it. Peaks of RSS are read from outside (peak-rss.ts).

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Settled {
  /** Bytes. */
  readonly rss: number;
  /** Bytes. */
  readonly live: number;
}

export interface Reading {
  readonly longestStallMs: number;
  readonly cpuMs: number;
  /** Bytes, of RSS, at the most since `begin`, where the system does not say it (not on Linux). */
  readonly rssSeen: number;
  /** Errors that reached the process. */
  readonly uncaught: readonly string[];
}

const RESOLUTION_MS = 2;
const RSS_LOOK_MS = 20;

export class Meter {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly uncaught: string[] = [];
  private cpu = process.cpuUsage();
  private rssSeen = 0;

  constructor() {
    const note = (error: unknown): void => {
      this.uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    };
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
    setInterval(() => {
      this.rssSeen = Math.max(this.rssSeen, process.memoryUsage.rss());
    }, RSS_LOOK_MS).unref();
  }

  /** What is read counts from here. */
  begin(): void {
    this.delay.enable();
    this.delay.reset();
    this.cpu = process.cpuUsage();
    this.rssSeen = process.memoryUsage.rss();
  }

  read(): Reading {
    const { user, system } = process.cpuUsage(this.cpu);
    return {
      longestStallMs: this.delay.max / 1e6,
      cpuMs: (user + system) / 1000,
      rssSeen: this.rssSeen,
      uncaught: this.uncaught.splice(0),
    };
  }

  async settle(): Promise<Settled> {
    for (let i = 0; i < 2; i += 1) {
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, live: heapUsed + external };
  }
}
