// The report in a terminal: a line for each row while it runs, and a table at the end.
// Pure: what is printed where is main.ts.

import type { AttackEntry, AttackReport, AttackSide } from './report.ts';

export function titleOf(entry: Pick<AttackEntry, 'row' | 'name' | 'direction' | 'tls'>): string {
  const where = entry.direction === 'client' ? ', against our client' : '';
  return `${String(entry.row).padStart(2)} ${entry.name}${where}${entry.tls ? ', over TLS' : ''}`;
}

/** The figures that tell most, in a few words. */
export function figuresText(side: AttackSide): string {
  return Object.entries(side.figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

export function sideText(side: AttackSide | null): string {
  if (side === null) return 'not run';
  return side.twin === null ? side.status : `${side.status}, twin ${side.twin}`;
}

/** The limit that acted, and how often. */
export function counterText(side: AttackSide): string {
  const { counter } = side;
  return counter === null ? '' : `${counter.name} ${counter.before} -> ${counter.after}`;
}

/** A table, and below it why rows failed or were blocked. */
export function formatReport(report: AttackReport): string {
  const rows = [
    ['row', 'sluice', 'grpc-js', 'limit that acted'],
    ...report.map((entry) => [
      titleOf(entry),
      sideText(entry.sluice),
      sideText(entry['grpc-js']),
      counterText(entry.sluice),
    ]),
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const reasons = report.flatMap((entry) =>
    (['sluice', 'grpc-js'] as const).flatMap((name) => {
      const side = entry[name];
      if (side === null || side.why === null) return [];
      return [`${titleOf(entry).trim()} [${name}] ${side.status}: ${side.why}`];
    }),
  );
  const { held, failed, blocked } = tally(report);
  const sum = `Sluice: ${held} held, ${failed} failed, ${blocked} blocked.`;
  return [...lines, '', ...reasons, ...(reasons.length > 0 ? [''] : []), sum].join('\n');
}

export function tally(report: AttackReport): { held: number; failed: number; blocked: number } {
  const count = (status: string): number =>
    report.filter(({ sluice }) => sluice.status === status).length;
  return { held: count('held'), failed: count('failed'), blocked: count('blocked') };
}
