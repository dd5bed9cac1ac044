// docs/security.md: the report of a whole run as a page for people.
// Invariant: it says nothing that the report does not, and a blocked row is never told as held.

import { cpus } from 'node:os';
import {
  GROWTH_MB,
  LIVE_MB,
  P99_FLOOR_MS,
  P99_RATIO,
  SECOND_PEAK_RATIO,
  SETTLE_MS,
  STALL_MS,
} from './measure/flood-verdict.ts';
import type { AttackEntry, AttackReport, AttackSide, Figures } from './report.ts';
import type { Row } from './row.ts';
import { counterText, sideText, tally, titleOf } from './text-report.ts';

/** Names of figures that every flood row has; they stand in a table of their own. */
const SHARED = [
  'idleRssMB',
  'rssGrowthMB',
  'heldMB',
  'liveAfterMB',
  'goodP99Ms',
  'controlP99Ms',
  'goodFailures',
  'longestStallMs',
  'controlStallMs',
  'cpuMs',
];

function head(machine: string): string {
  const { versions } = process;
  return `# Security: what hostile peers can do

<!-- Written by \`npm run attack -- --docs docs/security.md\`. Do not edit. -->

Each row is an attack, or a fault of the network, by a program of its own against Sluice and against
\`@grpc/grpc-js\` 1.14.7 with the same code. What is promised, how to report a hole and how to tighten
the limits: [SECURITY.md](../SECURITY.md). The limits by their names: [limits.md](limits.md).

Measured on Node ${versions.node}, ${machine}, loopback. \`npm run attack -- --only 3\` repeats a row.
`;
}

const CONDITIONS = `## What a flood must leave alone

Server, attacker and a good client (100 unary calls a second) are processes of their own. Control runs
without the attack stand before, between and after two attacks. The attacker shares two cores with those it
attacks, as no real one does, so it runs at nice 10; an attack that
is over sooner is repeated for 4 s, 0.1 s apart. A flood row is held when its own bar is, and:

- the process lives, and no error reached it;
- the peak of its RSS is at most ${GROWTH_MB} MB above its warm idle (closed-loop load, then two forced
  collections, as before each attack), unless the row says another figure; the second attack peaks at most ${Math.round((SECOND_PEAK_RATIO - 1) * 100)} % above the first;
- no call of the good client fails, and its p99 is at most ${P99_RATIO} x that of the best control run, or ${P99_FLOOR_MS} ms;
- the event loop never stands more than ${STALL_MS} ms longer than in the best control run;
- live memory (heapUsed + external after two forced collections) is within ${LIVE_MB} MB of idle ${SETTLE_MS / 1000} s later;
- the counter of exactly the limit that should act has moved (Sluice's; grpc-js has none);
- the legitimate twin, where there is one, met no limit.
`;

function table(rows: readonly (readonly string[])[]): string {
  const [first = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(first), line(first.map(() => '---')), ...body.map(line)].join('\n');
}

function overview(report: AttackReport, rows: readonly Row[]): string {
  const expected = new Map(rows.map((row) => [titleOf(row), row.expected]));
  return table([
    ['row', 'must hold', 'Sluice', 'grpc-js'],
    ...report.map((entry) => [
      titleOf(entry).trim(),
      expected.get(titleOf(entry)) ?? '',
      sideText(entry.sluice),
      sideText(entry['grpc-js']),
    ]),
  ]);
}

function isFlood(entry: AttackEntry): boolean {
  return entry.sluice.figures.controlP99Ms !== undefined;
}

function floodCells(side: AttackSide | null): string[] {
  if (side?.figures.rssGrowthMB === undefined) return [side?.why ?? 'not run', '', '', ''];
  const { rssGrowthMB, goodP99Ms, controlP99Ms, goodFailures, longestStallMs } = side.figures;
  return [
    `+${rssGrowthMB}`,
    `${goodP99Ms} (${controlP99Ms})`,
    String(goodFailures),
    String(longestStallMs),
  ];
}

function floods(report: AttackReport): string {
  const columns = ['RSS, MB', 'good p99, ms (control)', 'good calls failed', 'longest stall, ms'];
  return table([
    ['row', ...columns, 'limit that acted', ...columns.map((name) => `grpc-js: ${name}`)],
    ...report
      .filter(isFlood)
      .map((entry) => [
        titleOf(entry).trim(),
        ...floodCells(entry.sluice),
        counterText(entry.sluice),
        ...floodCells(entry['grpc-js']),
      ]),
  ]);
}

function ownFigures(figures: Figures): string {
  const own = Object.entries(figures).filter(([name]) => !SHARED.includes(name));
  return own.map(([name, value]) => `${name} ${value}`).join(', ');
}

function seen(report: AttackReport): string {
  return table([
    ['row', 'Sluice', 'grpc-js'],
    ...report.map((entry) => [
      titleOf(entry).trim(),
      ownFigures(entry.sluice.figures),
      ownFigures(entry['grpc-js']?.figures ?? {}),
    ]),
  ]);
}

function misses(report: AttackReport, name: 'sluice' | 'grpc-js'): string {
  const lines = report.flatMap((entry) => {
    const why = entry[name]?.why ?? null;
    return why === null
      ? []
      : [`- ${titleOf(entry).trim()}, ${entry[name]?.status}: ${why.replaceAll('\n', ' ')}`];
  });
  return lines.length === 0 ? 'None.' : lines.join('\n');
}

/** @param rows the table of attacks, for what each must hold */
export function formatDocs(report: AttackReport, rows: readonly Row[]): string {
  const { held, failed, blocked } = tally(report);
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'})`;
  return [
    head(machine),
    `Sluice held ${held} of ${report.length} runs, failed ${failed}; ${blocked} could not run on this machine.\n`,
    CONDITIONS,
    `## The rows\n\n${overview(report, rows)}\n`,
    `## Floods in figures\n\nOf two attacks the worse figure.\n\n${floods(report)}\n`,
    `## What else was seen\n\n${seen(report)}\n`,
    `## What Sluice did not hold, or could not be tried\n\n${misses(report, 'sluice')}\n`,
    `## Where grpc-js stands\n\n${misses(report, 'grpc-js')}\n`,
  ].join('\n');
}
