// `npm run attack`: hostile peers against Sluice, and against @grpc/grpc-js beside it.
// Exit codes: 0 Sluice held every row that ran, 1 it did not, 2 wrong usage.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, makeCertificate } from '../../interop/dist/certificate.js';
import { endAllChildren } from './child.ts';
import { formatDocs } from './docs.ts';
import { HELP, type Options, readOptions, UsageError } from './options.ts';
import { type AttackReport, type AttackSide, blocked, type RuntimeName, side } from './report.ts';
import type { Row } from './row.ts';
import { ROWS } from './rows.ts';
import { figuresText, formatReport, sideText, titleOf } from './text-report.ts';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** One row and one runtime; a fault of ours is a failed row, told as what it is. */
async function runSide(
  row: Row,
  runtime: RuntimeName,
  certificate: Certificate | undefined,
  place: string,
): Promise<AttackSide> {
  const startedMs = performance.now();
  const progress = (what: string): void => say(`${place} ${titleOf(row)} [${runtime}] ${what}`);
  progress(`about ${row.seconds} s`);
  let result: AttackSide;
  try {
    result = await row.run({ runtime, certificate, progress });
  } catch (error) {
    result = side([`the row itself failed: ${error instanceof Error ? error.stack : error}`], {});
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  progress(`${sideText(result)} after ${seconds} s: ${result.why ?? figuresText(result)}`);
  return result;
}

/** The report so far; a run that is stopped has lost nothing but the row under way. */
function keep(options: Options, report: AttackReport): void {
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}

/** What an earlier run wrote by `--json`. */
function earlier(options: Options): AttackReport {
  if (options.resume === undefined) return [];
  try {
    // A report of this program; what is no report has no rows that match.
    return JSON.parse(readFileSync(options.resume, 'utf8')) as AttackReport;
  } catch (error) {
    throw new UsageError(`--resume: ${options.resume} is no report: ${error}`);
  }
}

async function attack(options: Options): Promise<AttackReport> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  const report: AttackReport = [];
  const before = earlier(options);
  try {
    const certificate = makeCertificate(folder);
    for (const [i, row] of options.rows.entries()) {
      const place = `[${i + 1}/${options.rows.length}]`;
      const done = before.find((entry) => titleOf(entry) === titleOf(row));
      const sides: Partial<Record<RuntimeName, AttackSide>> = {};
      for (const runtime of options.runtimes) {
        const side = done?.[runtime] ?? (await runSide(row, runtime, certificate, place));
        sides[runtime] = side;
      }
      const sluice = sides.sluice ?? blocked('not asked for');
      const { row: number, name, direction, tls } = row;
      const grpcJs = sides['grpc-js'] ?? null;
      report.push({ row: number, name, direction, tls, sluice, 'grpc-js': grpcJs });
      keep(options, report);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

function listOf(rows: readonly Row[]): string {
  return rows.map((row) => `${titleOf(row)} (about ${row.seconds} s a runtime)`).join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, ROWS);
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    if (options.list) {
      process.stdout.write(`${listOf(options.rows)}\n`);
      return 0;
    }
    const report = await attack(options);
    process.stdout.write(`${formatReport(report)}\n`);
    if (options.docs !== undefined) writeFileSync(options.docs, formatDocs(report, options.rows));
    return report.some(({ sluice }) => sluice.status === 'failed') ? 1 : 0;
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    process.stderr.write(`${fault.message}\n\n${HELP}`);
    return 2;
  }
}

process.once('SIGINT', () => {
  endAllChildren();
  process.exit(130);
});
main(process.argv.slice(2)).then(
  (code) => {
    endAllChildren();
    process.exit(code);
  },
  (fault: unknown) => {
    endAllChildren();
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : fault}\n`);
    process.exit(1);
  },
);
