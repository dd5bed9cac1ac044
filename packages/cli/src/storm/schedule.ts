// What a storm is expected to take, and when each run of it has to be over, so that the whole ends
// in under 90 s on any machine. A run that promises something and is drained is quiet for some seconds
// before its memory is measured; the next one starts and warms up meanwhile.
// Pure; the clock is injected as numbers.

import {
  PHASES,
  PROMISING,
  type RuntimeName,
  SLACK_SECONDS,
  STORM_STRETCH,
  STORMS_IN_A_ROW,
} from './scenarios.ts';

/** What a drain usually takes: 8,192 calls held at 10,000 a second, and some. */
export const USUAL_DRAIN_SECONDS = 1.2;

/** From the start of a run until its idle is measured, for which the run before has to be over. */
const WARM_SECONDS = PHASES.start + PHASES.warmUp + PHASES.burst + USUAL_DRAIN_SECONDS;

/** From there to the end of the load. */
function loadSeconds(runtime: RuntimeName, seconds: number): number {
  const storms = STORMS_IN_A_ROW[runtime];
  const load = storms * seconds * STORM_STRETCH[runtime];
  return PHASES.unloaded + load + (storms - 1) * USUAL_DRAIN_SECONDS;
}

/**
 * Seconds that one run by itself is expected to take.
 * @param seconds length of a storm
 */
export function expectedSeconds(runtime: RuntimeName, seconds: number): number {
  return WARM_SECONDS + loadSeconds(runtime, seconds) + PHASES.settle;
}

/** Seconds that every runtime under every scenario is expected to take. */
export function totalSeconds(
  runtimes: readonly RuntimeName[],
  scenarios: number,
  seconds: number,
): number {
  const schedule = new Schedule(0);
  let sum = PHASES.ceiling;
  for (let scenario = 0; scenario < scenarios; scenario++) {
    for (const runtime of runtimes) sum += schedule.next(runtime, seconds).seconds;
  }
  return sum;
}

/** A run to come. */
export interface Slot {
  /** What it adds to the whole. */
  readonly seconds: number;
  /** When it is ended whatever it is at, ms on the clock given to the constructor. */
  readonly untilMs: number;
}

/**
 * When each run has to be over: the expected ends of all runs so far, and the slack of its runtime.
 * Time that one run saved is there for the next.
 */
export class Schedule {
  /** When the next run may begin. */
  private freeMs: number;
  /** When the run before it is measured. */
  private measuredMs: number;

  /** @param nowMs the storm's start */
  constructor(nowMs: number) {
    this.freeMs = nowMs + PHASES.ceiling * 1000;
    this.measuredMs = this.freeMs;
  }

  /** The run that comes next. */
  next(runtime: RuntimeName, seconds: number): Slot {
    const idleMs = Math.max(this.freeMs + WARM_SECONDS * 1000, this.measuredMs);
    const loadedMs = idleMs + loadSeconds(runtime, seconds) * 1000;
    const measuredMs = loadedMs + PHASES.settle * 1000;
    const added = (measuredMs - this.measuredMs) / 1000;
    this.measuredMs = measuredMs;
    // One without limits may have calls under way until its end.
    const drains = PROMISING.includes(runtime);
    this.freeMs = drains ? loadedMs + USUAL_DRAIN_SECONDS * 1000 : measuredMs;
    return { seconds: added, untilMs: measuredMs + SLACK_SECONDS[runtime] * 1000 };
  }
}
