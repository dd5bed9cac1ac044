// The command line of `npm run attack`.
// Not here: what a row is (row.ts), what becomes of the report (main.ts).

import { parseArgs } from 'node:util';
import type { Row } from './row.ts';

export const HELP = `Usage: npm run attack -- [options]

  --only ROWS        comma-separated: numbers of rows, ranges (1-12), or parts of their names;
                     'client', 'server' or 'tls' behind a colon narrows one: 3:tls, 1-12:client
  --runtime NAMES    sluice, grpc-js or both, comma-separated (default: both)
  --json FILE        also write the report as JSON, anew after each row
  --resume FILE      take the rows that this report has as they are, and run the others; a whole run
                     takes about an hour and a half
  --docs FILE        also write the report as a page; of a whole run
  --list             the rows, and about how long each takes
  --help             this text

Everything is on loopback, in processes of its own, bounded in count and time. A row that cannot run
on this machine is blocked, by name, and never counts as held.
Exit codes: 0 Sluice held every row that ran, 1 it did not, 2 wrong usage.
`;

/** A mistake on the command line. */
export class UsageError extends Error {}

export interface Options {
  readonly rows: readonly Row[];
  readonly runtimes: readonly ('sluice' | 'grpc-js')[];
  readonly json: string | undefined;
  readonly resume: string | undefined;
  readonly docs: string | undefined;
  readonly list: boolean;
}

const RUNTIMES = ['sluice', 'grpc-js'] as const;

/** Undefined: help was asked for. */
export function readOptions(args: readonly string[], rows: readonly Row[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const only = words(values.only);
  if (values.docs !== undefined && only.length > 0) {
    throw new UsageError('--docs: a page is made of a whole run; leave --only out');
  }
  const chosen = new Set(only.flatMap((word) => matching(word, rows)));
  return {
    rows: only.length === 0 ? rows : rows.filter((row) => chosen.has(row)),
    runtimes: runtimesOf(words(values.runtime)),
    json: values.json,
    resume: values.resume,
    docs: values.docs,
    list: values.list,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', default: '' },
        runtime: { type: 'string', default: '' },
        json: { type: 'string' },
        resume: { type: 'string' },
        docs: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (fault) {
    // parseArgs throws a TypeError that names the option.
    if (fault instanceof TypeError) throw new UsageError(fault.message);
    throw fault;
  }
}

function words(list: string): string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function runtimesOf(names: readonly string[]): Options['runtimes'] {
  const unknown = names.find((name) => !RUNTIMES.some((one) => one === name));
  if (unknown !== undefined) {
    throw new UsageError(`--runtime: ${unknown} is none of ${RUNTIMES.join(', ')}`);
  }
  return names.length === 0 ? RUNTIMES : RUNTIMES.filter((one) => names.includes(one));
}

function matching(word: string, rows: readonly Row[]): Row[] {
  const [what = '', where] = word.split(':');
  const [from, to = from] = what.split('-').map(Number);
  const isRange = /^\d+(?:-\d+)?$/.test(what);
  const found = rows.filter((row) => {
    if (where === 'tls' ? !row.tls : where !== undefined && row.direction !== where) return false;
    if (!isRange) return row.name.includes(what);
    return row.row >= Number(from) && row.row <= Number(to);
  });
  if (found.length > 0) return found;
  throw new UsageError(`--only: no row is called '${word}'; --list shows them`);
}
