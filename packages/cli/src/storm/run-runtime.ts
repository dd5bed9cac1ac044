// One runtime under one scenario, from start to end of its two processes: warm-up, idle, unloaded,
// storms in a row, settle. The order is the method: idle is measured after the warm-up and a burst
// of refusals, in the same way as the memory after the load. While it is quiet at the end the next run
// may start and warm up; from its idle on a run is alone.
// A client that dies, or is ended because its time is up, ends the run early; what was seen until
// then is its result.

import { Child, ChildDied } from './child.ts';
import type { Cores } from './cores.ts';
import type { Done, Sample } from './protocol.ts';
import {
  CLOSED_LOOP_IN_FLIGHT,
  HEAP_CAP_MB,
  PAYLOAD_BYTES,
  PHASES,
  type RuntimeName,
  type Scenario,
  STORM_STRETCH,
  STORMS_IN_A_ROW,
} from './scenarios.ts';
import { USUAL_DRAIN_SECONDS } from './schedule.ts';

/** A storm as it was measured. */
export interface StormMeasured {
  /** Ms on the client's clock. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly loadSeconds: number;
  readonly offered: number;
  readonly ok: number;
  /** Highest RSS the kernel saw, in bytes; 0 if it was no higher than before the storm. */
  kernelPeakRss: number;
}

/** All that was measured of one runtime under one scenario. */
export interface RunMeasured {
  peakClosedLoopRps: number;
  unloadedP99Ms: number;
  idle: Sample | null;
  after: Sample | null;
  /** The last sample with counts of the storms; the result of a client that died. */
  last: Sample | null;
  readonly storms: StormMeasured[];
  /** Samples from the start of the first storm. */
  readonly samples: Sample[];
  crash: string | null;
  /** Seconds from the start of the first storm to the death; null if the client lived. */
  crashSeconds: number | null;
}

/** Told where a run stands, for the terminal. */
export interface RunWatcher {
  /** @param seconds how long the phase is expected to take */
  phase(name: string, seconds: number): void;
  sample(sample: Sample): void;
}

/** Which storm to run. */
export interface RunPlan {
  readonly scenario: Scenario;
  readonly runtime: RuntimeName;
  readonly rate: number;
  /** Length of a storm; stretched for a runtime that gets only one. */
  readonly seconds: number;
  readonly cores: Cores;
  /** When the run is ended whatever it is at, ms on the clock of `performance.now()`. */
  readonly untilMs: number;
  /** Resolves when the run before it is measured. */
  readonly before: Promise<void>;
}

/** A run that is under way. */
export interface StartedRun {
  /** Resolves when none of its calls is left, or it is over: the next run may begin. */
  readonly drained: Promise<void>;
  /** After that of the run before. */
  readonly measured: Promise<RunMeasured>;
}

const START_SECONDS = 10;

class Run {
  private readonly plan: RunPlan;
  private readonly watcher: RunWatcher;
  private readonly measured: RunMeasured;
  private readonly server: Child;
  private readonly client: Child;
  private storming: boolean;
  private watched: boolean;
  private readonly onDrained: () => void;

