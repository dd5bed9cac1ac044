// What a flood row says of itself: whom it attacks, with what, and what must hold beside the promises
// that all floods share.
// Not here: those promises (flood-verdict.ts), how they are measured (flood-row.ts).

import type { Direction, Figures, RuntimeName } from '../report.ts';
import type { ServePlan } from '../runtimes/runtime.ts';
import type { VictimEnds, VictimLoad } from '../victim-process.ts';

/** What one attack showed. */
export interface Run {
  /** What the attacker saw. */
  readonly seen: Figures;
  /** The same, of each time that a short attack was repeated. */
  readonly repeated: readonly Figures[];
  /** Bytes of RSS at the peak, over the warm idle. */
  readonly growth: number;
  /** MB of live memory over the warm idle when the attack is done and its connections still stand. */
  readonly heldMB: number;
  readonly longestStallMs: number;
  /** Of one attack, where it was repeated. */
  readonly cpuMs: number;
  /** Handlers running at the most; of a server. */
  readonly handlersMost: number;
  readonly goodP99Ms: number;
  readonly goodFailures: number;
  readonly goodCalls: number;
  /** How calls to the hostile server ended; of a client. */
  readonly ends: VictimEnds | undefined;
}

export interface FloodPlan {
  readonly row: number;
  readonly name: string;
  readonly direction: Direction;
  readonly tls: boolean;
  /** What must hold, in words, for the page. */
  readonly expected: string;
  /** `import.meta.url` of the row's file, in which `attack` is looked up. */
  readonly module: string;
  /** Against a server a name in `attacks`, against a client one in `hostilities`. */
  readonly attack: string;
  /** Seconds that one attack takes at the most. Against a client: that calls are made for. */
  readonly seconds: number;
  /**
   * Limits of Sluice of which each must act; no other one may. Empty: none acts, the input is
   * harmless.
   */
  readonly counters: readonly string[];
  /** Limits that may act beside those. */
  readonly mayAct?: readonly string[];
  /** Of a server under attack; default 100 streams and 100 handlers a connection. */
  readonly serve?: ServePlan;
  /** Of a client under attack. */
  readonly load?: VictimLoad;
  /** MB of RSS over the warm idle; default 48. */
  readonly growthMB?: number;
  /** Share of the good client's calls that must succeed; default all. */
  readonly goodShare?: number;
  /**
   * Milliseconds behind the start of an attack at which `heldMB` is measured; default when the attack
   * is over, and what it opened is still open.
   */
  readonly heldAfterMs?: number;
  /** What else must hold of each run; texts of what does not. */
  judge?(run: Run, runtime: RuntimeName): readonly string[];
  /** The legitimate twin. */
  readonly twin?: {
    /** A name in `attacks` (or `hostilities`): no limit may act, and the judge must find nothing. */
    readonly attack: string;
    readonly seconds: number;
    judge?(seen: Figures, ends: VictimEnds | undefined): readonly string[];
  };
}
