// Which sides can run here and how their processes are started. A side that cannot run is absent
// with a reason, never an error: the benchmarks need npm alone, Go is welcome.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cores } from '../machine.ts';
import { Peer } from './peer.ts';
import type { Pair } from './rounds.ts';
import { SIDE_MODULES } from './sides/registry.ts';

export interface RunnableSide {
  readonly name: string;
  /** The command line of a server, and of a client up to its port. */
  readonly server: readonly string[];
  readonly client: readonly string[];
  /** Load before the first round. grpc-js takes 2 s of it to reach its speed; Go compiles ahead. */
  readonly warmUpSeconds: number;
}

export interface AbsentSide {
  readonly name: string;
  readonly why: string;
}

/** The sides of a run unless `--sides` says otherwise, in the order of a round. */
export const DEFAULT_SIDES: readonly string[] = [
  'sluice',
  'drop-in',
  'grpc-js',
  'http2',
  'grpc-go',
];

const PEER_PROCESS: string = fileURLToPath(new URL('./peer-process.js', import.meta.url));
const GO_MODULE: string = fileURLToPath(new URL('../../../interop/go', import.meta.url));
const GO_BINARY: string = fileURLToPath(
  new URL('../../../interop/.build/bench-peer', import.meta.url),
);

/** Builds the Go peer; the compiler's own cache makes a second build cheap. */
function buildGo(): RunnableSide | AbsentSide {
  const name = 'grpc-go';
  const build = spawnSync('go', ['build', '-o', GO_BINARY, './benchpeer'], {
    cwd: GO_MODULE,
    encoding: 'utf8',
  });
  if (build.error !== undefined) return { name, why: 'no go toolchain' };
  if (build.status !== 0) {
    return { name, why: `go build failed: ${build.stderr.trim().split('\n')[0] ?? ''}` };
  }
  return {
    name,
    server: [GO_BINARY, 'server'],
    client: [GO_BINARY, 'client'],
    warmUpSeconds: 0.5,
  };
}

export function findSide(name: string): RunnableSide | AbsentSide {
  if (name === 'grpc-go') return buildGo();
  if (SIDE_MODULES[name] === undefined) return { name, why: 'no such side' };
  const peer = (role: string): string[] => [
    process.execPath,
    '--expose-gc',
    PEER_PROCESS,
    role,
    name,
  ];
  return { name, server: peer('server'), client: peer('client'), warmUpSeconds: 2.5 };
}

/** A server, then a client connected to it, each on its core. */
export async function startPair(
  side: RunnableSide,
  cores: Cores | null,
  roomy: boolean,
): Promise<Pair> {
  const server = await Peer.start(`${side.name} server`, cores?.server ?? null, side.server);
  try {
    const command = [...side.client, String(server.port), ...(roomy ? ['roomy'] : [])];
    const client = await Peer.start(`${side.name} client`, cores?.client ?? null, command);
    return { server, client };
  } catch (fault) {
    await server.stop();
    throw fault;
  }
}

export async function stopPair(pair: Pair): Promise<void> {
  await Promise.all([pair.client.stop(), pair.server.stop()]);
}
