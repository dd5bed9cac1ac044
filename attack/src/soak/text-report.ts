// A soak in a terminal: a line while it runs, a table at its end.
// Pure: what is printed where is main.ts.

import {
  GROWTH_BAR_MB,
  type Growth,
  JUDGED_SECONDS,
  LONG_SECONDS,
  SHORT_SLOPE_BAR,
  SLOPE_BAR,
  type SoakReport,
} from './outcome.ts';
import type { Progress } from './soak.ts';

function mb(value: number | undefined): string {
  return value === undefined ? 'calls open' : `${value.toFixed(2)} MB`;
}

export function progressLine(progress: Progress, seconds: number): string {
  const { atSeconds, account, client, server, restarts, faults } = progress;
  const injected = Object.values(faults).reduce((sum, count) => sum + count, 0);
  const wrong = account.wrong + account.twice;
  return [
    `${String(Math.round(atSeconds)).padStart(4)} of ${seconds} s`,
    `${account.begun} calls`,
    `${wrong} wrong`,
    `client ${mb(client?.liveMB)}`,
    `server ${mb(server?.liveMB)}`,
    `${injected} faults`,
    `${restarts} restarts`,
  ].join(', ');
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function counts(of: Readonly<Record<string, number>>): string {
  const entries = Object.entries(of).toSorted(([, a], [, b]) => b - a);
  return entries.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

function growth({ fit, grewMB, liveMB }: Growth): string {
  const slope = `${fit.slope.toFixed(2)} MB/h (95 % ${fit.low.toFixed(2)} to ${fit.high.toFixed(2)}, ${fit.samples} samples)`;
  return `${liveMB.toFixed(2)} MB at the end, ${grewMB.toFixed(2)} MB since the warm-up, ${slope}`;
}

/** What the memory of a run of this length is held to. */
function promise(seconds: number): string {
  const most = `no more than ${GROWTH_BAR_MB} MB since the warm-up`;
  if (seconds < JUDGED_SECONDS) return `not judged below ${JUDGED_SECONDS} s`;
  if (seconds < LONG_SECONDS) return `interval not wholly above ${SHORT_SLOPE_BAR} MB/h, ${most}`;
  return `slope at most ${SLOPE_BAR} MB/h, ${most}`;
}

export function formatReport(report: SoakReport): string {
  const { calls, lost, memory, seconds } = report;
  const rows: (readonly [string, string])[] = [
    ['runtime', `${report.runtime}, ${seconds} s`],
    ['calls', `${calls}, lost ${lost}`],
    ['statuses', counts(report.statuses)],
    ['channels made', String(report.channels)],
    ['server restarts', String(report.restarts)],
    ['faults injected', counts(report.faults)],
    ['client memory', growth(memory.client)],
    ['server memory', growth(memory.server)],
    ['  held to', promise(seconds)],
    ['  slope by', "Theil-Sen; interval by the variance of Kendall's tau"],
    [
      'left open',
      `handles ${report.openHandles}, timers ${report.openTimers}, streams ${report.openStreams}, handlers ${report.handlersLeft}`,
    ],
    ['held', report.held ? 'yes' : 'NO'],
  ];
  const why = report.why.map((fault) => `  ${fault}`);
  return [table(rows), ...why].join('\n');
}
