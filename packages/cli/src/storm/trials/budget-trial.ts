// A server with a memory budget, and 200 connections whose client asks for large responses and never
// reads one. The memory of the server stays within its budget, it says what it refused and why, and a
// client that behaves is served as before.

import type { Chart } from '../charts.ts';
import { Child } from '../child.ts';
import type { Done, Sample } from '../protocol.ts';
import { LARGE_BYTES } from '../runtime.ts';
import type { Verdict } from '../storm-report.ts';
import { count, megabytes, milliseconds } from '../text-table.ts';
import {
  ratesOf,
  secondsOf,
  type Trial,
  type TrialContext,
  type TrialOutcome,
  type TrialPair,
  traceChart,
  withPair,
} from './trial.ts';

const NAME = 'budget';
const BUDGET_MB = 128;
/** Beside the budget: what V8 and the allocator need around it. */
const AROUND_MB = 48;
const CONNECTIONS = 200;
const STREAMS_EACH = 20;
const GOOD_RPS = 500;
const GOOD_SHARE = 0.99;
const GOOD_TIMEOUT_MS = 2000;
const LOAD_SECONDS = 10;
const HOSTILE_AFTER_MS = 2000;
const LOOK_MS = 200;
const MB = 1e6;

interface Look {
  readonly second: number;
  readonly rssMB: number;
  readonly acted: Readonly<Record<string, number>>;
}

interface Measured {
  readonly idleMB: number;
  readonly looks: readonly Look[];
  readonly good: Done;
  readonly samples: readonly Sample[];
  readonly fromMs: number;
}

/** Stalls its readers: asks for everything, then stands still, so that its sockets fill. */
async function stallReaders(context: TrialContext, port: number): Promise<Child> {
  const { cores } = context;
  const hostile = new Child({ role: 'hostile', heapCapMB: null, cores, program: null });
  await hostile.ask({ ask: 'stall', port, connections: CONNECTIONS, streams: STREAMS_EACH }, 20);
  hostile.stop();
  return hostile;
}

async function watchServer(pair: TrialPair, untilMs: number, looks: Look[]): Promise<void> {
  const startedMs = performance.now();
  while (performance.now() < untilMs) {
    const { rss = 0, acted = {} } = await pair.memory();
    const second = Math.round((performance.now() - startedMs) / 100) / 10;
    looks.push({ second, rssMB: rss / MB, acted });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function measure(context: TrialContext): Promise<Measured> {
  const plan = { settings: { budgetBytes: BUDGET_MB * MB } };
  return withPair(context, plan, async (pair) => {
    await pair.warmUp(1.5);
    await pair.drain(1);
    await pair.reset();
    const idle = await pair.memory();
    const fromMs = pair.samples.at(-1)?.atMs ?? 0;
    const looks: Look[] = [];
    const watched = watchServer(pair, performance.now() + LOAD_SECONDS * 1000, looks);
    const load = pair.load(GOOD_RPS, LOAD_SECONDS, GOOD_TIMEOUT_MS);
    await new Promise((resolve) => setTimeout(resolve, HOSTILE_AFTER_MS));
    const hostile = await stallReaders(context, pair.port);
    try {
      await load;
      await watched;
      const good = await pair.drain(3);
      return { idleMB: (idle.rss ?? 0) / MB, looks, good, samples: pair.samples, fromMs };
    } finally {
      hostile.end();
    }
  });
}

function chartsOf(measured: Measured): Chart[] {
  const { looks, idleMB, fromMs } = measured;
  const samples = measured.samples.filter(({ atMs }) => atMs > fromMs);
  const seconds = looks.map(({ second }) => second);
  const bar = idleMB + BUDGET_MB + AROUND_MB;
  const loads = [{ from: HOSTILE_AFTER_MS / 1000, to: LOAD_SECONDS, colour: null }];
  return [
    traceChart(
      {
        scenario: NAME,
        title: 'Memory of the server',
        note: `Shaded: ${CONNECTIONS} connections have asked for ${count((CONNECTIONS * STREAMS_EACH * LARGE_BYTES) / MB)} MB and read nothing.`,
        unit: 'MB',
        wide: true,
      },
      [
        { label: 'server', colour: '--a', seconds, values: looks.map(({ rssMB }) => rssMB) },
        {
          label: `promised: never above ${bar.toFixed(0)} MB`,
          colour: '--soft',
          seconds,
          values: looks.map(() => bar),
          dashed: true,
        },
      ],
      loads,
    ),
    traceChart(
      {
        scenario: NAME,
        title: 'The client that behaves: calls answered a second',
        note: `${GOOD_RPS} a second are offered all the time.`,
        unit: 'calls per second',
        wide: false,
      },
      [
        {
          label: 'answered',
          colour: '--c',
          seconds: secondsOf(samples, fromMs),
          values: ratesOf(samples, ({ ok }) => ok),
        },
      ],
      loads,
    ),
  ];
}

async function run(context: TrialContext): Promise<TrialOutcome> {
  context.watcher.phase('stalled readers', LOAD_SECONDS + 4);
  const measured = await measure(context);
  const { idleMB, looks, good } = measured;
  const peakMB = Math.max(0, ...looks.map(({ rssMB }) => rssMB));
  const bar = idleMB + BUDGET_MB + AROUND_MB;
  const sample = good.sample;
  const share = sample === undefined ? 0 : sample.ok / Math.max(1, sample.offered);
  const acted = Object.entries(looks.at(-1)?.acted ?? {}).filter(([, times]) => times > 0);
  const named = acted.map(([name, times]) => `${name} ${count(times)}`).join(', ') || 'none';
  const budgetActed = acted.some(([name]) => name === 'memory-budget');
  const verdicts: Verdict[] = [
    {
      scenario: NAME,
      promise: 'server RSS',
      held: looks.length > 0 && peakMB <= bar,
      figure: megabytes(peakMB),
      bar: `at most ${megabytes(bar)}: idle ${megabytes(idleMB)} + budget ${BUDGET_MB} + ${AROUND_MB}`,
    },
    {
      scenario: NAME,
      promise: 'what it refused is counted by name',
      held: budgetActed,
      figure: named,
      bar: 'memory-budget acted',
    },
    {
      scenario: NAME,
      promise: 'the client that behaves is served',
      held: share >= GOOD_SHARE,
      figure: `${(share * 100).toFixed(2)} %`,
      bar: `at least ${GOOD_SHARE * 100} %`,
    },
  ];
  return {
    report: {
      name: NAME,
      title: 'A memory budget and readers that stall',
      lead: `A server with a memory budget of ${BUDGET_MB} MB is asked by ${CONNECTIONS} connections for ${STREAMS_EACH} responses of 1 MB each, none of which is ever read.`,
      sentence: `The server reached ${megabytes(peakMB)} from an idle of ${megabytes(idleMB)}, and answered ${(share * 100).toFixed(1)} % of the calls of a client that behaves, p99 ${milliseconds(sample?.p99Ms ?? 0)}.`,
      figures: {
        server: {
          'idle RSS': megabytes(idleMB),
          'peak RSS': megabytes(peakMB),
          'limits that acted': named,
        },
        'good client': {
          offered: count(sample?.offered ?? 0),
          answered: count(sample?.ok ?? 0),
          p99: milliseconds(sample?.p99Ms ?? 0),
        },
      },
    },
    verdicts,
    charts: chartsOf(measured),
  };
}

export const budgetTrial: Trial = { name: NAME, seconds: LOAD_SECONDS + 5, run };
