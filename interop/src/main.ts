// `npm run interop`: Sluice beside programs and paths that it did not make.
// Exit codes: 0 nothing failed, 1 a case failed, 2 wrong usage.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { BDP_CASES, runBdp } from './bdp.ts';
import { runH2spec } from './h2spec.ts';
import { formatReport, held, type InteropReport } from './report.ts';

const HELP = `Usage: npm run interop -- [options]

  --only NAMES   comma-separated names of cases, or beginnings of names (default: all)
  --json FILE    also write the report as JSON
  --help         this text

Cases:
  h2spec         HTTP/2 conformance of the server, strict, plain and over TLS; needs Go
  ${BDP_CASES.join('\n  ')}
                 bulk over 100 Mbit/s with a round trip of 50 ms: 80 % of the link

What cannot run here is skipped by name and never counts as passed.
`;

class UsageError extends Error {}

interface Options {
  readonly only: readonly string[];
  readonly json: string | undefined;
}

/** Undefined: help was asked for. */
function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return undefined;
    const only = values.only
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    return { only, json: values.json };
  } catch (fault) {
    // parseArgs throws a TypeError that names the option.
    if (fault instanceof TypeError) throw new UsageError(fault.message);
    throw fault;
  }
}

async function interop(options: Options): Promise<boolean> {
  const known = ['h2spec', ...BDP_CASES];
  const unknown = options.only.find((name) => !known.some((one) => one.startsWith(name)));
  if (unknown !== undefined) {
    throw new UsageError(`--only: nothing is called '${unknown}'; ${known.join(', ')}`);
  }
  const wanted = (name: string): boolean =>
    options.only.length === 0 || options.only.some((only) => name.startsWith(only));
  const startedMs = performance.now();
  const progress = (name: string): void => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${String(seconds).padStart(4)} s  ${name}\n`);
  };
  const report: InteropReport = [];
  if (wanted('h2spec')) report.push(...(await runH2spec(progress)));
  report.push(...(await runBdp(wanted, progress)));
  process.stdout.write(`${formatReport(report)}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return held(report);
}

async function main(): Promise<number> {
  try {
    const options = readOptions();
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    return (await interop(options)) ? 0 : 1;
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    process.stderr.write(`${fault.message}\n\n${HELP}`);
    return 2;
  }
}

main().then(
  (code) => process.exit(code),
  (fault: unknown) => {
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : fault}\n`);
    process.exit(1);
  },
);
