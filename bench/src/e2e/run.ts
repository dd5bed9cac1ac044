// Runs one benchmark over the sides. Rounds alternate between the sides, so that whatever else the
// machine does falls on all of them alike, and no two sides ever work at the same time. A side that
// fails loses its figure for this benchmark and says why; the others go on.

import type { Cores } from '../machine.ts';
import type { Round } from '../report.ts';
import type { Benchmark } from './benchmarks.ts';
import type { Pair } from './rounds.ts';
import { type RunnableSide, startPair, stopPair } from './sides.ts';

export interface RunOptions {
  readonly sides: readonly RunnableSide[];
  readonly cores: Cores | null;
  readonly seconds: number;
  readonly rounds: number;
  /** Called before each round, with its number from 1. */
  readonly onProgress: (side: string, round: number) => void;
}

export interface SideRun {
  readonly rounds: Round[];
  version: string;
  fault: string | undefined;
}

async function warmPair(
  benchmark: Benchmark,
  side: RunnableSide,
  options: RunOptions,
): Promise<Pair> {
  const pair = await startPair(side, options.cores, benchmark.memory);
  try {
    // The first load of a pair runs in cold code; no figure is taken from it.
    if (!benchmark.memory) await (benchmark.warmUp ?? benchmark.round)(pair, side.warmUpSeconds);
    return pair;
  } catch (fault) {
    await stopPair(pair);
    throw fault;
  }
}

/** The rounds of every side, by its name. */
export async function runBenchmark(
  benchmark: Benchmark,
  options: RunOptions,
): Promise<Map<string, SideRun>> {
  const runs = new Map<string, SideRun>();
  const pairs = new Map<string, Pair>();
  for (const side of options.sides) {
    runs.set(side.name, { rounds: [], version: '', fault: undefined });
  }
  const oneRound = async (side: RunnableSide, run: SideRun): Promise<void> => {
    const pair = pairs.get(side.name) ?? (await warmPair(benchmark, side, options));
    pairs.set(side.name, pair);
    run.version = pair.client.version;
    run.rounds.push(await benchmark.round(pair, options.seconds));
    if (benchmark.memory) {
      pairs.delete(side.name);
      await stopPair(pair);
    }
  };
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const side of options.sides) {
        const run = runs.get(side.name);
        if (run === undefined || run.fault !== undefined) continue;
        options.onProgress(side.name, round);
        try {
          await oneRound(side, run);
        } catch (fault) {
          run.fault = fault instanceof Error ? fault.message : String(fault);
        }
      }
    }
  } finally {
    await Promise.all([...pairs.values()].map(stopPair));
  }
  return runs;
}
