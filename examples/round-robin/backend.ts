// Starts and ends the backends of the round-robin example, each a process of its own.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A backend that listens. */
export interface Backend {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
}

/** @param port 0 for a free one */
export async function startBackend(name: string, port = 0): Promise<Backend> {
  const main = join(import.meta.dirname, 'backend-process.js');
  const child = fork(main, [name, String(port)]);
  const [listening] = await once(child, 'message');
  return { name, port: Number(listening), process: child };
}

/** Resolves when the process is gone. */
export async function endBackend(
  { process }: Backend,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  process.kill(signal);
  await once(process, 'exit');
}
