// Row 24: the interop cases of gRPC between this runtime and every peer, as client and as server, in
// plain text and over TLS. The runtime's own pairing with itself is among them.

import { runMatrix } from '../../../interop/dist/matrix.js';
import { preparePeers } from '../../../interop/dist/peers.js';
import { type AttackSide, type Figures, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const FAULTS_TOLD = 10;

async function run({ runtime, certificate, progress }: RowContext): Promise<AttackSide> {
  const peers = preparePeers(progress);
  const report = await runMatrix(peers, certificate, () => true, progress, runtime);
  const figures: Figures = {};
  for (const { name } of peers) {
    for (const role of ['client', 'server'] as const) {
      const of = report.filter(
        ({ client, server }) =>
          (role === 'client' ? client : server) === runtime &&
          (role === 'client' ? server : client) === name,
      );
      const passed = of.filter(({ result }) => result === 'pass').length;
      figures[`${role}With ${name}`] = `${passed} of ${of.length}`;
    }
  }
  const failed = report.filter(({ result }) => result === 'fail');
  const skipped = report.filter(({ result }) => result === 'skipped');
  figures.cases = report.length;
  figures.failed = failed.length;
  figures.skipped = skipped.length;
  const told = failed
    .slice(0, FAULTS_TOLD)
    .map(
      (one) =>
        `${one.case} ${one.client} -> ${one.server}${one.tls ? ' over TLS' : ''}: ${one.why}`,
    )
    .join(', ');
  if (failed.length > 0) return side([`${failed.length} cases failed: ${told}`], figures);
  const missing = new Set(skipped.map(({ why }) => why));
  if (missing.size === 0) return side([], figures);
  const why = `${skipped.length} cases could not run: ${[...missing].join('; ')}`;
  return { ...side([], figures), status: 'blocked', why };
}

export const rows: readonly Row[] = [
  {
    row: 24,
    name: 'gRPC interop with every peer, both roles, plain and TLS',
    direction: 'server',
    tls: false,
    expected: 'every case with grpc-go, grpcio, grpc-js and itself',
    seconds: 120,
    run,
  },
];
