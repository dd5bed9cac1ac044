// Each limit of a client provoked under each policy that it acts under: the counter of that limit
// moves, refusals name a limit, and whatever was accepted ends.

import type { Chart } from '../charts.ts';
import type { Sample } from '../protocol.ts';
import type { TrialReport, Verdict } from '../storm-report.ts';
import { count } from '../text-table.ts';
import { type Trial, type TrialContext, type TrialOutcome, withPair } from './trial.ts';

const NAME = 'limits';
const SECONDS = 1;
const RATE_RPS = 20_000;
const CLOCK_RPS = 2000;

interface Provocation {
  readonly limit: string;
  readonly policy: 'wait' | 'fail';
  /** What refuses when calls that wait are too many; the limit itself under `fail`. */
  readonly refusedBy: string;
  readonly limits: Readonly<Record<string, number | null>>;
  readonly stopped: boolean;
  readonly payloadBytes: number;
  /** Calls offered a second. */
  readonly rate: number;
}

const PAYLOAD = 16_384;
const WIDE_WINDOW = 64 * 1024 * 1024;

const NO_OTHER = { queuedBytes: 1_000_000_000, queueAgeMs: 60_000 };

/** Limits that a stopped server makes act: what cannot be written queues here. */
function queued(limit: string, limits: Record<string, number>, rate: number): Provocation[] {
  const open = { ...limits, openCalls: 1_000_000 };
  const load = { stopped: true, payloadBytes: PAYLOAD, rate };
  return [
    { limit, policy: 'fail', refusedBy: limit, limits: open, ...load },
    {
      limit,
      policy: 'wait',
      refusedBy: 'waiting-calls',
      limits: { ...open, waitingCalls: 50 },
      ...load,
    },
  ];
}

const PROVOCATIONS: readonly Provocation[] = [
  {
    limit: 'open-calls',
    policy: 'fail',
    refusedBy: 'open-calls',
    limits: { openCalls: 100 },
    stopped: false,
    payloadBytes: 16,
    rate: RATE_RPS,
  },
  {
    limit: 'open-calls',
    policy: 'wait',
    refusedBy: 'waiting-calls',
    limits: { openCalls: 100, waitingCalls: 50 },
    stopped: false,
    payloadBytes: 16,
    rate: RATE_RPS,
  },
  {
    limit: 'waiting-calls',
    policy: 'wait',
    refusedBy: 'waiting-calls',
    limits: { openCalls: 50, waitingCalls: 100 },
    stopped: false,
    payloadBytes: 16,
    rate: RATE_RPS,
  },
  {
    limit: 'waiting-bytes',
    policy: 'wait',
    refusedBy: 'waiting-bytes',
    limits: { openCalls: 50, waitingBytes: 10 * PAYLOAD },
    stopped: false,
    payloadBytes: PAYLOAD,
    rate: RATE_RPS,
  },
  ...queued('queued-bytes', { queuedBytes: 1_000_000 }, RATE_RPS),
  ...queued('queued-items', { queuedItems: 100, ...NO_OTHER }, RATE_RPS),
  // So few that the limit of items, which follows from the same age, does not act before.
  ...queued('queue-age', { ...NO_OTHER, queueAgeMs: 50 }, 800),
];

interface Provoked {
  readonly acted: number;
  readonly refusedBy: Readonly<Record<string, number>>;
  readonly sample: Sample | null;
  readonly lost: number;
}

function provoke(context: TrialContext, how: Provocation): Promise<Provoked> {
  const { limits, policy, payloadBytes, stopped } = how;
  // Windows so wide that a stopped server blocks the socket, and not only the streams' data.
  const settings = stopped ? { windowBytes: WIDE_WINDOW } : {};
  const plan = { payloadBytes, settings, options: { limits, admissionPolicy: policy } };
  return withPair(context, plan, async (pair) => {
    await pair.warmUp(0.2);
    await pair.drain(1);
    await pair.capacity(CLOCK_RPS);
    await pair.reset();
    if (stopped) {
      await pair.client.ask({ ask: 'guard', pid: pair.server.pid }, 5);
      pair.server.stop();
    }
    await pair.load(how.rate, SECONDS);
    if (stopped) pair.server.continue();
    await pair.capacity(0);
    const { sample = null } = await pair.drain(3);
    const { acted } = await pair.lap();
    return {
      acted: acted?.[how.limit] ?? 0,
      refusedBy: sample?.refusedBy ?? {},
      sample,
      lost: sample === null ? -1 : sample.offered - sample.refused - sample.finished,
    };
  });
}

function judge(how: Provocation, provoked: Provoked): Verdict {
  const { acted, refusedBy, lost, sample } = provoked;
  const named = Object.keys(refusedBy);
  const right = (refusedBy[how.refusedBy] ?? 0) > 0 && !named.includes('unnamed');
  const ok = sample?.ok ?? 0;
  const held = acted > 0 && right && lost === 0 && ok > 0;
  const refusals = named.map((name) => `${name} ${count(refusedBy[name] ?? 0)}`).join(', ');
  return {
    scenario: NAME,
    promise: `${how.limit}, policy ${how.policy}`,
    held,
    figure: `acted ${count(acted)} times; refused by ${refusals || 'none'}; ${count(ok)} answered, ${count(lost)} lost`,
    bar: `it acts, ${how.refusedBy} refuses by name, 0 lost`,
  };
}

async function run(context: TrialContext): Promise<TrialOutcome> {
  const verdicts: Verdict[] = [];
  const figures: TrialReport['figures'] = {};
  for (const how of PROVOCATIONS) {
    context.watcher.phase(`${how.limit}, ${how.policy}`, SECONDS + 1.5);
    const provoked = await provoke(context, how);
    verdicts.push(judge(how, provoked));
    const row = `${how.limit}, policy ${how.policy}`;
    figures[row] = {
      'times it acted': count(provoked.acted),
      offered: count(provoked.sample?.offered ?? 0),
      refused: count(provoked.sample?.refused ?? 0),
      answered: count(provoked.sample?.ok ?? 0),
      lost: count(provoked.lost),
    };
  }
  const held = verdicts.filter((verdict) => verdict.held).length;
  const charts: Chart[] = [];
  return {
    report: {
      name: NAME,
      title: 'Every limit, provoked',
      lead: `Up to ${count(RATE_RPS)} calls a second meet each limit, set low: under the policy "fail" it refuses at once, under "wait" calls stand in a line that has limits itself.`,
      sentence: `${held} of ${verdicts.length} acted as they should: the counter moved, each refusal named its limit, and what was accepted was answered.`,
      figures,
    },
    verdicts,
    charts,
  };
}

export const limitsTrial: Trial = {
  name: NAME,
  seconds: PROVOCATIONS.length * (SECONDS + 1.5),
  run,
};
