// The adaptive limiter against a fixed limit and none: a server whose capacity is halved and restored
// while twice its capacity is offered. Calls past a limit are refused at once, so that the latency of
// accepted calls is the server's and not that of a line here. Nothing is retuned in between.

import type { Chart } from '../charts.ts';
import type { Sample } from '../protocol.ts';
import type { TrialReport, Verdict } from '../storm-report.ts';
import { count, milliseconds } from '../text-table.ts';
import {
  ratesOf,
  secondsOf,
  type Trace,
  type Trial,
  type TrialContext,
  type TrialOutcome,
  traceChart,
  withPair,
} from './trial.ts';

const NAME = 'adaptive';
const OFFERED_RPS = 20_000;
const FULL_RPS = 10_000;
const HALF_RPS = 5000;
const PHASES = [
  { name: 'full', rps: FULL_RPS },
  { name: 'halved', rps: HALF_RPS },
  { name: 'restored', rps: FULL_RPS },
] as const;
const PHASE_SECONDS = 4;
/** Before the first phase, with its load: what a limiter needs to find its limit. */
const LEAD_SECONDS = 2;
/** What somebody who had measured this server would set. */
const FIXED_CALLS = 100;

const BARS = { p99OverBaseline: 3, goodputOfCapacity: 0.9 } as const;

const VARIANTS: readonly {
  readonly name: string;
  readonly colour: string;
  readonly options: Readonly<Record<string, unknown>>;
}[] = [
  { name: 'adaptive', colour: '--a', options: { adaptiveConcurrency: true } },
  {
    name: `fixed at ${FIXED_CALLS}`,
    colour: '--c',
    options: { limits: { openCalls: FIXED_CALLS } },
  },
  { name: 'none but the defaults', colour: '--b', options: {} },
];

interface PhaseMeasured {
  readonly p99Ms: number;
  readonly goodputRps: number;
}

interface VariantMeasured {
  readonly phases: readonly PhaseMeasured[];
  readonly samples: readonly Sample[];
  readonly fromMs: number;
  readonly lost: number;
}

function runVariant(
  context: TrialContext,
  options: Readonly<Record<string, unknown>>,
): Promise<VariantMeasured> {
  const plan = { options: { admissionPolicy: 'fail', ...options } };
  return withPair(context, plan, async (pair) => {
    await pair.warmUp(1);
    await pair.drain(1);
    await pair.capacity(FULL_RPS);
    await pair.reset();
    await pair.load(OFFERED_RPS, LEAD_SECONDS);
    await pair.lap();
    const fromMs = pair.samples.at(-1)?.atMs ?? 0;
    const phases: PhaseMeasured[] = [];
    for (const { rps } of PHASES) {
      await pair.capacity(rps);
      const done = await pair.load(OFFERED_RPS, PHASE_SECONDS);
      const { sample } = await pair.lap();
      phases.push({
        p99Ms: sample?.p99Ms ?? 0,
        goodputRps: (done.ok ?? 0) / (done.loadSeconds ?? 1),
      });
    }
    const { sample } = await pair.drain(3);
    const lost = sample === undefined ? -1 : sample.offered - sample.refused - sample.finished;
    return { phases, samples: pair.samples, fromMs, lost };
  });
}

