// What a run of the attacks found, as data: the shape that `--json` writes.
// Not here: how it looks in a terminal (text-report.ts) and on a page (docs.ts).

export type Status = 'held' | 'failed' | 'blocked';
export type Figures = Record<string, number | string>;
export type Direction = 'server' | 'client';
export type RuntimeName = 'sluice' | 'grpc-js';

/** How one runtime stood one row. */
export interface AttackSide {
  status: Status;
  /** What did not hold, or why the row cannot run on this machine. */
  why: string | null;
  figures: Figures;
  /** The limit that acted. */
  counter: { name: string; before: number; after: number } | null;
  /** The legitimate twin, which must not be taken for an attack. */
  twin: 'held' | 'failed' | null;
}

export interface AttackEntry {
  row: number;
  name: string;
  direction: Direction;
  tls: boolean;
  sluice: AttackSide;
  'grpc-js': AttackSide | null;
}

export type AttackReport = AttackEntry[];

export function blocked(why: string): AttackSide {
  return { status: 'blocked', why, figures: {}, counter: null, twin: null };
}

/** @param faults what did not hold; none for a row that was held */
export function side(faults: readonly string[], figures: Figures): AttackSide {
  return {
    status: faults.length === 0 ? 'held' : 'failed',
    why: faults.length === 0 ? null : faults.join('; '),
    figures,
    counter: null,
    twin: null,
  };
}
