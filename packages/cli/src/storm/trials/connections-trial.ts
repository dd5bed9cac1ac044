// One connection against connections that open by themselves: a peer that allows 100 streams, a link
// that passes so many bytes a second for each connection, and a server that is what is slow, where
// another connection would help nobody and none may stay.

import type { Chart } from '../charts.ts';
import type { Done, Sample, ServeSettings } from '../protocol.ts';
import type { TrialReport, Verdict } from '../storm-report.ts';
import { count } from '../text-table.ts';
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

const NAME = 'connections';
const IDLE_MS = 1500;
/** From the end of the load until connections that nobody needs have to be gone. */
const BACK_TO_ONE_SECONDS = 8;

interface Situation {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly settings: ServeSettings;
  readonly payloadBytes: number;
  /** True if another connection gets more done. */
  readonly helps: boolean;
  load(pair: TrialPair, seconds: number): Promise<Done>;
}

const SITUATIONS: readonly Situation[] = [
  {
    name: 'stream limit',
    title: 'The peer allows 100 streams; 400 calls of 20 ms are under way',
    seconds: 6,
    settings: { streams: 100, handlerMs: 20 },
    payloadBytes: 16,
    helps: true,
    load: (pair, seconds) =>
      pair.client.ask({ ask: 'closed-loop', seconds, inFlight: 400 }, seconds + 5),
  },
  {
    name: 'slow link',
    title: 'A connection passes 16 MB a second; 3,000 calls of 16 KB are offered',
    seconds: 10,
    settings: { linkBytesPerSecond: 16_000_000 },
    payloadBytes: 16_384,
    helps: true,
    load: (pair, seconds) => pair.load(3000, seconds),
  },
  {
    name: 'slow server',
    title: 'The server answers 2,000 a second; 10,000 are offered',
    seconds: 5,
    settings: {},
    payloadBytes: 16,
    helps: false,
    load: async (pair, seconds) => {
      await pair.capacity(2000);
      const done = await pair.load(10_000, seconds);
      await pair.capacity(0);
      return done;
    },
  },
];

const POLICIES = [
  { name: 'single', colour: '--b' },
  { name: 'automatic', colour: '--a' },
] as const;

interface Measured {
  readonly samples: readonly Sample[];
  readonly fromMs: number;
  readonly loadEndMs: number;
  readonly most: number;
  readonly last: number;
  readonly goodputRps: number;
  readonly lost: number;
  readonly failed: number;
}

function connectionsOf(samples: readonly Sample[]): number[] {
  return samples.map(({ connections }) => connections ?? 0);
}

function measure(context: TrialContext, situation: Situation, policy: string): Promise<Measured> {
  const { settings, payloadBytes, seconds } = situation;
  const connections = policy === 'single' ? { policy } : { policy, idleMs: IDLE_MS };
  return withPair(context, { settings, payloadBytes, options: { connections } }, async (pair) => {
    const fromMs = pair.samples.at(-1)?.atMs ?? 0;
    await situation.load(pair, seconds);
    const loadEndMs = pair.samples.at(-1)?.atMs ?? 0;
    await pair.drain(4);
    if (policy === 'automatic') await backToOne(pair);
    const { sample } = await pair.lap();
    const under = pair.samples.filter(({ atMs }) => atMs <= loadEndMs);
    const last = under.at(-1);
    // The second half, when connections have had time to open.
    const half = under.find(({ atMs }) => atMs >= (fromMs + loadEndMs) / 2);
    const spanMs = Math.max(1, (last?.atMs ?? 0) - (half?.atMs ?? 0));
    return {
      samples: pair.samples,
      fromMs,
      loadEndMs,
      most: Math.max(0, ...connectionsOf(under)),
      last: sample?.connections ?? 0,
      goodputRps: (((last?.ok ?? 0) - (half?.ok ?? 0)) * 1000) / spanMs,
      lost: sample === undefined ? -1 : sample.offered - sample.refused - sample.finished,
      failed: sample === undefined ? -1 : sample.finished - sample.ok,
    };
  });
}

