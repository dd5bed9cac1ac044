// Lets each program of this folder observe the original and this package, in processes of their
// own, and compares observation by observation.
// Invariant: a difference passes only if the table of known differences has it, and an entry of the
// table passes only if it still differs. `node run.js [program ...]` prints what differs.

import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type KnownDifference, knownDifferencesOf } from './known-differences.ts';
import type { Observation } from './observation.ts';
import type { Report } from './observer-process.ts';

const ORIGINAL = '@grpc/grpc-js';
const OURS = '@sluice/grpc-js';
const LIMIT_MS = 60_000;
const OBSERVER = join(__dirname, 'observer-process.js');

// Characters of a value that are printed.
const SHOWN = 600;

// From the outside these would change what is observed.
const OUTSIDE =
  /^(?:GRPC_|(?:grpc|no_grpc|http|https|no)_proxy$|NODE_OPTIONS$|NODE_TEST_CONTEXT$)/i;

export interface Difference {
  readonly name: string;
  /** Undefined where it was not observed at all. */
  readonly original: unknown;
  readonly ours: unknown;
}

export interface Verdict {
  /** Differences that the table does not have. */
  readonly unknown: readonly Difference[];
  /** Entries of the table that do not differ. */
  readonly stale: readonly KnownDifference[];
  /** How many observations the original gave. */
  readonly observed: number;
}

/** The programs of this folder: the compiled files that export `observe`. */
export function programs(): string[] {
  return readdirSync(__dirname)
    .filter((file) => file.endsWith('.js') && !file.endsWith('.test.js'))
    .filter((file) => /^exports\.observe = /m.test(readFileSync(join(__dirname, file), 'utf8')))
    .map((file) => file.slice(0, -'.js'.length))
    .sort();
}

/** Runs a program twice. @throws Error when one of the runs fails */
export async function judge(program: string): Promise<Verdict> {
  const file = join(__dirname, `${program}.js`);
  // Both end before the verdict, so that no process outlives it.
  const runs = await Promise.allSettled([observations(file, ORIGINAL), observations(file, OURS)]);
  const [original, ours] = runs.map((run) => {
    if (run.status === 'rejected') throw run.reason;
    return run.value;
  });
  return verdict(original ?? [], ours ?? [], knownDifferencesOf(program));
}

/** Compares by name. @throws Error when a name occurs twice */
export function verdict(
  original: readonly Observation[],
  ours: readonly Observation[],
  known: readonly KnownDifference[],
): Verdict {
  const differences = differencesOf(byName(original), byName(ours));
  const differing = new Set(differences.map((difference) => difference.name));
  const excused = new Set(known.map((entry) => entry.name));
  return {
    unknown: differences.filter((difference) => !excused.has(difference.name)),
    stale: known.filter((entry) => !differing.has(entry.name)),
    observed: original.length,
  };
}

function differencesOf(
  original: ReadonlyMap<string, unknown>,
  ours: ReadonlyMap<string, unknown>,
): Difference[] {
  const differences: Difference[] = [];
  for (const name of new Set([...original.keys(), ...ours.keys()])) {
    const both = original.has(name) && ours.has(name);
    const pair = { name, original: original.get(name), ours: ours.get(name) };
    if (!both || !isDeepStrictEqual(pair.original, pair.ours)) differences.push(pair);
  }
  return differences;
}

function byName(observed: readonly Observation[]): Map<string, unknown> {
  const map = new Map<string, unknown>();
  for (const { name, value } of observed) {
    if (map.has(name)) throw new Error(`two observations are called "${name}"`);
    map.set(name, value);
  }
  return map;
}

function observations(file: string, moduleName: string): Promise<readonly Observation[]> {
  return new Promise((resolve, reject) => {
    const child = fork(OBSERVER, [file, moduleName], {
      env: insideOnly(process.env),
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let output = '';
    const hear = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    const fail = (what: string): void => {
      reject(new Error(`${file} with ${moduleName}: ${what}\n${output}`));
    };
    const limit = setTimeout(() => {
      fail(`no report within ${LIMIT_MS} ms`);
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.once('message', (message) => {
      // From our own process; its shape is that of the file that sends it.
      const report = message as Report;
      if (report.observations === undefined) fail(report.failure ?? 'no observations');
      else resolve(report.observations);
    });
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      fail(`ended without a report (${signal ?? code})`);
    });
  });
}

function insideOnly(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OUTSIDE.test(name)));
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}

async function print(names: readonly string[]): Promise<void> {
  for (const program of names) {
    try {
      const { unknown, stale, observed } = await judge(program);
      console.log(`${program}: ${observed} observations, ${unknown.length} unknown differences`);
      for (const { name, original, ours } of unknown) {
        console.log(`  ${name}`);
        console.log(`    original: ${shortened(original)}`);
        console.log(`    ours:     ${shortened(ours)}`);
      }
      for (const { name } of stale) console.log(`  no longer differs: ${name}`);
      if (unknown.length + stale.length > 0) process.exitCode = 1;
    } catch (error) {
      console.log(`${program}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
}

if (require.main === module) {
  const named = process.argv.slice(2);
  void print(named.length > 0 ? named : programs());
}
