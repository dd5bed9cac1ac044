// Whether a flood row held: the promises that all floods share, and those of the row.
// Invariant: what is judged here is what the page prints as the conditions.

import type { AttackSide, Figures, RuntimeName } from '../report.ts';
import type { FloodPlan, Run } from './flood-plan.ts';

const MB = 1e6;

export const GROWTH_MB = 48;
export const LIVE_MB = 10;
export const P99_RATIO = 2;
export const P99_FLOOR_MS = 20;
export const STALL_MS = 50;
export const SECOND_PEAK_RATIO = 1.1;
export const SETTLE_MS = 5_000;

/** What was measured of one row and one runtime. */
export interface FloodMeasured {
  readonly runtime: RuntimeName;
  readonly idleRss: number;
  readonly idleLive: number;
  readonly liveAfter: number;
  /** Without the attack: the best of its runs. */
  readonly control: { readonly p99Ms: number; readonly stallMs: number };
  readonly runs: readonly Run[];
  readonly uncaught: readonly string[];
  readonly actedBefore: Readonly<Record<string, number>>;
  readonly actedAfter: Readonly<Record<string, number>>;
  /** Texts of what the twin broke; undefined for a row without one. */
  readonly twinFaults: readonly string[] | undefined;
}

export function judgeFlood(plan: FloodPlan, measured: FloodMeasured): AttackSide {
  const faults = [
    ...processFaults(plan, measured),
    ...measured.runs.flatMap((run, i) => runFaults(plan, measured, run, i + 1)),
    ...counterFaults(plan, measured),
  ];
  const { twinFaults } = measured;
  if (twinFaults !== undefined) faults.push(...twinFaults.map((text) => `twin: ${text}`));
  const [name] = plan.counters;
  const counted = name !== undefined && measured.runtime === 'sluice';
  return {
    status: faults.length === 0 ? 'held' : 'failed',
    why: faults.length === 0 ? null : [...new Set(faults)].join('; '),
    figures: figuresOf(measured),
    counter: counted
      ? {
          name,
          before: measured.actedBefore[name] ?? 0,
          after: measured.actedAfter[name] ?? 0,
        }
      : null,
    twin: twinFaults === undefined ? null : twinFaults.length === 0 ? 'held' : 'failed',
  };
}

function processFaults(plan: FloodPlan, measured: FloodMeasured): string[] {
  const faults: string[] = [];
  for (const text of measured.uncaught) faults.push(`uncaught: ${text.split('\n')[0]}`);
  const bar = plan.growthMB ?? GROWTH_MB;
  const peaks = measured.runs.map(({ growth }) => growth / MB);
  const peak = Math.max(...peaks);
  if (peak > bar) faults.push(`RSS grew by ${peak.toFixed(0)} MB, the bar is ${bar}`);
  const live = (measured.liveAfter - measured.idleLive) / MB;
  if (live > LIVE_MB) {
    faults.push(`live memory stays ${live.toFixed(1)} MB above idle, the bar is ${LIVE_MB}`);
  }
  const [first, second] = measured.runs.map(({ growth }) => growth + measured.idleRss);
  if (first !== undefined && second !== undefined && second > first * SECOND_PEAK_RATIO) {
    const more = ((second / first - 1) * 100).toFixed(0);
    faults.push(`the second run peaks ${more} % above the first`);
  }
  return faults;
}

function runFaults(plan: FloodPlan, measured: FloodMeasured, run: Run, number: number): string[] {
  const faults: string[] = [];
  const { control } = measured;
  const share = run.goodCalls === 0 ? 0 : 1 - run.goodFailures / run.goodCalls;
  if (share < (plan.goodShare ?? 1)) {
    faults.push(`run ${number}: ${run.goodFailures} of ${run.goodCalls} good calls failed`);
  }
  const p99Bar = Math.max(P99_FLOOR_MS, control.p99Ms * P99_RATIO);
  if (run.goodP99Ms > p99Bar) {
    faults.push(
      `run ${number}: good p99 ${run.goodP99Ms.toFixed(0)} ms, the bar is ${p99Bar.toFixed(0)}`,
    );
  }
  if (run.longestStallMs > control.stallMs + STALL_MS) {
    faults.push(
      `run ${number}: the event loop stood for ${run.longestStallMs.toFixed(0)} ms, the bar is ${(control.stallMs + STALL_MS).toFixed(0)}`,
    );
  }
  if (run.ends !== undefined && run.ends.lost > 0) {
    faults.push(`run ${number}: ${run.ends.lost} calls never ended`);
  }
  for (const seen of [run.seen, ...run.repeated]) {
    for (const text of plan.judge?.({ ...run, seen }, measured.runtime) ?? []) {
      faults.push(`run ${number}: ${text}`);
    }
  }
  return faults;
}

/** Limits that acted between two readings. */
export function movedBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  return Object.keys(after).filter((name) => (after[name] ?? 0) > (before[name] ?? 0));
}

/** Only Sluice counts. */
function counterFaults(plan: FloodPlan, measured: FloodMeasured): string[] {
  if (measured.runtime !== 'sluice') return [];
  const moved = movedBetween(measured.actedBefore, measured.actedAfter);
  const faults = plan.counters
    .filter((name) => !moved.includes(name))
    .map((name) => `the limit ${name} did not act`);
  const allowed = [...plan.counters, ...(plan.mayAct ?? [])];
  for (const name of moved) {
    if (!allowed.includes(name)) faults.push(`the limit ${name} acted, which should not`);
  }
  return faults;
}

function figuresOf(measured: FloodMeasured): Figures {
  const { runs, control } = measured;
  const most = (of: (run: Run) => number): number => Math.max(...runs.map(of));
  const ends = runs[0]?.ends;
  return {
    idleRssMB: round(measured.idleRss / MB),
    rssGrowthMB: round(most(({ growth }) => growth) / MB),
    heldMB: round(most(({ heldMB }) => heldMB)),
    liveAfterMB: round((measured.liveAfter - measured.idleLive) / MB),
    goodP99Ms: round(most(({ goodP99Ms }) => goodP99Ms)),
    controlP99Ms: round(control.p99Ms),
    goodFailures: most(({ goodFailures }) => goodFailures),
    longestStallMs: round(most(({ longestStallMs }) => longestStallMs)),
    controlStallMs: round(control.stallMs),
    cpuMs: Math.round(most(({ cpuMs }) => cpuMs)),
    ...(runs.some(({ handlersMost }) => handlersMost > 0)
      ? { handlersMost: most(({ handlersMost }) => handlersMost) }
      : {}),
    ...(ends === undefined ? {} : { calls: ends.calls, codes: codesOf(ends.codes) }),
    ...runs[0]?.seen,
  };
}

function codesOf(codes: Readonly<Record<number, number>>): string {
  return Object.entries(codes)
    .map(([code, times]) => `${code}: ${times}`)
    .join(', ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
