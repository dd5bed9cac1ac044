// What a soak measured, and what is made of it: the report of `--json`, and whether it was held.
// Invariant: pure; a bar that a run is too short for is not judged, and that is said.

import { type Fit, fitOf, median, type Sample } from './fit.ts';
import type { Account } from './ledger.ts';
import type { Closed } from './protocol.ts';
import type { SoakRuntime } from './runtime.ts';

/** MB/h that live memory may grow by, of a run that is long enough to tell. */
export const SLOPE_BAR = 1;

/**
 * The same of a shorter run, for the lower end of the interval. What V8 keeps of running code settles
 * with the first twenty thousand calls or so: up to 1.3 MB/h at that end were measured over three
 * minutes, with nothing leaked. 6 MB/h are 8 bytes a call at the usual rate: less than any object that
 * is kept of each call.
 */
export const SHORT_SLOPE_BAR = 6;

/**
 * MB that the live memory of one process may have grown by from the warm-up to the end, whatever the
 * slope: for growth that comes late or in one step. What the state of connections at the moment of a
 * sample is worth is 0.3 MB.
 */
export const GROWTH_BAR_MB = 2;

/** Seconds of load from which the slope itself is judged, and not only its interval. */
export const LONG_SECONDS = 1_800;

/** Seconds below which a run says nothing of memory: it would be all warm-up. */
export const JUDGED_SECONDS = 150;

/** The part of a run that is warm-up: the first fifth, and no less than this many seconds. */
const WARM_UP_SHARE = 0.2;
export const WARM_UP_SECONDS = 20;

export type Side = 'client' | 'server';

/** What came of the processes and of the calls. */
export interface Outcome {
  readonly runtime: SoakRuntime;
  readonly seconds: number;
  /** Of the load, since its start. */
  readonly samples: Readonly<Record<Side, readonly Sample[]>>;
  /** Pauses in which calls were still open, so that memory was not measured. */
  readonly skippedSamples: number;
  readonly account: Account;
  readonly overdue: readonly string[];
  readonly channels: number;
  readonly restarts: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly closed: Readonly<Record<Side, Closed>> | undefined;
  /** Processes that died, did not answer, or did not end by themselves. */
  readonly broken: readonly string[];
}

/** How the memory of one process grew. */
export interface Growth {
  readonly fit: Fit;
  /** From the first fifth after the warm-up to the last fifth, medians. */
  readonly grewMB: number;
  readonly liveMB: number;
}

/** As in the report's file, with what is behind its figures. */
export interface SoakReport {
  readonly seconds: number;
  readonly calls: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Calls that never ended, ended twice, or ended as their plan does not allow. */
  readonly lost: number;
  /** Of the process that grew faster. */
  readonly heapSlopeMBPerHour: number;
  /** Half the width of the 95 % interval. */
  readonly slopeConfidence: number;
  readonly openHandles: number;
  readonly openStreams: number;
  readonly openTimers: number;
  readonly held: boolean;
  readonly runtime: SoakRuntime;
  /** What did not hold, in words. */
  readonly why: readonly string[];
  readonly memory: Readonly<Record<Side, Growth>>;
  readonly handlersLeft: number;
  readonly channels: number;
  readonly restarts: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly skippedSamples: number;
}

export function warmUpSeconds(seconds: number): number {
  return Math.min(seconds / 2, Math.max(WARM_UP_SECONDS, seconds * WARM_UP_SHARE));
}

export function growthOf(samples: readonly Sample[], seconds: number): Growth {
  const from = warmUpSeconds(seconds);
  const warm = samples.filter(({ atSeconds }) => atSeconds >= from);
  const fifth = Math.max(1, Math.floor(warm.length / 5));
  const middle = (part: readonly Sample[]): number => median(part.map(({ value }) => value));
  const liveMB = warm.length === 0 ? 0 : middle(warm.slice(-fifth));
  const grewMB = warm.length === 0 ? 0 : liveMB - middle(warm.slice(0, fifth));
  return { fit: fitOf(warm), grewMB, liveMB };
}

