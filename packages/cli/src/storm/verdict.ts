// Judges one scenario's figures of a runtime that promises something (Sluice, and the drop-in on it):
// every promise, held or not, with its figure and bar. Pure.
// Invariant: a promise that could not be measured is not held, and all promise the same.

import { BARS, type RuntimeName, type Scenario } from './scenarios.ts';
import type { RuntimeFigures, Verdict } from './storm-report.ts';
import { count, megabytes } from './text-table.ts';

const UNNAMED = 'unnamed';

/** Statuses an accepted call may end with, by scenario. */
function legitimateStatuses(scenario: Scenario): readonly string[] {
  return scenario.deadlineBeyondLoadMs === null ? ['OK'] : ['OK', 'DEADLINE_EXCEEDED'];
}

function strayText(name: string, calls: number, figures: RuntimeFigures): string {
  const details = figures.statusDetails[name];
  return `${name} ${count(calls)}${details === undefined ? '' : ` ("${details}")`}`;
}

/**
 * The promises of one scenario, judged.
 * @param offeredRps the nominal rate
 */
export function judge(
  scenario: Scenario,
  runtime: RuntimeName,
  offeredRps: number,
  figures: RuntimeFigures,
): Verdict[] {
  const verdicts: Verdict[] = [];
  const say = (promise: string, held: boolean, figure: string, bar: string): void => {
    verdicts.push({ scenario: scenario.name, runtime, promise, held, figure, bar });
  };

  say('the client stays alive', !figures.crashed, figures.crash ?? 'alive', 'alive');

  say(
    'client RSS growth over idle',
    figures.rssGrowthMB <= BARS.rssGrowthMB && figures.idleRssMB > 0,
    megabytes(figures.rssGrowthMB),
    `at most ${BARS.rssGrowthMB} MB`,
  );

  const first = figures.peaksMB[0] ?? 0;
  const last = figures.peaksMB.at(-1) ?? 0;
  say(
    'the last storm peaks like the first',
    figures.peaksMB.length > 1 && last <= first * BARS.lastPeakOverFirst,
    figures.peaksMB.map((peak) => megabytes(peak)).join(', ') || 'not measured',
    'within 10 % of the first',
  );

  const liveGrowth = figures.liveAfterMB - figures.idleLiveMB;
  say(
    'live memory 5 s after the load',
    figures.liveAfterMB > 0 && liveGrowth <= BARS.liveOverIdleMB,
    figures.liveAfterMB > 0 ? `${megabytes(liveGrowth)} over idle` : 'not measured',
    `at most ${BARS.liveOverIdleMB} MB over idle`,
  );

  const depths = figures.depthsAfter;
  const left = Object.entries(depths ?? {}).filter(([, depth]) => depth !== 0);
  say(
    'every queue and stream count after the load',
    depths !== null && left.length === 0,
    depths === null
      ? 'not measured'
      : left.map(([name, depth]) => `${name} ${count(depth)}`).join(', ') || '0',
    '0',
  );

  if (!scenario.stopsServer) {
    const bar = BARS.goodputOfCapacity * Math.min(scenario.clockRps, offeredRps);
    say(
      'goodput while overloaded',
      figures.goodputRps >= bar,
      `${count(figures.goodputRps)}/s`,
      `at least ${count(bar)}/s`,
    );
  }

  const nominalBar = BARS.achievedOfNominal * offeredRps;
  say(
    'offered load reached',
    figures.achievedOfferedRps >= nominalBar,
    `${count(figures.achievedOfferedRps)}/s`,
    `at least ${count(nominalBar)}/s`,
  );

  const unnamed = figures.refusedBy[UNNAMED] ?? 0;
  const named = Object.entries(figures.refusedBy).reduce((sum, [, calls]) => sum + calls, -unnamed);
  say(
    'every refusal is RESOURCE_EXHAUSTED and names its limit',
    named === figures.refused && (figures.statuses.RESOURCE_EXHAUSTED ?? 0) === figures.refused,
    `${count(named)} of ${count(figures.refused)}`,
    'all of them',
  );

  say(
    'every accepted call ends exactly once',
    figures.lost === 0 && figures.accepted === figures.finished && figures.offered > 0,
    `${count(figures.lost)} lost of ${count(figures.accepted)}`,
    '0 lost',
  );

  const legitimate = legitimateStatuses(scenario);
  const stray = Object.entries(figures.statuses).filter(
    ([name, calls]) => calls > 0 && name !== 'RESOURCE_EXHAUSTED' && !legitimate.includes(name),
  );
  say(
    'accepted calls end with the status due to them',
    stray.length === 0,
    stray.map(([name, calls]) => strayText(name, calls, figures)).join(', ') || 'all of them',
    legitimate.join(' or '),
  );

  return verdicts;
}
