// Judges one cell of the matrix for Sluice: every promise, held or not, with its figure and bar.
// Pure. Invariant: what could not be measured is not held. Other runtimes are shown, never judged.

import { CELL_BARS, goodputShare, type MatrixCell } from './matrix-cells.ts';
import type { RuntimeFigures, Verdict } from './storm-report.ts';
import { count, megabytes, milliseconds } from './text-table.ts';

/** The promises of a cell by the words that name them in a verdict. */
export const CELL_PROMISES = {
  alive: 'the client stays alive',
  growth: 'client RSS growth over idle',
  live: 'live memory 2 s after the load',
  depths: 'every queue and stream count after the load',
  goodput: 'goodput while overloaded',
  latency: 'p99 of accepted calls',
  offered: 'offered load reached',
  refusals: 'every refusal names its limit',
  ends: 'everything accepted ends exactly once',
  statuses: 'it ends with the status due to it',
} as const;

function besideFault(figures: RuntimeFigures): string {
  return figures.beside?.firstDetails.find((details) => details !== '') ?? '';
}

function refusalsNamed(figures: RuntimeFigures): boolean {
  const { unnamed = 0, ...named } = figures.refusedBy;
  const sum = Object.values(named).reduce((total, calls) => total + calls, 0);
  return unnamed === 0 && sum === figures.refused;
}

/**
 * The promises of one cell, judged.
 * @param capacityRps what the server could answer: its clock, or its CPU where that ends before
 * @param ceilingRps what the generator can offer at the most
 */
export function judgeCell(
  cell: MatrixCell,
  figures: RuntimeFigures,
  capacityRps: number,
  ceilingRps: number,
): Verdict[] {
  const verdicts: Verdict[] = [];
  const say = (promise: string, held: boolean, figure: string, bar: string): void => {
    verdicts.push({ scenario: cell.name, promise, held, figure, bar });
  };

  say(CELL_PROMISES.alive, !figures.crashed, figures.crash ?? 'alive', 'alive');
  say(
    CELL_PROMISES.growth,
    figures.rssGrowthMB <= CELL_BARS.rssGrowthMB && figures.idleRssMB > 0,
    megabytes(figures.rssGrowthMB),
    `at most ${CELL_BARS.rssGrowthMB} MB`,
  );
  const liveGrowth = figures.liveAfterMB - figures.idleLiveMB;
  say(
    CELL_PROMISES.live,
    figures.liveAfterMB > 0 && liveGrowth <= CELL_BARS.liveOverIdleMB,
    figures.liveAfterMB > 0 ? `${megabytes(liveGrowth)} over idle` : 'not measured',
    `at most ${CELL_BARS.liveOverIdleMB} MB over idle`,
  );
  const depths = figures.depthsAfter;
  const left = Object.entries(depths ?? {}).filter(([, depth]) => depth !== 0);
  say(
    CELL_PROMISES.depths,
    depths !== null && left.length === 0,
    depths === null
      ? 'not measured'
      : left.map(([name, depth]) => `${name} ${count(depth)}`).join(', ') || '0',
    '0',
  );

  if (cell.server === 'slow-server') {
    const share = goodputShare(cell.rate);
    const bar = share * Math.min(capacityRps, cell.rate);
    say(
      CELL_PROMISES.goodput,
      bar > 0 && figures.goodputRps >= bar,
      `${count(figures.goodputRps)}/s`,
      `at least ${count(bar)}/s, ${share * 100} % of ${count(capacityRps)}`,
    );
    say(
      CELL_PROMISES.latency,
      figures.p99Ms > 0 && figures.p99Ms <= CELL_BARS.queueAgeMs,
      figures.p99Ms > 0 ? milliseconds(figures.p99Ms) : 'none answered',
      `at most ${milliseconds(CELL_BARS.queueAgeMs)}, the age a queued call may have`,
    );
  }

  const offeredBar = CELL_BARS.achievedOfNominal * Math.min(cell.rate, ceilingRps);
  say(
    CELL_PROMISES.offered,
    figures.achievedOfferedRps >= offeredBar,
    `${count(figures.achievedOfferedRps)}/s`,
    `at least ${count(offeredBar)}/s`,
  );
  say(CELL_PROMISES.refusals, refusalsNamed(figures), count(figures.refused), 'all of them named');
  const besideLost =
    figures.beside === null
      ? 0
      : figures.beside.offered - figures.beside.ok - figures.beside.refused - figures.beside.failed;
  say(
    CELL_PROMISES.ends,
    figures.lost === 0 && besideLost === 0 && figures.offered > 0,
    `${count(figures.lost + besideLost)} lost of ${count(figures.accepted)}`,
    '0 lost',
  );
  const besideFailed = figures.beside?.failed ?? 0;
  const due = cell.server === 'slow-server' ? ['OK'] : ['OK', 'DEADLINE_EXCEEDED'];
  const stray = Object.entries(figures.statuses).filter(
    ([name, calls]) => calls > 0 && name !== 'RESOURCE_EXHAUSTED' && !due.includes(name),
  );
  say(
    CELL_PROMISES.statuses,
    stray.length === 0 && (besideFailed === 0 || cell.server === 'stopped-server'),
    [
      ...stray.map(
        ([name, calls]) => `${name} ${count(calls)} ("${figures.statusDetails[name] ?? ''}")`,
      ),
      ...(besideFailed > 0
        ? [`${count(besideFailed)} calls beside the streams failed ("${besideFault(figures)}")`]
        : []),
    ].join(', ') || 'all of it',
    due.join(' or '),
  );
  return verdicts;
}