async function backToOne(pair: TrialPair): Promise<void> {
  const untilMs = performance.now() + BACK_TO_ONE_SECONDS * 1000;
  while ((pair.samples.at(-1)?.connections ?? 1) > 1 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function judge(situation: Situation, single: Measured, automatic: Measured): Verdict[] {
  const say = (promise: string, held: boolean, figure: string, bar: string): Verdict => ({
    scenario: NAME,
    promise: `${situation.name}: ${promise}`,
    held,
    figure,
    bar,
  });
  const opened = situation.helps
    ? say(
        'more connections open by themselves and more calls are answered',
        automatic.most > 1 && automatic.goodputRps > single.goodputRps * 1.5,
        `${automatic.most} connections, ${count(automatic.goodputRps)}/s against ${count(single.goodputRps)}/s`,
        'more than one connection, 1.5 x the calls',
      )
    : say('no connection opens', automatic.most === 1, `${automatic.most}`, '1');
  return [
    opened,
    say(
      'back to one connection when idle',
      automatic.last === 1,
      `${automatic.last}`,
      `1 within ${BACK_TO_ONE_SECONDS} s`,
    ),
    say(
      'no call is lost',
      automatic.lost === 0 && automatic.failed === 0,
      `${count(automatic.lost)} lost, ${count(automatic.failed)} failed`,
      '0',
    ),
  ];
}

function charts(situation: Situation, runs: ReadonlyMap<string, Measured>): Chart[] {
  const traces = (values: (samples: readonly Sample[]) => (number | null)[]) =>
    POLICIES.flatMap(({ name, colour }) => {
      const run = runs.get(name);
      if (run === undefined) return [];
      // After the load a slow server is let go at once, which says nothing of it.
      const untilMs = situation.helps ? Number.POSITIVE_INFINITY : run.loadEndMs;
      const samples = run.samples.filter(({ atMs }) => atMs <= untilMs);
      const seconds = secondsOf(samples, run.fromMs);
      return [{ label: name, colour, seconds, values: values(samples) }];
    });
  const loads = [{ from: 0, to: situation.seconds, colour: null }];
  return [
    traceChart(
      {
        scenario: NAME,
        title: `${situation.name}: connections`,
        note: `${situation.title}. Shaded: the load runs.`,
        unit: 'connections',
        wide: false,
      },
      traces(connectionsOf),
      loads,
    ),
    traceChart(
      {
        scenario: NAME,
        title: `${situation.name}: calls answered a second`,
        note: situation.helps
          ? 'What one connection cannot pass, several can.'
          : 'The server is what is slow: more connections would answer no more calls.',
        unit: 'calls per second',
        wide: false,
      },
      traces((samples) => ratesOf(samples, ({ ok }) => ok)),
      loads,
    ),
  ];
}

async function run(context: TrialContext): Promise<TrialOutcome> {
  const verdicts: Verdict[] = [];
  const drawn: Chart[] = [];
  const figures: TrialReport['figures'] = {};
  const gains: string[] = [];
  for (const situation of SITUATIONS) {
    const runs = new Map<string, Measured>();
    for (const { name } of POLICIES) {
      context.watcher.phase(`${situation.name}, ${name}`, situation.seconds + 2);
      const measured = await measure(context, situation, name);
      runs.set(name, measured);
      figures[`${situation.name}, ${name}`] = {
        'connections at most': count(measured.most),
        'connections at the end': count(measured.last),
        answered: `${count(measured.goodputRps)}/s`,
        failed: count(measured.failed),
        lost: count(measured.lost),
      };
    }
    const single = runs.get('single');
    const automatic = runs.get('automatic');
    if (single === undefined || automatic === undefined) continue;
    verdicts.push(...judge(situation, single, automatic));
    drawn.push(...charts(situation, runs));
    const opened =
      automatic.most === 1
        ? 'one connection stayed one'
        : `up to ${automatic.most} connections were open`;
    gains.push(
      `With a ${situation.name} ${opened}, and ${count(automatic.goodputRps)} calls a second were answered instead of ${count(single.goodputRps)}.`,
    );
  }
  return {
    report: {
      name: NAME,
      title: 'Connections that open by themselves',
      lead: 'The same load over a single connection and with the policy "automatic", which opens another where one holds calls back, and gives it up when it brings nothing or is not needed.',
      sentence: gains.join(' '),
      figures,
    },
    verdicts,
    charts: drawn,
  };
}

export const connectionsTrial: Trial = {
  name: NAME,
  seconds: SITUATIONS.reduce((sum, { seconds }) => sum + 2 * (seconds + 3), 0),
  run,
};
