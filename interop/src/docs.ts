// docs/interop.md: the report of a whole run as a page for people.
// Invariant: it says nothing that the report does not, and names what was skipped.

import { BDP_CASES } from './bdp.ts';
import { LOAD_CASES } from './load.ts';
import { MATRIX_CASES } from './matrix.ts';
import type { Peer } from './peers.ts';
import type { InteropReport, InteropResult } from './report.ts';

const HEAD = `# Interoperability

<!-- Written by \`npm run interop -- --docs docs/interop.md\`. Do not edit. -->

Sluice against programs that others wrote: the interoperability cases of gRPC that need no cloud
account, between Sluice and each peer, with Sluice as client and as server, in plain text and over
TLS. What a machine cannot run is skipped by name and does not count as passed.
`;

const NOTES = `Each peer comes from its own registry. grpc-go runs the cases and the server of its own \`interop\`
package, with compression added on its library; the others are programs in \`interop/\`. Where a peer
does not tell whether a message came compressed, its program finds out: grpc-go by the lengths in its
statistics, grpcio by leaving the decompression to the program, grpc-js by the flags on its HTTP/2
streams. grpc-js servers cannot compress; the program compresses for them.
`;

interface Cell {
  plain: InteropResult['result'] | undefined;
  tls: InteropResult['result'] | undefined;
}

function cellText({ plain, tls }: Cell): string {
  if (plain === undefined && tls === undefined) return '';
  return plain === tls ? `${plain}` : `plain ${plain ?? 'not run'}, TLS ${tls ?? 'not run'}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

function matrixTable(rows: readonly InteropResult[]): string {
  const pairings = [...new Set(rows.map(({ client, server }) => `${client} -> ${server}`))];
  const lines = MATRIX_CASES.map((name) => {
    const cells = pairings.map((pairing) => {
      const cell: Cell = { plain: undefined, tls: undefined };
      for (const row of rows) {
        if (row.case !== name || `${row.client} -> ${row.server}` !== pairing) continue;
        cell[row.tls ? 'tls' : 'plain'] = row.result;
      }
      return cellText(cell);
    });
    return [name, ...cells];
  });
  return table([['client -> server', ...pairings], ...lines]);
}

function measuredTable(rows: readonly InteropResult[]): string {
  const lines = rows.map((row) => [
    row.case,
    row.tls ? 'TLS' : 'plain',
    row.result,
    (row.why ?? '').replaceAll('|', '\\|'),
  ]);
  return table([['case', 'wire', 'result', 'what was seen'], ...lines]);
}

function h2specText(rows: readonly InteropResult[]): string {
  const wires = [false, true].map((tls) => {
    const count = (result: InteropResult['result']): number =>
      rows.filter((row) => row.tls === tls && row.result === result).length;
    const counts = `${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped`;
    return `${tls ? 'TLS' : 'Plain text'}: ${counts}.`;
  });
  return wires.join(' ');
}

function missesText(rows: readonly InteropResult[]): string {
  const misses = rows.filter(({ result }) => result !== 'pass');
  if (misses.length === 0) return 'Nothing failed and nothing was skipped.';
  const lines = misses.map((row) => {
    const wire = row.tls ? 'TLS' : 'plain';
    return `- ${row.case} (${row.client} -> ${row.server}, ${wire}) ${row.result}: ${row.why ?? 'no reason'}`;
  });
  return lines.join('\n');
}

/** @param peers with the versions that ran */
export function formatDocs(report: InteropReport, peers: readonly Peer[]): string {
  const of = (names: readonly string[]): readonly InteropResult[] =>
    report.filter((row) => names.includes(row.case));
  const matrix = of(MATRIX_CASES);
  const h2spec = report.filter((row) => row.case.split('/')[0] === 'h2spec');
  const versions = peers.map(({ name, version }) => `${name} ${version}`).join(', ');
  return [
    HEAD,
    `Peers: ${versions}; Node ${process.versions.node}.\n`,
    NOTES,
    '## Cases\n',
    `${matrixTable(matrix)}\n`,
    `${missesText(matrix)}\n`,
    '## Load generators\n',
    `${measuredTable(of(LOAD_CASES))}\n`,
    '## HTTP/2 conformance\n',
    `h2spec, strict. ${h2specText(h2spec)}\n`,
    `${missesText(h2spec)}\n`,
    '## Long, fat paths\n',
    `100 Mbit/s with a round trip of 50 ms.\n`,
    `${measuredTable(of(BDP_CASES))}`,
    '',
  ].join('\n');
}
