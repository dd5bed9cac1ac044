// The programs that the interop cases run between: how each comes to be on this machine, and how it
// is started. All of them have the command line of peers/peer-commands.ts.
// Invariant: what cannot be had says why, by name; nothing here fails a run.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_grpc_testing_empty } from './gen/grpc/testing/empty_pb.ts';
import { file_grpc_testing_messages } from './gen/grpc/testing/messages_pb.ts';

/** Names as the report has them. */
export const PEER_NAMES = ['sluice', 'grpc-js', 'grpc-go', 'grpcio'] as const;

export type PeerName = (typeof PEER_NAMES)[number];

/** A program to run with `server` or `client` and the options of that mode behind `args`. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** A peer that can run here, or why it cannot. */
export interface Peer {
  readonly name: PeerName;
  readonly version: string;
  readonly command: Command | undefined;
  readonly why: string | undefined;
}

const ROOT: string = fileURLToPath(new URL('..', import.meta.url));
const BUILD: string = join(ROOT, '.build');

/** Milliseconds for a build or an installation with a cold cache. */
const PREPARE_MS = 240_000;

/** What went wrong with a command; undefined when nothing did. */
function faultOf(program: string, args: readonly string[], cwd: string): string | undefined {
  const ended = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: PREPARE_MS });
  if (ended.error !== undefined) return `no ${program} to run (${ended.error.message})`;
  if (ended.status === 0) return undefined;
  return `${program} ${args[0]} failed: ${ended.stderr.trim().replaceAll(/\s+/g, ' ')}`;
}

function versionIn(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(join(ROOT, file), 'utf8'))?.[1] ?? 'unknown';
}

function nodePeer(name: 'sluice' | 'grpc-js', packageName: string): Peer {
  const module = fileURLToPath(new URL(`./peers/${name}-process.js`, import.meta.url));
  // Ours or installed by us, and always with a version.
  const { version } = createRequire(import.meta.url)(`${packageName}/package.json`) as {
    readonly version: string;
  };
  return { name, version, command: { program: process.execPath, args: [module] }, why: undefined };
}

function goPeer(): Peer {
  const version = versionIn('go/go.mod', /google\.golang\.org\/grpc v(\S+)/);
  const program = join(BUILD, 'interop-peer');
  const why = faultOf('go', ['build', '-o', program, './interoppeer'], join(ROOT, 'go'));
  const command = why === undefined ? { program, args: [] } : undefined;
  return { name: 'grpc-go', version, command, why };
}

function installPython(venv: string, python: string): string | undefined {
  if (!existsSync(python)) {
    const fault = faultOf('python3', ['-m', 'venv', venv], ROOT);
    if (fault !== undefined) return fault;
  }
  const requirements = join(ROOT, 'python', 'requirements.txt');
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  return faultOf(python, [...install, '-r', requirements], ROOT);
}

function pythonPeer(): Peer {
  const version = versionIn('python/requirements.txt', /grpcio==(\S+)/);
  const venv = join(BUILD, 'venv');
  const program = join(venv, 'bin', 'python');
  const why = installPython(venv, program);
  if (why !== undefined) return { name: 'grpcio', version, command: undefined, why };
  const descriptors = join(BUILD, 'messages.binpb');
  const file = [file_grpc_testing_empty.proto, file_grpc_testing_messages.proto];
  const set = create(FileDescriptorSetSchema, { file });
  writeFileSync(descriptors, toBinary(FileDescriptorSetSchema, set));
  const args = [join(ROOT, 'python', 'peer.py'), '--descriptors', descriptors];
  return { name: 'grpcio', version, command: { program, args }, why };
}

/** Builds and installs what there is to build and install; seconds, or minutes the first time. */
export function preparePeers(onStep: (step: string) => void): readonly Peer[] {
  mkdirSync(BUILD, { recursive: true });
  onStep('peers: grpc-go');
  const go = goPeer();
  onStep('peers: grpcio');
  const python = pythonPeer();
  return [nodePeer('sluice', 'sluice'), nodePeer('grpc-js', '@grpc/grpc-js'), go, python];
}
