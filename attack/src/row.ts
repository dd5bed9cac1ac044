// A row of the table of attacks: what is sent, what must hold, and how one runtime is put to it.
// Not here: the measure that flood rows share (measure/flood-row.ts), the table itself (rows.ts).

import type { Certificate } from '../../interop/dist/certificate.js';
import type { AttackSide, Direction, RuntimeName } from './report.ts';

export interface RowContext {
  /** The runtime under attack. */
  readonly runtime: RuntimeName;
  /** Made for this run; undefined where openssl is not to be had. */
  readonly certificate: Certificate | undefined;
  /** Says what is happening, in a line. */
  progress(what: string): void;
}

export interface Row {
  readonly row: number;
  readonly name: string;
  readonly direction: Direction;
  readonly tls: boolean;
  /** What must hold, in words, for the page. */
  readonly expected: string;
  /** About how long one runtime takes. */
  readonly seconds: number;
  /** Never rejects for what a runtime does: its death is a failed row. */
  run(context: RowContext): Promise<AttackSide>;
}
