// What this machine is and how a process is pinned to one of its cores. Each side of a benchmark
// gets a core of its own, so that neither helper threads nor the scheduler decide the figures.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release } from 'node:os';

/** The two cores of a pair, or null where processes cannot be pinned. */
export interface Cores {
  readonly client: number;
  readonly server: number;
}

/** The cores this process may run on, for example `0-1` or `2,5-7`; proc(5), Cpus_allowed_list. */
export function parseCoreList(list: string): number[] {
  const cores: number[] = [];
  for (const part of list.trim().split(',')) {
    if (part === '') continue;
    const [first, last] = part.split('-').map(Number);
    if (first === undefined || !Number.isInteger(first)) continue;
    for (let core = first; core <= (last ?? first); core++) cores.push(core);
  }
  return cores;
}

/** Two cores to pin to, or null without `taskset` or with fewer than two cores. */
export function findCores(): Cores | null {
  if (spawnSync('taskset', ['--version']).status !== 0) return null;
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'latin1');
  } catch {
    return null; // not Linux
  }
  const [client, server] = parseCoreList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '');
  return client === undefined || server === undefined ? null : { client, server };
}

/** The command line that runs `command` on one core; unchanged when `core` is null. */
export function pinned(core: number | null, command: readonly string[]): string[] {
  return core === null ? [...command] : ['taskset', '-c', String(core), ...command];
}

/** One line for the report. */
export function describeMachine(cores: Cores | null): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const pinning =
    cores === null
      ? 'processes not pinned'
      : `client on core ${cores.client}, server on core ${cores.server}`;
  return `${model}, ${availableParallelism()} cores, ${platform()} ${release()} ${arch()}, ${pinning}`;
}
