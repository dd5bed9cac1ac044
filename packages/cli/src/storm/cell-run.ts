// One runtime in one cell of the matrix, from start to end of its two processes: warm-up with the
// server's clock off, which tells its true capacity; a burst, idle, half of capacity, the storm, and
// memory after it. The clock is turned off again for what streams still hold: it is the load that is
// measured, not how long a server takes to catch up.
// A client that dies or runs out of time ends the run early; what was seen until then is its result.

import { readFileSync } from 'node:fs';
import { Child, ChildDied } from './child.ts';
import type { Cores } from './cores.ts';
import {
  CELL_CLOCK_RPS,
  CELL_DEADLINE_BEYOND_MS,
  CELL_PHASES,
  CELL_RUNS,
  CELL_STREAMS,
  type MatrixCell,
  type MatrixRuntime,
} from './matrix-cells.ts';
import type { Done, Sample } from './protocol.ts';
import type { RunMeasured, RunWatcher } from './run-runtime.ts';
import { CLOSED_LOOP_IN_FLIGHT, HEAP_CAP_MB } from './scenarios.ts';

/** Which cell to run. */
export interface CellPlan {
  readonly cell: MatrixCell;
  readonly runtime: MatrixRuntime;
  /** Length of the storm. */
  readonly seconds: number;
  readonly cores: Cores;
  /** The client's program, where it is not a Node one. */
  readonly program: string | null;
}

/** What was measured in one cell. */
export interface CellMeasured extends RunMeasured {
  /** What the server can answer a second: its clock's rate, or the less that its CPU allows. */
  capacityRps: number;
  /**
   * Share of the storm that client and server, the worse of them, waited for a core although they
   * had work: on a busy machine that is what a cell measures. Null where the kernel does not say.
   */
  waitedForCore: number | null;
  /** p99 of messages at half of capacity; null where calls are offered. */
  unloadedMessageP99Ms: number | null;
}

const START_SECONDS = 10;
/** Beyond what a run is expected to take; past it the run is ended. */
const SLACK_SECONDS = 15;

/** Seconds one runtime takes in one cell, about. */
export function cellSeconds(runtime: MatrixRuntime, seconds: number): number {
  const { judged } = CELL_RUNS[runtime];
  const warm = CELL_PHASES.start + CELL_PHASES.warmUp + CELL_PHASES.unloaded;
  const after = judged ? CELL_PHASES.settle + CELL_PHASES.burst + 1 : 1;
  return warm + seconds + after;
}

/** Seconds that a process was ready to run and did not; null where the kernel does not say. */
function secondsWithoutCore(pid: number | null): number | null {
  try {
    const waitedNs = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1];
    return waitedNs === undefined ? null : Number(waitedNs) / 1e9;
  } catch {
    return null;
  }
}

class CellRun {
  private readonly plan: CellPlan;
  private readonly watcher: RunWatcher;
  private readonly measured: CellMeasured;
  private readonly server: Child;
  private readonly client: Child;
  private storming: boolean;

  constructor(plan: CellPlan, watcher: RunWatcher) {
    this.plan = plan;
    this.watcher = watcher;
    this.storming = false;
    this.measured = {
      peakClosedLoopRps: 0,
      unloadedP99Ms: 0,
      idle: null,
      after: null,
      last: null,
      storms: [],
      samples: [],
      crash: null,
      crashSeconds: null,
      capacityRps: 0,
      waitedForCore: null,
      unloadedMessageP99Ms: null,
    };
    const { cores, program } = plan;
    this.server = new Child({ role: 'server', heapCapMB: null, cores, program: null });
    this.client = new Child({ role: 'client', heapCapMB: HEAP_CAP_MB, cores, program });
    this.client.onSample = (sample) => this.take(sample);
  }

  async run(): Promise<CellMeasured> {
    const { runtime, seconds } = this.plan;
    const most = cellSeconds(runtime, seconds) + SLACK_SECONDS;
    const timeUp = setTimeout(() => this.timeUp(), most * 1000);
    try {
      await this.connect();
      await this.warmUp();
      await this.unloaded();
      await this.storm();
      await this.settle();
    } catch (error) {
      if (!(error instanceof ChildDied)) throw error;
      this.measured.crash = error.message;
      this.measured.crashSeconds = error.ageSeconds;
    } finally {
      clearTimeout(timeUp);
      this.client.end();
      this.server.end();
    }
    return this.measured;
  }

  /** Either may be the one that is waited for. */
  private timeUp(): void {
    this.client.giveUp('within the time of its cell; ended');
    this.server.giveUp('within the time of its cell; ended');
  }

  private async connect(): Promise<void> {
    this.watcher.phase('start', CELL_PHASES.start);
    const { runtime, cell } = this.plan;
    // A client in Go has no server of its own here: the load is what is compared.
    const serves = runtime === 'grpc-js' ? runtime : 'sluice';
    const { port } = await this.server.ask({ ask: 'serve', runtime: serves }, START_SECONDS);
    const streams = cell.kind === 'streaming' ? CELL_STREAMS : 0;
    await this.client.ask(
      { ask: 'connect', runtime, port: port ?? 0, payloadBytes: cell.payloadBytes, streams },
      START_SECONDS,
    );
  }

