// Plants each fault of the table in a copy of the build and runs the fuzzer of its target there until it
// is found or the time is over. A copy is the package without its sources: dist, the built tests that a
// fuzzer needs, and its `imports`; the corpus is left behind, so that what finds a fault is the fuzzing.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunResult } from './fuzz-run.js';
import { PLANTED_FAULTS, type PlantedFault } from './planted-faults.js';

const PACKAGE: string = fileURLToPath(new URL('../../', import.meta.url));
const BUILT_TESTS: readonly string[] = ['fuzz', 'model', 'support'];

/** Copies, and so fuzzers, at a time. */
const COPIES = 2;
/** Milliseconds on top of the fuzzer's own time, to start and to shrink. */
const GRACE_MS = 40_000;

/** Prints a line for each; the exit code: 0 if each was found within `seconds`. */
export async function plantAll(seconds: number): Promise<number> {
  const faults = PLANTED_FAULTS.values();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-planted-'));
  let found = 0;
  const plantNext = async (copy: string): Promise<void> => {
    copyPackage(copy);
    // The iterator is shared: each fault goes to the copy that is free first.
    for (const fault of faults) {
      const outcome = await plant(copy, fault, seconds);
      if (outcome.isFound) found++;
      process.stdout.write(`${outcome.text.padEnd(18)}${fault.target.padEnd(18)}${fault.what}\n`);
    }
  };
  try {
    const copies: Promise<void>[] = [];
    for (let i = 0; i < COPIES; i++) copies.push(plantNext(join(folder, String(i))));
    await Promise.all(copies);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(
    `${found} of ${PLANTED_FAULTS.length} planted faults found within ${seconds} s each\n`,
  );
  return found === PLANTED_FAULTS.length ? 0 : 1;
}

function copyPackage(copy: string): void {
  mkdirSync(copy, { recursive: true });
  cpSync(join(PACKAGE, 'package.json'), join(copy, 'package.json'));
  cpSync(join(PACKAGE, 'dist'), join(copy, 'dist'), { recursive: true });
  for (const name of BUILT_TESTS) {
    cpSync(join(PACKAGE, 'dist-test', name), join(copy, 'dist-test', name), { recursive: true });
  }
}

interface Outcome {
  readonly isFound: boolean;
  readonly text: string;
}

async function plant(copy: string, fault: PlantedFault, seconds: number): Promise<Outcome> {
  const path = join(copy, 'dist', fault.file);
  const source = readFileSync(path, 'utf8');
  const parts = source.split(fault.find);
  if (parts.length !== 2) {
    return { isFound: false, text: `in ${parts.length - 1} places` };
  }
  writeFileSync(path, parts.join(fault.put));
  const result = await fuzz(copy, fault.target, seconds);
  writeFileSync(path, source);
  const first = result?.findings[0];
  if (first === undefined)
    return { isFound: false, text: result === undefined ? 'no answer' : 'NOT FOUND' };
  return { isFound: true, text: `${(first.afterMs / 1000).toFixed(2)} s` };
}

/** What the copy's own fuzzer says; undefined if it says nothing. */
function fuzz(copy: string, target: string, seconds: number): Promise<RunResult | undefined> {
  const json = join(copy, 'result.json');
  rmSync(json, { force: true });
  const main = join(copy, 'dist-test', 'fuzz', 'main.js');
  const options = [
    '--only',
    target,
    '--seconds',
    String(seconds),
    '--workers',
    '1',
    '--json',
    json,
  ];
  const child = spawn(process.execPath, [main, ...options], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    timeout: seconds * 1000 + GRACE_MS,
  });
  return new Promise((resolve) => {
    child.once('close', () => resolve(resultIn(json)));
    child.once('error', () => resolve(undefined));
  });
}

function resultIn(path: string): RunResult | undefined {
  try {
    // Written by main.ts of the copy, from that very type.
    return JSON.parse(readFileSync(path, 'utf8')) as RunResult;
  } catch {
    return undefined;
  }
}
