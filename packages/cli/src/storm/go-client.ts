// The grpc-go client of the matrix: built from interop/go of this repository where there is a Go
// toolchain. Where there is none, or the package is used outside of the repository, it is absent,
// with the reason, and never an error.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('../../../../interop/go', import.meta.url));
const BINARY = fileURLToPath(new URL('../../../../interop/.build/storm-peer', import.meta.url));
const PACKAGE = './stormpeer';

/** The program, or why there is none. */
export type GoClient =
  | { readonly program: string; readonly version: string }
  | { readonly absent: string };

/** Builds the client; the compiler's own cache makes a second build cheap. */
export function buildGoClient(): GoClient {
  if (!existsSync(join(MODULE, PACKAGE))) return { absent: 'its source is not here' };
  const build = spawnSync('go', ['build', '-o', BINARY, PACKAGE], {
    cwd: MODULE,
    encoding: 'utf8',
  });
  if (build.error !== undefined) return { absent: 'Go is not installed' };
  if (build.status !== 0) {
    return { absent: `go build failed: ${build.stderr.trim().split('\n')[0] ?? ''}` };
  }
  const module = readFileSync(join(MODULE, 'go.mod'), 'utf8');
  const version = /^\s*google\.golang\.org\/grpc (v\S+)/m.exec(module)?.[1] ?? 'unknown';
  return { program: BINARY, version };
}
