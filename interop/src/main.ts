// `npm run interop`: Sluice beside programs and paths that it did not make.
// Exit codes: 0 nothing failed, 1 a case failed, 2 wrong usage.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BDP_CASES, runBdp } from './bdp.ts';
import { makeCertificate } from './certificate.ts';
import { formatDocs } from './docs.ts';
import { runH2spec } from './h2spec.ts';
import { LOAD_CASES, runLoad } from './load.ts';
import { MATRIX_CASES, runMatrix } from './matrix.ts';
import { PEER_NAMES, type Peer, preparePeers } from './peers.ts';
import { formatReport, held, type InteropReport } from './report.ts';

const HELP = `Usage: npm run interop -- [options]

  --only NAMES   comma-separated names of cases, or beginnings of names, or of peers (default: all)
  --json FILE    also write the report as JSON
  --docs FILE    also write the report as a page; of a whole run
  --help         this text

Cases:
  ${MATRIX_CASES.join('\n  ')}
                 between Sluice and each peer, both ways, plain and over TLS
  ${LOAD_CASES.join('\n  ')}
                 20,000 requests of a load generator that others wrote
  h2spec         HTTP/2 conformance of the server, strict, plain and over TLS; needs Go
  ${BDP_CASES.join('\n  ')}
                 bulk over 100 Mbit/s with a round trip of 50 ms: 80 % of the link

Peers: ${PEER_NAMES.join(', ')}; grpc-go needs Go, grpcio needs Python.

What cannot run here is skipped by name and never counts as passed.
`;

class UsageError extends Error {}

interface Options {
  readonly only: readonly string[];
  readonly json: string | undefined;
  readonly docs: string | undefined;
}

/** Undefined: help was asked for. */
function readOptions(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        json: { type: 'string' },
        docs: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return undefined;
    const only = values.only
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    if (values.docs !== undefined && only.length > 0) {
      throw new UsageError('--docs: a page is made of a whole run; leave --only out');
    }
    return { only, json: values.json, docs: values.docs };
  } catch (fault) {
    // parseArgs throws a TypeError that names the option.
    if (fault instanceof TypeError) throw new UsageError(fault.message);
    throw fault;
  }
}

/** Which rows are asked for. */
class Selection {
  private readonly only: readonly string[];

  constructor(only: readonly string[]) {
    const known = [...MATRIX_CASES, ...LOAD_CASES, 'h2spec', ...BDP_CASES, ...PEER_NAMES];
    const unknown = only.find((name) => !known.some((one) => one.startsWith(name)));
    if (unknown !== undefined) {
      throw new UsageError(`--only: nothing is called '${unknown}'; ${known.join(', ')}`);
    }
    this.only = only;
  }

  has(name: string): boolean {
    return this.only.length === 0 || this.only.some((only) => name.startsWith(only));
  }

  hasPairing(name: string, client: string, server: string): boolean {
    return this.has(name) || this.only.includes(client) || this.only.includes(server);
  }

  /** Whether it has any case between peers. */
  get needsPeers(): boolean {
    return [...MATRIX_CASES, ...LOAD_CASES].some((name) => this.has(name)) || this.namesPeer;
  }

  private get namesPeer(): boolean {
    return this.only.some((name) => PEER_NAMES.some((peer) => peer === name));
  }
}

async function runPeers(
  selection: Selection,
  folder: string,
  onStep: (name: string) => void,
): Promise<{ readonly peers: readonly Peer[]; readonly report: InteropReport }> {
  const peers = preparePeers(onStep);
  const certificate = makeCertificate(folder);
  const report = await runMatrix(
    peers,
    certificate,
    (name, client, server) => selection.hasPairing(name, client, server),
    onStep,
  );
  const load = await runLoad(peers, certificate, folder, (name) => selection.has(name), onStep);
  return { peers, report: [...report, ...load] };
}

async function interop(options: Options): Promise<boolean> {
  const selection = new Selection(options.only);
  const startedMs = performance.now();
  const progress = (name: string): void => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`${String(seconds).padStart(4)} s  ${name}\n`);
  };
  const report: InteropReport = [];
  let peers: readonly Peer[] = [];
  if (selection.needsPeers) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-interop-'));
    try {
      const ran = await runPeers(selection, folder, progress);
      report.push(...ran.report);
      peers = ran.peers;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  if (selection.has('h2spec')) report.push(...(await runH2spec(progress)));
  report.push(...(await runBdp((name) => selection.has(name), progress)));
  process.stdout.write(`${formatReport(report)}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (options.docs !== undefined) writeFileSync(options.docs, formatDocs(report, peers));
  return held(report);
}

async function main(): Promise<number> {
  try {
    const options = readOptions();
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    return (await interop(options)) ? 0 : 1;
  } catch (fault) {
    if (!(fault instanceof UsageError)) throw fault;
    process.stderr.write(`${fault.message}\n\n${HELP}`);
    return 2;
  }
}

main().then(
  (code) => process.exit(code),
  (fault: unknown) => {
    process.stderr.write(`${fault instanceof Error ? (fault.stack ?? fault.message) : fault}\n`);
    process.exit(1);
  },
);
