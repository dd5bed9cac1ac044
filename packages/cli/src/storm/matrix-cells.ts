// The cells of the matrix, as data: every load, server, payload and kind of call, with the lengths
// of the phases and the bars. A cell is short, so that all of them and the runtimes beside Sluice
// take about ten minutes; each is measured in processes of its own.

/** What the server of a cell does. */
export type CellServer = 'slow-server' | 'stopped-server';
export type CellKind = 'unary' | 'streaming';

export interface MatrixCell {
  /** As in `slow-server/unary/16B/100000`. */
  readonly name: string;
  readonly server: CellServer;
  readonly kind: CellKind;
  readonly payloadName: string;
  readonly payloadBytes: number;
  /** Calls, or messages over all streams, that are due a second. */
  readonly rate: number;
}

export const CELL_SERVERS: readonly CellServer[] = ['slow-server', 'stopped-server'];
export const CELL_KINDS: readonly CellKind[] = ['unary', 'streaming'];
export const CELL_PAYLOADS: readonly (readonly [name: string, bytes: number])[] = [
  ['16B', 16],
  ['16KB', 16_384],
];
export const CELL_RATES: readonly number[] = [20_000, 100_000, 300_000];

function allCells(): MatrixCell[] {
  const cells: MatrixCell[] = [];
  for (const server of CELL_SERVERS) {
    for (const kind of CELL_KINDS) {
      for (const [payloadName, payloadBytes] of CELL_PAYLOADS) {
        for (const rate of CELL_RATES) {
          const name = `${server}/${kind}/${payloadName}/${rate}`;
          cells.push({ name, server, kind, payloadName, payloadBytes, rate });
        }
      }
    }
  }
  return cells;
}

export const CELLS: readonly MatrixCell[] = allCells();

/** The cells whose name has every part of one of the words: `unary/16KB` is six of them. */
export function cellsNamed(words: readonly string[]): MatrixCell[] {
  const wanted = words.map((word) => word.split('/'));
  return CELLS.filter(({ name }) => {
    const parts = name.split('/');
    return wanted.some((word) => word.every((part) => parts.includes(part)));
  });
}

export const MATRIX_RUNTIMES = ['sluice', 'grpc-js', 'grpc-go'] as const;
export type MatrixRuntime = (typeof MATRIX_RUNTIMES)[number];

/** Open streams of a streaming cell. */
export const CELL_STREAMS = 100;

/** Calls or messages a second that a slow server answers, unless its CPU ends before that. */
export const CELL_CLOCK_RPS = 10_000;

/** Memory of a client above which it is ended, where its runtime has no heap cap: MB of RSS. */
export const RSS_CAP_MB = 600;

/** Seconds. */
export const CELL_PHASES = {
  start: 0.6,
  warmUp: 1.6,
  /** At the full rate, so that refusing and pausing are warm before idle is measured. */
  burst: 0.5,
  unloaded: 1,
  /** Longest wait for what is under way; a stopped server has 300,000 messages to catch up with. */
  drain: 10,
  /** The same for a runtime that is not judged. */
  peerDrain: 1.5,
  /** From the end of the load to the last measurement. */
  settle: 2,
  grace: 4,
} as const;

/** Length of the storm, and whether the phases that only a verdict needs are there. */
export const CELL_RUNS: Record<MatrixRuntime, { seconds: number; judged: boolean }> = {
  sluice: { seconds: 3, judged: true },
  'grpc-js': { seconds: 2, judged: false },
  'grpc-go': { seconds: 2, judged: false },
};

/** A call of a stopped server ends by its deadline, this many ms after the load. */
export const CELL_DEADLINE_BEYOND_MS = 1000;

/** What the matrix may take in all; peers that would start later are left out by name. */
export const MATRIX_SECONDS = 690;

export const CELL_BARS = {
  rssGrowthMB: 96,
  /** The goal inside the bar. */
  rssGoalMB: 64,
  liveOverIdleMB: 10,
  achievedOfNominal: 0.95,
  /** p99 of accepted calls: the age that a queued call may have, `limits.queueAgeMs` by default. */
  queueAgeMs: 1000,
} as const;

/** Share of the server's capacity that has to come back as answers. */
export function goodputShare(rate: number): number {
  return rate >= 300_000 ? 0.8 : 0.9;
}
