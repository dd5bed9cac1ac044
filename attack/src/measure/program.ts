// Runs a program of this repository to its end, for rows that are programs of their own; says now and
// then that it still runs.
// Invariant: it ends in its time, or is killed; it does not outlive this process.

import { spawn } from 'node:child_process';

export interface ProgramPlan {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs: number;
  /** Called with its last line, every half minute. */
  progress(line: string): void;
}

export interface ProgramEnd {
  /** Null where it was killed. */
  readonly code: number | null;
  /** What it printed, the last 64 KiB. */
  readonly output: string;
}

const KEPT = 65_536;
const PROGRESS_MS = 30_000;

/** A program of Node. */
export function runProgram(plan: ProgramPlan): Promise<ProgramEnd> {
  const child = spawn(process.execPath, plan.args, {
    env: { ...process.env, ...plan.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const note = (chunk: string): void => {
    output = (output + chunk).slice(-KEPT);
  };
  child.stdout.setEncoding('utf8').on('data', note);
  child.stderr.setEncoding('utf8').on('data', note);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const timer = setTimeout(kill, plan.withinMs);
  const teller = setInterval(() => {
    const line = output.trimEnd().split('\n').at(-1);
    if (line !== undefined && line !== '') plan.progress(line.slice(0, 120));
  }, PROGRESS_MS);
  return new Promise((resolve) => {
    const done = (code: number | null): void => {
      clearTimeout(timer);
      clearInterval(teller);
      process.off('exit', kill);
      resolve({ code, output });
    };
    child.once('error', () => done(null));
    child.once('close', done);
  });
}