/** What did not hold of the memory of one process. */
export function memoryFaults(side: Side, growth: Growth, seconds: number): string[] {
  if (seconds < JUDGED_SECONDS) return [];
  const { fit, grewMB } = growth;
  const faults: string[] = [];
  const figures = `${fit.slope.toFixed(2)} MB/h, 95 % ${fit.low.toFixed(2)} to ${fit.high.toFixed(2)}`;
  if (seconds >= LONG_SECONDS && fit.slope > SLOPE_BAR) {
    faults.push(`the ${side}'s live memory grows by ${figures}; at most ${SLOPE_BAR} MB/h`);
  } else if (seconds < LONG_SECONDS && fit.low > SHORT_SLOPE_BAR) {
    faults.push(
      `the ${side}'s live memory grows: ${figures}; at most ${SHORT_SLOPE_BAR}, even at its lower end`,
    );
  }
  if (grewMB > GROWTH_BAR_MB) {
    faults.push(
      `the ${side}'s live memory is ${grewMB.toFixed(2)} MB above that after the warm-up; at most ${GROWTH_BAR_MB}`,
    );
  }
  if (fit.samples < 5) faults.push(`only ${fit.samples} samples of the ${side}'s memory`);
  return faults;
}

function closeFaults(side: Side, closed: Closed): string[] {
  const { left, streams, handlers, stuck } = closed;
  const faults = stuck.map((what) => `${side}: ${what}`);
  if (left.handles + left.timers > 0) faults.push(`the ${side} kept ${left.names.join(', ')}`);
  if (streams > 0) faults.push(`the ${side} kept ${streams} streams`);
  if (handlers > 0) faults.push(`${handlers} handlers are still running`);
  return faults;
}

function callFaults(outcome: Outcome): string[] {
  const { account, overdue } = outcome;
  const faults: string[] = [];
  if (account.begun === 0) faults.push('no call was made');
  if (account.open > 0) faults.push(`${account.open} calls never ended: ${overdue[0] ?? ''}`);
  if (account.twice > 0) faults.push(`${account.twice} calls ended twice`);
  if (account.wrong > 0) faults.push(`${account.wrong} calls ended as they must not`);
  return [...faults, ...account.faults.slice(0, 3)];
}

export function reportOf(outcome: Outcome): SoakReport {
  const { account, closed, seconds } = outcome;
  const memory = {
    client: growthOf(outcome.samples.client, seconds),
    server: growthOf(outcome.samples.server, seconds),
  };
  const why = [
    ...outcome.broken,
    ...callFaults(outcome),
    ...memoryFaults('client', memory.client, seconds),
    ...memoryFaults('server', memory.server, seconds),
    ...(closed === undefined
      ? ['what is left was not counted']
      : [...closeFaults('client', closed.client), ...closeFaults('server', closed.server)]),
  ];
  const faster =
    memory.client.fit.slope >= memory.server.fit.slope ? memory.client.fit : memory.server.fit;
  const sum = (of: (closed: Closed) => number): number =>
    closed === undefined ? 0 : of(closed.client) + of(closed.server);
  return {
    seconds,
    calls: account.begun,
    statuses: account.statuses,
    lost: account.open + account.twice + account.wrong,
    heapSlopeMBPerHour: rounded(faster.slope),
    slopeConfidence: rounded(faster.confidence),
    openHandles: sum(({ left }) => left.handles),
    openStreams: sum(({ streams }) => streams),
    openTimers: sum(({ left }) => left.timers),
    held: why.length === 0,
    runtime: outcome.runtime,
    why,
    memory,
    handlersLeft: sum(({ handlers }) => handlers),
    channels: outcome.channels,
    restarts: outcome.restarts,
    faults: outcome.faults,
    skippedSamples: outcome.skippedSamples,
  };
}

/** Two places; JSON has no infinity. */
function rounded(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : Number.MAX_SAFE_INTEGER;
}
