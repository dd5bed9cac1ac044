// What a storm is expected to take, and when each run of it has to be over, so that the whole ends
// in under 90 s on any machine. Pure; the clock is injected as numbers.

import {
  PHASES,
  type RuntimeName,
  SLACK_SECONDS,
  STORM_STRETCH,
  STORMS_IN_A_ROW,
} from './scenarios.ts';

/** What a drain usually takes: 8,192 calls held at 10,000 a second, and some. */
export const USUAL_DRAIN_SECONDS = 1.5;

/**
 * Seconds that one run is expected to take.
 * @param seconds length of a storm
 */
export function expectedSeconds(runtime: RuntimeName, seconds: number): number {
  const storms = STORMS_IN_A_ROW[runtime];
  const load = storms * seconds * STORM_STRETCH[runtime];
  const warm = PHASES.start + PHASES.warmUp + PHASES.burst + USUAL_DRAIN_SECONDS + PHASES.unloaded;
  return warm + load + (storms - 1) * USUAL_DRAIN_SECONDS + PHASES.settle;
}

/** Seconds that every runtime under every scenario is expected to take. */
export function totalSeconds(
  runtimes: readonly RuntimeName[],
  scenarios: number,
  seconds: number,
): number {
  const perScenario = runtimes
    .map((runtime) => expectedSeconds(runtime, seconds))
    .reduce((sum, one) => sum + one, 0);
  return PHASES.ceiling + scenarios * perScenario;
}

/**
 * When each run has to be over: the expected ends of all runs so far, and the slack of its runtime.
 * Time that one run saved is there for the next.
 */
export class Schedule {
  private expectedEndMs: number;

  /** @param nowMs the storm's start */
  constructor(nowMs: number) {
    this.expectedEndMs = nowMs + PHASES.ceiling * 1000;
  }

  /** The end of the run that comes next, ms on the clock given to the constructor. */
  endOfNext(runtime: RuntimeName, seconds: number): number {
    this.expectedEndMs += expectedSeconds(runtime, seconds) * 1000;
    return this.expectedEndMs + SLACK_SECONDS[runtime] * 1000;
  }
}
