// Row 36: one bulk stream and 99 small calls on one connection, which is 100 streams: whether who
// moves much makes those wait who move little.
// Invariant: alone and beside the stream in turns, on the same connection; the best round counts.
// Not here: the load itself (hosts/loads.ts).

import { Pair } from '../hosts/pair.ts';
import type { LatencyResult, TrafficCommand } from '../hosts/traffic.ts';
import { type AttackSide, type Figures, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const SMALL_CALLS = 99;
const SECONDS = 2;
const ROUNDS = 3;
const TIMES_ALONE = 3;

const BULKS = ['download', 'upload'] as const;

interface Best {
  readonly bulk: (typeof BULKS)[number];
  ratio: number;
  alone: number;
  beside: number;
  mbPerSecond: number;
}

async function small(
  pair: Pair,
  bulk: 'download' | 'upload' | undefined,
  faults: string[],
): Promise<LatencyResult> {
  const command: TrafficCommand = {
    do: 'small-calls',
    workers: SMALL_CALLS,
    seconds: SECONDS,
    bulk,
  };
  const result = await pair.askClient<LatencyResult>(command, SECONDS);
  const where = bulk === undefined ? 'alone' : `beside the ${bulk}`;
  if (result.failed > 0) faults.push(`${where}: ${result.failed} failed: ${result.firstFault}`);
  if (result.wrong > 0) faults.push(`${where}: ${result.wrong} answers were wrong`);
  return result;
}

/** Alone, then beside each stream; keeps a round that is better than those before it. */
async function oneRound(pair: Pair, bests: readonly Best[], faults: string[]): Promise<void> {
  for (const best of bests) {
    const alone = await small(pair, undefined, faults);
    const beside = await small(pair, best.bulk, faults);
    const ratio = beside.p99Ms / alone.p99Ms;
    if (!(ratio < best.ratio)) continue;
    best.ratio = ratio;
    best.alone = alone.p99Ms;
    best.beside = beside.p99Ms;
    best.mbPerSecond = (beside.bulkBytes * 1000) / (beside.ms * 1e6);
  }
}

function judge(bests: readonly Best[], faults: string[]): AttackSide {
  const figures: Figures = {};
  for (const { bulk, ratio, alone, beside, mbPerSecond } of bests) {
    figures[`${bulk}: p99 alone, ms`] = Number(alone.toFixed(2));
    figures[`${bulk}: p99 beside, ms`] = Number(beside.toFixed(2));
    figures[`${bulk}: times`] = Number(ratio.toFixed(2));
    figures[`${bulk}: MB/s`] = Math.round(mbPerSecond);
    if (!(ratio <= TIMES_ALONE)) {
      faults.push(`beside the ${bulk} small calls take ${ratio.toFixed(1)} times as long (p99)`);
    }
  }
  return side(faults, figures);
}

export const rows: readonly Row[] = [
  {
    row: 36,
    name: 'one bulk stream and 99 small calls',
    direction: 'server',
    tls: false,
    expected: 'p99 of the small calls at most 3 times that without the stream',
    seconds: ROUNDS * BULKS.length * 2 * SECONDS + 2,
    async run({ runtime, progress }: RowContext): Promise<AttackSide> {
      const faults: string[] = [];
      const bests: Best[] = BULKS.map((bulk) => ({
        bulk,
        ratio: Number.POSITIVE_INFINITY,
        alone: 0,
        beside: 0,
        mbPerSecond: 0,
      }));
      let pair: Pair | undefined;
      try {
        pair = await Pair.start({ server: runtime, client: runtime });
        // Both ends are compiled and warm before anything counts.
        await small(pair, undefined, faults);
        for (let round = 1; round <= ROUNDS; round += 1) {
          progress(`round ${round} of ${ROUNDS}`);
          await oneRound(pair, bests, faults);
        }
        return judge(bests, faults);
      } catch (fault) {
        faults.push(fault instanceof Error ? fault.message : String(fault));
        return side(faults, {});
      } finally {
        pair?.end();
      }
    },
  },
];