function charts(measured: ReadonlyMap<string, VariantMeasured>): Chart[] {
  const loads = PHASES.map((_, index) => ({
    from: index * PHASE_SECONDS,
    to: index === 1 ? (index + 1) * PHASE_SECONDS : index * PHASE_SECONDS,
    colour: null,
  }));
  const traces = (
    values: (samples: readonly Sample[]) => (number | null)[],
    only = (_name: string): boolean => true,
  ): Trace[] => {
    const made: Trace[] = [];
    for (const { name, colour } of VARIANTS) {
      const run = measured.get(name);
      if (run === undefined || !only(name)) continue;
      const seconds = secondsOf(run.samples, run.fromMs);
      const from = Math.max(
        0,
        seconds.findIndex((second) => second >= -1),
      );
      made.push({
        label: name,
        colour,
        seconds: seconds.slice(from),
        values: values(run.samples).slice(from),
      });
    }
    return made;
  };
  const held = (sample: Sample): number => sample.offered - sample.refused - sample.finished;
  return [
    traceChart(
      {
        scenario: NAME,
        title: 'Calls under way, which is the queue at the server',
        note: 'Shaded: the capacity is halved. Fewer calls under way at the same answers a second is a shorter wait for each.',
        unit: 'calls',
        wide: true,
      },
      traces((samples) => samples.map(held)),
      loads,
    ),
    traceChart(
      {
        scenario: NAME,
        title: 'Calls answered a second',
        note: 'All of them should follow what the server can do: 10,000, then 5,000, then 10,000.',
        unit: 'calls per second',
        wide: false,
      },
      traces((samples) => ratesOf(samples, ({ ok }) => ok)),
      loads,
    ),
    traceChart(
      {
        scenario: NAME,
        title: 'The limit that the adaptive limiter sets',
        note: 'Found from latency alone; nobody told it what the server can do.',
        unit: 'calls',
        wide: false,
      },
      traces(
        (samples) => samples.map(({ concurrencyLimit }) => concurrencyLimit),
        (name) => name === 'adaptive',
      ),
      loads,
    ),
  ];
}

async function run(context: TrialContext): Promise<TrialOutcome> {
  const measured = new Map<string, VariantMeasured>();
  for (const { name, options } of VARIANTS) {
    context.watcher.phase(name, LEAD_SECONDS + PHASES.length * PHASE_SECONDS + 2);
    measured.set(name, await runVariant(context, options));
  }
  const verdicts: Verdict[] = [];
  const adaptive = measured.get('adaptive');
  const baseline = adaptive?.phases[0]?.p99Ms ?? 0;
  for (const [index, { name, rps }] of PHASES.entries()) {
    const phase = adaptive?.phases[index];
    const goodput = phase?.goodputRps ?? 0;
    const bar = rps * BARS.goodputOfCapacity;
    verdicts.push({
      scenario: NAME,
      promise: `goodput, capacity ${name}`,
      held: goodput >= bar,
      figure: `${count(goodput)}/s`,
      bar: `at least ${count(bar)}/s`,
    });
    if (index === 0) continue;
    const p99 = phase?.p99Ms ?? 0;
    verdicts.push({
      scenario: NAME,
      promise: `p99 of accepted calls, capacity ${name}`,
      held: p99 > 0 && p99 <= baseline * BARS.p99OverBaseline,
      figure: milliseconds(p99),
      bar: `at most ${milliseconds(baseline * BARS.p99OverBaseline)}, 3 x the ${milliseconds(baseline)} before`,
    });
  }
  verdicts.push({
    scenario: NAME,
    promise: 'every accepted call ends exactly once',
    held: [...measured.values()].every(({ lost }) => lost === 0),
    figure: `${[...measured.values()].map(({ lost }) => lost).join(', ')} lost`,
    bar: '0 lost',
  });
  const figures: TrialReport['figures'] = {};
  for (const [name, { phases }] of measured) {
    for (const [index, phase] of phases.entries()) {
      const row = `${PHASES[index]?.name ?? ''}: `;
      figures[`${row}p99`] = { ...figures[`${row}p99`], [name]: milliseconds(phase.p99Ms) };
      figures[`${row}answered`] = {
        ...figures[`${row}answered`],
        [name]: `${count(phase.goodputRps)}/s`,
      };
    }
  }
  const none = measured.get('none but the defaults');
  const sentence = `With the server halved, an accepted call took ${milliseconds(adaptive?.phases[1]?.p99Ms ?? 0)} at p99 under the adaptive limiter and ${milliseconds(none?.phases[1]?.p99Ms ?? 0)} under the default limits alone, at ${count(adaptive?.phases[1]?.goodputRps ?? 0)} and ${count(none?.phases[1]?.goodputRps ?? 0)} answers a second.`;
  return {
    report: {
      name: NAME,
      title: 'A limit that finds itself',
      lead: `${count(OFFERED_RPS)} calls a second are offered to a server that answers 10,000, for a while 5,000, and 10,000 again.`,
      sentence,
      figures,
    },
    verdicts,
    charts: charts(measured),
  };
}

export const adaptiveTrial: Trial = {
  name: NAME,
  seconds: VARIANTS.length * (LEAD_SECONDS + PHASES.length * PHASE_SECONDS + 2.5),
  run,
};
