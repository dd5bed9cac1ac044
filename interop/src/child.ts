// Runs a program to its end and keeps what it printed.
// Invariant: a program that does not end in its time is killed, and that is said.

import { spawn } from 'node:child_process';

/** How a program ended. Its exit code is not a fault: h2spec exits with 1 for a failed case. */
export interface Ended {
  readonly output: string;
  readonly fault: string | undefined;
}

/** @param withinMs milliseconds it may take */
export function run(program: string, args: readonly string[], withinMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let fault: string | undefined;
    const timer = setTimeout(() => {
      fault = `did not end within ${withinMs / 1000} s`;
      child.kill('SIGKILL');
    }, withinMs);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => {
      fault = error.message;
    });
    child.once('close', (_code, signal) => {
      clearTimeout(timer);
      if (signal !== null) fault ??= `ended with ${signal}`;
      resolve({ output: Buffer.concat(chunks).toString('utf8'), fault });
    });
  });
}
