// A program in a Node of its own, bounded in time and in memory: what it printed and how it ended.
// A program that overstays is killed; it never outlives the test that started it.

import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** The folder of the package; compiled tests are in build/test/betterments. */
export const packageFolder: string = join(__dirname, '..', '..', '..');

/** Of the comparison: what is shown to be bettered, and what betters it. */
export const PUBLISHED = '@grpc/grpc-js';
export const OURS = '@sluice/grpc-js';

export interface Bounds {
  /** Milliseconds until the program is killed; 20,000. */
  readonly timeoutMs?: number;
  /** MiB of V8's old space; 256. */
  readonly heapMiB?: number;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether the time was up. */
  readonly killed: boolean;
}

/** Runs `node args`, below the package so that names resolve as they do for its tests. */
export function runNode(args: readonly string[], bounds: Bounds = {}): Promise<Ended> {
  const { timeoutMs = 20_000, heapMiB = 256 } = bounds;
  const options = {
    cwd: packageFolder,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 16 * 1024 * 1024,
  } as const;
  return new Promise((resolve) => {
    const all = [`--max-old-space-size=${heapMiB}`, ...args];
    const child = execFile(process.execPath, all, options, (error, stdout, stderr) => {
      const killed = error?.killed ?? false;
      resolve({ stdout, stderr, code: child.exitCode, signal: child.signalCode, killed });
    });
  });
}
