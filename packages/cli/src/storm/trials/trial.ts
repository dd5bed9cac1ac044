// What every trial of a feature has in common: a server and a client process of Sluice, phases one
// after another, samples of both, and what comes of it for the report. A trial is judged as the
// storm is: promises with a figure and a bar.

import type { Chart, Curve } from '../charts.ts';
import { Child } from '../child.ts';
import type { Cores } from '../cores.ts';
import type { Done, Sample, ServeSettings } from '../protocol.ts';
import type { RunWatcher } from '../run-runtime.ts';
import { HEAP_CAP_MB, PAYLOAD_BYTES } from '../scenarios.ts';
import type { TrialReport, Verdict } from '../storm-report.ts';

/** What a trial is given. */
export interface TrialContext {
  readonly cores: Cores;
  readonly watcher: RunWatcher;
}

/** What comes of one trial. */
export interface TrialOutcome {
  readonly report: TrialReport;
  readonly verdicts: readonly Verdict[];
  readonly charts: readonly Chart[];
}

/** A trial by its name. */
export interface Trial {
  readonly name: string;
  /** Seconds it takes, about. */
  readonly seconds: number;
  run(context: TrialContext): Promise<TrialOutcome>;
}

/** How a pair differs from the storm's usual one. */
export interface PairPlan {
  readonly settings?: ServeSettings;
  /** Channel options, as plain data. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly payloadBytes?: number;
}

const START_SECONDS = 10;
const GRACE_SECONDS = 5;

/** A server and a client of Sluice, each in a process of its own. */
export class TrialPair {
  readonly server: Child;
  readonly client: Child;
  /** Samples of the client, from the start. */
  readonly samples: Sample[];
  port: number;

  constructor(context: TrialContext) {
    const { cores, watcher } = context;
    this.samples = [];
    this.port = 0;
    this.server = new Child({ role: 'server', heapCapMB: null, cores, program: null });
    this.client = new Child({ role: 'client', heapCapMB: HEAP_CAP_MB, cores, program: null });
    this.client.onSample = (sample) => {
      this.samples.push(sample);
      watcher.sample(sample);
    };
  }

  async start(plan: PairPlan): Promise<void> {
    const { port } = await this.server.ask(
      { ask: 'serve', runtime: 'sluice', settings: plan.settings ?? {} },
      START_SECONDS,
    );
    this.port = port ?? 0;
    await this.client.ask(
      {
        ask: 'connect',
        runtime: 'sluice',
        port: this.port,
        payloadBytes: plan.payloadBytes ?? PAYLOAD_BYTES,
        streams: 0,
        options: plan.options ?? {},
      },
      START_SECONDS,
    );
  }

  capacity(rps: number): Promise<Done> {
    return this.server.ask({ ask: 'capacity', rps }, GRACE_SECONDS);
  }

  warmUp(seconds: number): Promise<Done> {
    return this.client.ask({ ask: 'closed-loop', seconds, inFlight: 100 }, seconds + GRACE_SECONDS);
  }

  load(rate: number, seconds: number, timeoutMs = 0): Promise<Done> {
    return this.client.ask({ ask: 'open-loop', rate, seconds, timeoutMs }, seconds + GRACE_SECONDS);
  }

  drain(seconds: number): Promise<Done> {
    return this.client.ask({ ask: 'drain', seconds }, seconds + GRACE_SECONDS);
  }

  /** Counts since the last reset, latencies since the last lap. */
  lap(): Promise<Done> {
    return this.client.ask({ ask: 'lap' }, GRACE_SECONDS);
  }

  reset(): Promise<Done> {
    return this.client.ask({ ask: 'reset' }, GRACE_SECONDS);
  }

  memory(): Promise<Done> {
    return this.server.ask({ ask: 'memory' }, GRACE_SECONDS);
  }

  end(): void {
    this.client.end();
    this.server.end();
  }
}

/** Runs `body` with a pair that is ended whatever comes of it. */
export async function withPair<T>(
  context: TrialContext,
  plan: PairPlan,
  body: (pair: TrialPair) => Promise<T>,
): Promise<T> {
  const pair = new TrialPair(context);
  try {
    await pair.start(plan);
    return await body(pair);
  } finally {
    pair.end();
  }
}

/** One quantity of one run, against seconds. */
export interface Trace {
  readonly label: string;
  readonly colour: string;
  readonly seconds: readonly number[];
  readonly values: readonly (number | null)[];
  readonly dashed?: boolean;
}

/** Traces of several runs on one chart: the seconds of their union, blanks where one has none. */
export function traceChart(
  about: Pick<Chart, 'scenario' | 'title' | 'note' | 'unit' | 'wide'>,
  traces: readonly Trace[],
  loads: Chart['loads'],
): Chart {
  const union = [...new Set(traces.flatMap(({ seconds }) => [...seconds]))].sort(
    (left, right) => left - right,
  );
  const curves: Curve[] = [];
  const columns: (number | null)[][] = [];
  for (const { label, colour, seconds, values, dashed } of traces) {
    const at = new Map(seconds.map((second, index) => [second, values[index] ?? null]));
    curves.push({ label, colour, width: 2, dashed: dashed === true, marksPeak: false });
    columns.push(union.map((second) => at.get(second) ?? null));
  }
  return { ...about, curves, data: [union, ...columns], loads, marks: [] };
}

/** Samples from a moment on, as seconds since then; one tenth each, so that runs line up. */
export function secondsOf(samples: readonly Sample[], fromMs: number): number[] {
  return samples.map(({ atMs }) => Math.round((atMs - fromMs) / 100) / 10);
}

/** A rate of a count at each sample: the mean over the half second before it. */
export function ratesOf(
  samples: readonly Sample[],
  count: (sample: Sample) => number,
): (number | null)[] {
  return samples.map((sample, index) => {
    const before = samples[Math.max(0, index - 5)] ?? sample;
    const ms = sample.atMs - before.atMs;
    const rate = ((count(sample) - count(before)) * 1000) / ms;
    return ms <= 0 || rate < 0 ? null : Math.round(rate);
  });
}
