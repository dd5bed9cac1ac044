// Which core each process of the storm runs on: the client on the first core this process may use,
// the server and the terminal on the last. Where `taskset` is missing or there is one core, nothing
// is pinned; the report then compares less exactly, but it runs.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Core numbers; null where nothing is pinned. */
export interface Cores {
  readonly client: number | null;
  readonly server: number | null;
}

/** The numbers in a kernel CPU list such as `0-2,5`. */
export function parseCpuList(list: string): number[] {
  const cores: number[] = [];
  for (const part of list.trim().split(',')) {
    const [first, last] = part.split('-').map((number) => Number.parseInt(number, 10));
    if (first === undefined || Number.isNaN(first)) continue;
    for (let core = first; core <= (last ?? first); core++) cores.push(core);
  }
  return cores;
}

function allowedCores(): number[] {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return parseCpuList(/^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1] ?? '');
  } catch {
    return [];
  }
}

/** Chooses the cores and moves this process out of the client's way. */
export function pinToCores(): Cores {
  const cores = allowedCores();
  const client = cores[0];
  const server = cores.at(-1);
  if (client === undefined || server === undefined || client === server) {
    return { client: null, server: null };
  }
  const moved = spawnSync('taskset', ['-c', '-p', String(server), String(process.pid)]);
  if (moved.status !== 0) return { client: null, server: null };
  return { client, server };
}