  /** @param onDrained not called where calls are left, or the client died */
  constructor(plan: RunPlan, watcher: RunWatcher, onDrained: () => void) {
    this.plan = plan;
    this.watcher = watcher;
    this.storming = false;
    this.watched = true;
    this.onDrained = onDrained;
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
    };
    this.server = new Child({
      role: 'server',
      heapCapMB: null,
      cores: plan.cores,
      program: null,
    });
    this.client = new Child({
      role: 'client',
      heapCapMB: HEAP_CAP_MB,
      cores: plan.cores,
      program: null,
    });
    this.client.onSample = (sample) => this.take(sample);
  }

  async run(): Promise<RunMeasured> {
    const leftMs = Math.max(0, this.plan.untilMs - performance.now());
    const timeUp = setTimeout(() => this.timeUp(), leftMs);
    try {
      await this.connect();
      await this.warmUp();
      await this.plan.before;
      await this.idle();
      await this.storms();
    } catch (error) {
      if (!(error instanceof ChildDied)) throw error;
      this.measured.crash = error.message;
      this.measured.crashSeconds = error.ageSeconds;
    } finally {
      clearTimeout(timeUp);
      this.client.end();
      this.server.end();
      await this.plan.before;
    }
    return this.measured;
  }

  /** Either may be the one that is waited for. */
  private timeUp(): void {
    this.client.giveUp('within the time of its run; ended');
    this.server.giveUp('within the time of its run; ended');
  }

  private async connect(): Promise<void> {
    this.watcher.phase('start', PHASES.start);
    const { runtime } = this.plan;
    const { port } = await this.server.ask({ ask: 'serve', runtime }, START_SECONDS);
    await this.client.ask(
      { ask: 'connect', runtime, port: port ?? 0, payloadBytes: PAYLOAD_BYTES, streams: 0 },
      START_SECONDS,
    );
  }

  private async warmUp(): Promise<void> {
    const { scenario, rate } = this.plan;
    this.watcher.phase('warm-up', PHASES.warmUp);
    const warm = await this.client.ask(
      { ask: 'closed-loop', seconds: PHASES.warmUp, inFlight: CLOSED_LOOP_IN_FLIGHT },
      PHASES.warmUp + PHASES.grace,
    );
    this.measured.peakClosedLoopRps = warm.peakRps ?? 0;
    await this.server.ask({ ask: 'capacity', rps: scenario.clockRps }, PHASES.grace);
    await this.load(rate, PHASES.burst, 0);
    this.watcher.phase('idle', USUAL_DRAIN_SECONDS);
    await this.drain();
  }

  private async idle(): Promise<void> {
    const { scenario } = this.plan;
    this.measured.idle = (await this.settle()).sample ?? null;

    this.watcher.phase('half of capacity', PHASES.unloaded);
    await this.client.ask({ ask: 'reset' }, PHASES.grace);
    await this.load(scenario.clockRps / 2, PHASES.unloaded, 0);
    const unloaded = await this.drain();
    this.measured.unloadedP99Ms = unloaded.sample?.p99Ms ?? 0;
    await this.client.ask({ ask: 'reset' }, PHASES.grace);
  }

  private async storms(): Promise<void> {
    const { runtime } = this.plan;
    const seconds = this.plan.seconds * STORM_STRETCH[runtime];
    const storms = STORMS_IN_A_ROW[runtime];
    this.client.loadBegins();
    this.storming = true;
    let endedMs = 0;
    for (let storm = 1; storm <= storms; storm++) {
      this.watcher.phase(storms === 1 ? 'storm' : `storm ${storm} of ${storms}`, seconds);
      await this.storm(seconds);
      endedMs = performance.now();
      if (storm === storms) break;
      this.watcher.phase('calm', USUAL_DRAIN_SECONDS);
      await this.calm();
    }
    this.watcher.phase('settle', PHASES.settle);
    const untilMs = endedMs + PHASES.settle * 1000;
    if ((await this.calm()) === 0) {
      this.watched = false;
      this.onDrained();
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - performance.now())));
    this.storming = false;
    this.measured.after = (await this.settle()).sample ?? null;
    this.measured.last = this.measured.after;
  }

  private async storm(seconds: number): Promise<void> {
    const { scenario, rate } = this.plan;
    const timeoutMs =
      scenario.deadlineBeyondLoadMs === null ? 0 : seconds * 1000 + scenario.deadlineBeyondLoadMs;
    if (scenario.stopsServer) {
      await this.client.ask({ ask: 'guard', pid: this.server.pid }, PHASES.grace);
      this.server.stop();
    }
    const done = await this.load(rate, seconds, timeoutMs);
    if (scenario.stopsServer) {
      this.server.continue();
      await this.client.ask({ ask: 'guard', pid: null }, PHASES.grace);
    }
    const loadSeconds = done.loadSeconds ?? 0;
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

  private load(rate: number, seconds: number, timeoutMs: number): Promise<Done> {
    return this.client.ask({ ask: 'open-loop', rate, seconds, timeoutMs }, seconds + PHASES.grace);
  }

  private drain(): Promise<Done> {
    return this.client.ask({ ask: 'drain', seconds: PHASES.drain }, PHASES.drain + PHASES.grace);
  }

  private settle(): Promise<Done> {
    return this.client.ask({ ask: 'settle' }, PHASES.grace);
  }

  /**
   * Waits for what the storm left in flight; a peak in that time is the storm's. Resolves to the calls
   * that are left.
   */
  private async calm(): Promise<number> {
    const { maxRss, sample } = await this.drain();
    const storm = this.measured.storms.at(-1);
    if (storm !== undefined && maxRss !== undefined) storm.kernelPeakRss = maxRss;
    return sample === undefined ? 0 : sample.offered - sample.refused - sample.finished;
  }

  private take(sample: Sample): void {
    if (this.watched) this.watcher.sample(sample);
    if (!this.storming) return;
    this.measured.last = sample;
    this.measured.samples.push(sample);
  }
}

/** Starts one runtime under one scenario. */
export function startRun(plan: RunPlan, watcher: RunWatcher): StartedRun {
  let onDrained = (): void => {};
  const drained = new Promise<void>((resolve) => {
    onDrained = resolve;
  });
  const measured = new Run(plan, watcher, onDrained).run();
  return { drained: Promise.race([drained, measured.then(() => {})]), measured };
}

/** What the generator issues per second against a stub that refuses at once. */
export async function measureCeiling(cores: Cores, watcher: RunWatcher): Promise<number> {
  watcher.phase('generator', PHASES.ceiling);
  const client = new Child({ role: 'client', heapCapMB: null, cores, program: null });
  try {
    await client.ask(
      { ask: 'connect', runtime: 'no-op', port: 0, payloadBytes: PAYLOAD_BYTES, streams: 0 },
      START_SECONDS,
    );
    const rate = 1e9;
    const done = await client.ask(
      { ask: 'open-loop', rate, seconds: PHASES.ceiling, timeoutMs: 0 },
      PHASES.ceiling + PHASES.grace,
    );
    return (done.offered ?? 0) / (done.loadSeconds ?? 1);
  } finally {
    client.end();
  }
}