  private async warmUp(): Promise<void> {
    const { warmUp, burst, grace } = CELL_PHASES;
    const { cell, runtime } = this.plan;
    this.watcher.phase('warm-up', warmUp);
    const warm = await this.client.ask(
      { ask: 'closed-loop', seconds: warmUp, inFlight: CLOSED_LOOP_IN_FLIGHT },
      warmUp + grace,
    );
    this.measured.peakClosedLoopRps = warm.peakRps ?? 0;
    this.measured.capacityRps = Math.min(CELL_CLOCK_RPS, warm.peakRps ?? 0);
    await this.clock(CELL_CLOCK_RPS);
    if (CELL_RUNS[runtime].judged) {
      this.watcher.phase('burst', burst);
      await this.load(cell.rate, burst, 0);
      await this.clock(0);
    }
    await this.drain();
    await this.clock(CELL_CLOCK_RPS);
    this.measured.idle = (await this.collect()).sample ?? null;
  }

  private async unloaded(): Promise<void> {
    const { unloaded, grace } = CELL_PHASES;
    this.watcher.phase('half of capacity', unloaded);
    await this.client.ask({ ask: 'reset' }, grace);
    await this.load(this.measured.capacityRps / 2, unloaded, 0);
    const { sample } = await this.drain();
    this.measured.unloadedP99Ms = sample?.p99Ms ?? 0;
    this.measured.unloadedMessageP99Ms = sample?.messageP99Ms ?? null;
    await this.client.ask({ ask: 'reset' }, grace);
  }

  private async storm(): Promise<void> {
    const { cell, seconds } = this.plan;
    const stops = cell.server === 'stopped-server';
    this.watcher.phase('storm', seconds);
    this.client.loadBegins();
    this.storming = true;
    if (stops) {
      await this.client.ask({ ask: 'guard', pid: this.server.pid }, CELL_PHASES.grace);
      this.server.stop();
    }
    const timeoutMs = stops ? seconds * 1000 + CELL_DEADLINE_BEYOND_MS : 0;
    const clientWaited = secondsWithoutCore(this.client.pid);
    const serverWaited = secondsWithoutCore(this.server.pid);
    const done = await this.load(cell.rate, seconds, timeoutMs);
    if (stops) {
      this.server.continue();
      await this.client.ask({ ask: 'guard', pid: null }, CELL_PHASES.grace);
    }
    const loadSeconds = done.loadSeconds ?? 0;
    if (clientWaited !== null && serverWaited !== null) {
      const client = (secondsWithoutCore(this.client.pid) ?? 0) - clientWaited;
      const server = stops ? 0 : (secondsWithoutCore(this.server.pid) ?? 0) - serverWaited;
      this.measured.waitedForCore = Math.max(client, server) / Math.max(0.1, loadSeconds);
    }
    const toMs = done.sample?.atMs ?? 0;
    this.measured.storms.push({
      fromMs: toMs - loadSeconds * 1000,
      toMs,
      loadSeconds,
      offered: done.offered ?? 0,
      ok: done.ok ?? 0,
      kernelPeakRss: Math.max(done.maxRss ?? 0, done.sample?.rss ?? 0),
    });
  }

  private async settle(): Promise<void> {
    const { judged } = CELL_RUNS[this.plan.runtime];
    const endedMs = performance.now();
    this.watcher.phase('settle', judged ? CELL_PHASES.settle : 1);
    if (this.plan.cell.kind === 'streaming') await this.clock(0);
    const drained = await this.drain();
    const ended = await this.client.ask({ ask: 'end-streams', seconds: 1 }, 1 + CELL_PHASES.grace);
    const storm = this.measured.storms.at(-1);
    const maxRss = ended.maxRss ?? drained.maxRss;
    if (storm !== undefined && maxRss !== undefined) storm.kernelPeakRss = maxRss;
    const leftMs = judged ? endedMs + CELL_PHASES.settle * 1000 - performance.now() : 0;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
    this.storming = false;
    this.measured.after = (await this.collect()).sample ?? null;
    this.measured.last = this.measured.after;
  }

  private clock(rps: number): Promise<Done> {
    return this.server.ask({ ask: 'capacity', rps }, CELL_PHASES.grace);
  }

  private load(rate: number, seconds: number, timeoutMs: number): Promise<Done> {
    return this.client.ask(
      { ask: 'open-loop', rate, seconds, timeoutMs },
      seconds + CELL_PHASES.grace,
    );
  }

  private drain(): Promise<Done> {
    const { judged } = CELL_RUNS[this.plan.runtime];
    const seconds = judged ? CELL_PHASES.drain : CELL_PHASES.peerDrain;
    return this.client.ask({ ask: 'drain', seconds }, seconds + CELL_PHASES.grace);
  }

  /** Memory after two forced collections. */
  private collect(): Promise<Done> {
    return this.client.ask({ ask: 'settle' }, CELL_PHASES.grace);
  }

  private take(sample: Sample): void {
    this.watcher.sample(sample);
    if (!this.storming) return;
    this.measured.last = sample;
    this.measured.samples.push(sample);
  }
}

/** Runs one runtime in one cell. */
export function runCell(plan: CellPlan, watcher: RunWatcher): Promise<CellMeasured> {
  return new CellRun(plan, watcher).run();
}
