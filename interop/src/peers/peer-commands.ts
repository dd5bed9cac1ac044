// The command line of the peers that are Node programs, the same as that of the others:
//   server --port 0 [--cert FILE --key FILE]     says {"port":N}, ends with its stdin
//   client --port N [--ca FILE] --cases a,b,c    says one JSON line per case
// Invariant: a client says what became of each case, in time, whatever the library does.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { CaseClient } from './case-client.ts';
import type { InteropCase } from './case-names.ts';
import { CASES } from './cases.ts';

/** Milliseconds one case may take. */
const CASE_MS = 20_000;

/** PEM texts. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A library as a peer. */
export interface NodePeer {
  /** Serves TestService on 127.0.0.1; resolves with the port. */
  serve(port: number, tls: ServerTls | undefined): Promise<number>;
  /** @param ca what the client trusts; TLS when given */
  connect(target: string, ca: Buffer | undefined): CaseClient;
}

function isCase(name: string): name is InteropCase {
  return Object.hasOwn(CASES, name);
}

async function serve(peer: NodePeer, port: number, tls: ServerTls | undefined): Promise<void> {
  const listening = await peer.serve(port, tls);
  process.stdout.write(`${JSON.stringify({ port: listening })}\n`);
  process.stdin.resume().once('end', () => process.exit(0));
}

async function runCase(client: CaseClient, name: string): Promise<string | null> {
  if (!isCase(name)) return `no case is called '${name}'`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`did not end within ${CASE_MS / 1000} s`), CASE_MS);
  });
  try {
    return await Promise.race([CASES[name](client).then(() => null), late]);
  } catch (fault) {
    return fault instanceof Error ? fault.message : String(fault);
  } finally {
    clearTimeout(timer);
  }
}

async function runCases(client: CaseClient, names: readonly string[]): Promise<boolean> {
  let passed = true;
  for (const name of names) {
    const why = await runCase(client, name);
    passed = passed && why === null;
    const result = why === null ? 'pass' : 'fail';
    process.stdout.write(`${JSON.stringify({ case: name, result, why })}\n`);
  }
  client.close();
  return passed;
}

/** Does what the command line says. */
export async function runPeer(peer: NodePeer): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '0' },
      cert: { type: 'string' },
      key: { type: 'string' },
      ca: { type: 'string' },
      cases: { type: 'string', default: '' },
    },
  });
  const { cert, key, ca } = values;
  if (positionals[0] === 'server') {
    const tls =
      cert === undefined || key === undefined
        ? undefined
        : { cert: readFileSync(cert), key: readFileSync(key) };
    await serve(peer, Number(values.port), tls);
    return;
  }
  const trusted = ca === undefined ? undefined : readFileSync(ca);
  const passed = await runCases(
    peer.connect(`127.0.0.1:${values.port}`, trusted),
    values.cases.split(','),
  );
  process.exit(passed ? 0 : 1);
}
