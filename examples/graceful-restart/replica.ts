// Starts and ends the replicas of the graceful-restart example, as an orchestrator would.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A replica that listens. */
export interface Replica {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly process: ChildProcess;
}

/** @param port 0 for a free one */
export async function startReplica(name: string, version: string, port = 0): Promise<Replica> {
  const main = join(import.meta.dirname, 'replica-process.js');
  const child = fork(main, [name, version, String(port)]);
  const [listening] = await once(child, 'message');
  return { name, version, port: Number(listening), process: child };
}

/** Resolves with the exit code when the process is gone. */
export async function endReplica({ process }: Replica): Promise<number> {
  process.kill('SIGTERM');
  const [code] = await once(process, 'exit');
  return Number(code);
}
