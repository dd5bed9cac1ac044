// Row 31: three packets of a hundred get lost, in both directions, between two hosts.
// Invariant: both runtimes run in turns over one cable, so that neither has the better minute.
// Not here: the hosts (hosts/hosts.ts), the loads and their checks (hosts/loads.ts).

import { Hosts, NoHostsError } from '../hosts/hosts.ts';
import { Pair } from '../hosts/pair.ts';
import type { Load, LoadResult, TrafficCommand } from '../hosts/traffic.ts';
import { type AttackSide, blocked, type Figures, type RuntimeName, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const LOSS_PERCENT = 3;
const ROUNDS = 3;
const SECONDS = 3;
/** Of grpc-js's goodput. */
const SHARE = 0.8;

interface LossLoad {
  readonly load: Load;
  readonly workers: number;
  readonly length: number;
}

const LOADS: readonly LossLoad[] = [
  { load: 'unary', workers: 32, length: 4_096 },
  { load: 'downloads', workers: 4, length: 65_536 },
  { load: 'uploads', workers: 4, length: 65_536 },
];

/** What the rounds of one runtime came to. */
interface Measured {
  /** Mbit/s of right content, a list per load, a value per round. */
  readonly goodput: Map<Load, number[]>;
  calls: number;
  readonly faults: string[];
}

interface Rounds {
  readonly sides: Record<RuntimeName, Measured>;
  lostPercent: number;
}

/** The middle one of an odd number of values. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function measured(): Measured {
  return { goodput: new Map(LOADS.map(({ load }) => [load, []])), calls: 0, faults: [] };
}

function note(into: Measured, load: Load, result: LoadResult): void {
  into.goodput.get(load)?.push((result.bytes * 8) / (result.ms * 1000));
  into.calls += result.calls;
  if (result.wrong > 0) into.faults.push(`${load}: ${result.wrong} messages were wrong`);
  if (result.failed > 0) {
    into.faults.push(`${load}: ${result.failed} calls failed: ${result.firstFault ?? ''}`);
  }
}

async function oneRound(runtime: RuntimeName, hosts: Hosts, into: Measured): Promise<void> {
  let pair: Pair | undefined;
  try {
    pair = await Pair.start({ server: runtime, client: runtime, hosts });
    for (const { load, workers, length } of LOADS) {
      const command: TrafficCommand = { do: 'load', load, workers, seconds: SECONDS, length };
      note(into, load, await pair.askClient<LoadResult>(command, SECONDS));
    }
  } catch (fault) {
    into.faults.push(fault instanceof Error ? fault.message : String(fault));
  } finally {
    pair?.end();
  }
}

async function measure(context: RowContext): Promise<Rounds> {
  const hosts = await Hosts.make({ lossPercent: LOSS_PERCENT });
  const rounds: Rounds = {
    sides: { sluice: measured(), 'grpc-js': measured() },
    lostPercent: 0,
  };
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const runtime of ['grpc-js', 'sluice'] as const) {
        context.progress(`round ${round}: ${runtime}`);
        await oneRound(runtime, hosts, rounds.sides[runtime]);
      }
    }
    const counts = [hosts.lossAt(hosts.server), hosts.lossAt(hosts.client)];
    const received = counts.reduce((sum, count) => sum + count.received, 0);
    const lost = counts.reduce((sum, count) => sum + count.lost, 0);
    rounds.lostPercent = (lost * 100) / received;
    return rounds;
  } finally {
    await hosts.remove();
  }
}

function judge(runtime: RuntimeName, { sides, lostPercent }: Rounds): AttackSide {
  const own = sides[runtime];
  const faults = [...own.faults];
  const figures: Figures = { lostPercent: lostPercent.toFixed(2), calls: own.calls };
  for (const { load } of LOADS) {
    const mine = median(own.goodput.get(load) ?? []);
    const theirs = median(sides['grpc-js'].goodput.get(load) ?? []);
    figures[`${load}Mbps`] = Number(mine.toFixed(1));
    if (runtime === 'grpc-js') continue;
    const share = mine / theirs;
    figures[`${load}OfGrpcJs`] = Number(share.toFixed(2));
    if (!(share >= SHARE)) {
      faults.push(`${load}: goodput is ${share.toFixed(2)} of grpc-js's, below ${SHARE}`);
    }
  }
  return side(faults, figures);
}

/** Of the last measurement, the side that has not been asked for yet. */
let waiting: { readonly runtime: RuntimeName; readonly rounds: Rounds } | undefined;

/** Both are measured in turns: whoever is asked for second was measured with the first. */
async function roundsFor(context: RowContext): Promise<Rounds> {
  const { runtime } = context;
  const kept = waiting;
  waiting = undefined;
  if (kept?.runtime === runtime) return kept.rounds;
  const rounds = await measure(context);
  waiting = { runtime: runtime === 'sluice' ? 'grpc-js' : 'sluice', rounds };
  return rounds;
}

export const rows: readonly Row[] = [
  {
    row: 31,
    name: '3 % packet loss',
    direction: 'server',
    tls: false,
    expected: 'no wrong result; goodput at least 80 % of that of grpc-js under the same loss',
    seconds: ROUNDS * 2 * LOADS.length * (SECONDS + 1),
    async run(context: RowContext): Promise<AttackSide> {
      try {
        return judge(context.runtime, await roundsFor(context));
      } catch (fault) {
        if (fault instanceof NoHostsError) return blocked(fault.message);
        return side([fault instanceof Error ? fault.message : String(fault)], {});
      }
    },
  },
];
