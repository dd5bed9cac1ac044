// The interop cases between Sluice (or another that is asked for) and every peer, as client and as
// server, in plain text and over TLS.
// Invariants: a pairing that cannot run is in the report with all of its cases, skipped or failed;
// one client runs at a time, so that a machine's load fails no case of another.

import type { Certificate } from './certificate.ts';
import { type PeerServer, runClient, startServer } from './peer-process.ts';
import { INTEROP_CASES } from './peers/case-names.ts';
import type { Command, Peer, PeerName } from './peers.ts';
import type { InteropReport, InteropResult } from './report.ts';

/** grpc-go lists our services and builds descriptors of what it is told. */
const REFLECTION = 'reflection_list';

/** The names of the cases. */
export const MATRIX_CASES: readonly string[] = [...INTEROP_CASES, REFLECTION];

/** Whether a row is asked for: by its case, or by one of the two peers. */
export type Wanted = (name: string, client: string, server: string) => boolean;

interface Pairing {
  readonly client: Peer;
  readonly server: Peer;
  readonly cases: readonly string[];
}

function pairings(peers: readonly Peer[], wanted: Wanted, middle: PeerName): readonly Pairing[] {
  const all: Pairing[] = [];
  const add = (client: Peer, server: Peer, names: readonly string[]): void => {
    const cases = names.filter((name) => wanted(name, client.name, server.name));
    if (cases.length > 0) all.push({ client, server, cases });
  };
  const hub = peers.find(({ name }) => name === middle);
  if (hub === undefined) return all;
  for (const peer of peers) {
    add(hub, peer, INTEROP_CASES);
    if (peer === hub) continue;
    const reflects = middle === 'sluice' && peer.name === 'grpc-go';
    add(peer, hub, reflects ? MATRIX_CASES : INTEROP_CASES);
  }
  return all;
}

/** The servers of one run, started when a pairing first needs them. */
class Servers {
  private readonly tls: readonly string[];
  private readonly started: Map<Command, Promise<PeerServer>>;

  constructor(certificate: Certificate | undefined) {
    this.tls =
      certificate === undefined
        ? []
        : ['--cert', certificate.certificate, '--key', certificate.key];
    this.started = new Map();
  }

  get(command: Command): Promise<PeerServer> {
    const running = this.started.get(command) ?? startServer(command, this.tls);
    this.started.set(command, running);
    return running;
  }

  async stop(): Promise<void> {
    for (const started of this.started.values()) {
      const server = await started.catch(() => undefined);
      await server?.stop();
    }
  }
}

async function runPairing(
  { client, server, cases }: Pairing,
  servers: Servers,
  certificate: Certificate | undefined,
): Promise<readonly InteropResult[]> {
  const names = { client: client.name, server: server.name, tls: certificate !== undefined };
  const all = (result: InteropResult['result'], why: string): readonly InteropResult[] =>
    cases.map((name) => ({ case: name, ...names, result, why }));
  const missing = client.why === undefined ? server : client;
  if (client.command === undefined || server.command === undefined) {
    return all('skipped', `no ${missing.name}: ${missing.why}`);
  }
  try {
    const { port } = await servers.get(server.command);
    const trust = certificate === undefined ? [] : ['--ca', certificate.certificate];
    const outcomes = await runClient(client.command, ['--port', String(port), ...trust], cases);
    return outcomes.map(({ case: name, result, why }) => ({ case: name, ...names, result, why }));
  } catch (fault) {
    return all('fail', fault instanceof Error ? fault.message : String(fault));
  }
}

async function runWire(
  chosen: readonly Pairing[],
  certificate: Certificate | undefined,
  onPairing: (name: string) => void,
): Promise<InteropReport> {
  const report: InteropReport = [];
  const servers = new Servers(certificate);
  try {
    for (const pairing of chosen) {
      const wire = certificate === undefined ? 'plain' : 'TLS';
      onPairing(`${pairing.client.name} -> ${pairing.server.name}, ${wire}`);
      report.push(...(await runPairing(pairing, servers, certificate)));
    }
    return report;
  } finally {
    await servers.stop();
  }
}

/** Runs every pairing, once without TLS and, with a certificate, once more over TLS. */
export async function runMatrix(
  peers: readonly Peer[],
  certificate: Certificate | undefined,
  wanted: Wanted,
  onPairing: (name: string) => void,
  middle: PeerName = 'sluice',
): Promise<InteropReport> {
  const chosen = pairings(peers, wanted, middle);
  const plain = await runWire(chosen, undefined, onPairing);
  if (certificate !== undefined) {
    return [...plain, ...(await runWire(chosen, certificate, onPairing))];
  }
  const why = 'no openssl to make a certificate with';
  return [
    ...plain,
    ...plain.map((row): InteropResult => ({ ...row, tls: true, result: 'skipped', why })),
  ];
}
