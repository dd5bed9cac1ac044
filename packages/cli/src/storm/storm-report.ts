// The shape of `--json FILE`: scripts and people outside rely on it. A field may be added, none
// renamed. MB = 10^6 bytes. Figures of storms in a row are sums for counts and the worst storm's
// for rates, so that a good storm cannot hide a bad one.

import type { CallsBeside } from './protocol.ts';

/** How `crash` begins for a process that was ended because it no longer answered. */
export const NO_ANSWER = 'no answer';

/** One runtime under one scenario. */
export interface RuntimeFigures {
  /** Calls per second the generator really offered; the worst of the storms in a row. */
  achievedOfferedRps: number;
  offered: number;
  /** Messages that were due while every stream asked for a pause; 0 where calls are offered. */
  heldBack: number;
  /** Calls no limit refused, messages that were sent; finished + lost. */
  accepted: number;
  /** Accepted calls that ended, with any status. */
  finished: number;
  refused: number;
  /** Refusals by the limit their details name; `unnamed` where they name none. */
  refusedBy: Record<string, number>;
  /** Accepted calls that had not ended when the run was over. */
  lost: number;
  /** Ended calls by status name, refusals included. */
  statuses: Record<string, number>;
  /** Details of the first call that ended with each status, where it had any. */
  statusDetails: Record<string, string>;
  /** Best 250 ms of the warm-up, 100 in flight, the server's clock off. */
  peakClosedLoopRps: number;
  /** Calls per second that ended OK while the load ran; the worst of the storms in a row. */
  goodputRps: number;
  p50Ms: number;
  p99Ms: number;
  /** From `send` to the answer under the load, of messages; null where calls are offered. */
  messageP50Ms: number | null;
  messageP99Ms: number | null;
  /** Unary calls beside a load of streams, whose latency p50Ms and p99Ms are; null without one. */
  beside: CallsBeside | null;
  /** At half of the capacity. */
  unloadedP99Ms: number;
  idleRssMB: number;
  peakRssMB: number;
  rssGrowthMB: number;
  rssAfterMB: number;
  /** heapUsed + external after two forced collections, after the warm-up. */
  idleLiveMB: number;
  /** The same 5 s after the load ended. */
  liveAfterMB: number;
  /** Peak RSS of each storm in a row. */
  peaksMB: number[];
  peakQueueItems: number | null;
  peakQueueBytes: number | null;
  /** Calls that waited for a place on the connection, at most. */
  peakWaitingCalls: number | null;
  /** What was still queued, open or waiting 5 s after the load; null where no API shows it. */
  depthsAfter: Record<string, number> | null;
  crashed: boolean;
  crash: string | null;
}

/** One promise, judged. */
export interface Verdict {
  scenario: string;
  /** Whose promise it is, as in `runtimes` of the scenario; absent where only Sluice promises. */
  runtime?: string;
  promise: string;
  held: boolean;
  figure: string;
  bar: string;
}

/** One scenario's figures, by runtime. */
export interface ScenarioReport {
  name: string;
  /** Calls per second the server drains; 0 for a stopped server. */
  serverCapacityRps: number;
  /** Nominal calls per second. */
  offeredRps: number;
  runtimes: Record<string, RuntimeFigures>;
  /** Share of the storm that a process of Sluice's run waited for a core; null where unknown. */
  waitedForCore?: number | null;
  /** Runtimes that could not run here, each with the reason. */
  absent?: Record<string, string>;
}

/** One feature under load. */
export interface TrialReport {
  name: string;
  title: string;
  /** What was done, one sentence. */
  lead: string;
  /** What came of it, one sentence. */
  sentence: string;
  /** Row by row, what each variant showed. */
  figures: Record<string, Record<string, string>>;
}

/** The whole report. */
export interface StormReport {
  held: boolean;
  versions: Record<string, string>;
  /** What the generator issues against a stub that refuses at once: its own ceiling. */
  generatorCeilingRps: number;
  verdicts: Verdict[];
  scenarios: ScenarioReport[];
  /** Where they were asked for. */
  trials?: TrialReport[];
}
