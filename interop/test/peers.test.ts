// What stands between the interop cases and a report: the processes of the peers, the pairings, the
// flags read off a stream, and the page. The peers here are a few lines of Node each.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDocs } from '../dist/docs.js';
import { runMatrix } from '../dist/matrix.js';
import { runClient, startServer } from '../dist/peer-process.js';
import { MessageFlags } from '../dist/peers/message-flags.js';
import type { Command, Peer } from '../dist/peers.js';
import { held, type InteropResult } from '../dist/report.js';

/** A program that has the command line of a peer in `argv`. */
function peer(script: string): Command {
  return { program: process.execPath, args: ['-e', script, '--'] };
}

const SAY_CASES = `
  const cases = process.argv.at(-1).split(',');
  const say = (name, result, why) => console.log(JSON.stringify({ case: name, result, why }));
`;

const GOOD_PEER: Command = peer(`${SAY_CASES}
  if (process.argv.includes('server')) {
    console.log(JSON.stringify({ port: 7 }));
    process.stdin.resume();
  } else for (const name of cases) say(name, 'pass', null);
`);

test('a client that dies fails the case it was at; the others run in a new process', async () => {
  const command = peer(`${SAY_CASES}
    if (cases[0] === 'second') {
      process.stderr.write('at work\\nTypeError: no such thing\\n  at somewhere\\n');
      process.exit(3);
    }
    say(cases[0], 'pass', null);
    if (cases.length > 1) process.stdout.write('', () => process.exit(1));
  `);
  const outcomes = await runClient(command, ['--port', '1'], ['first', 'second', 'third']);
  assert.deepEqual(
    outcomes.map(({ case: name, result }) => `${name} ${result}`),
    ['first pass', 'second fail', 'third pass'],
  );
  assert.match(outcomes[1]?.why ?? '', /ended with code \d/);
});

test('a client that cannot start fails its cases with the reason', async () => {
  const outcomes = await runClient({ program: '/nowhere/peer', args: [] }, [], ['only']);
  assert.equal(outcomes[0]?.result, 'fail');
  assert.match(outcomes[0]?.why ?? '', /ENOENT/);
});

test('a server that ends before it says its port is an error that quotes it', async () => {
  const command = peer(`process.stderr.write('Error: port is taken\\n'); process.exit(1);`);
  await assert.rejects(startServer(command, []), /ended with code 1: Error: port is taken/);
});

function named(name: Peer['name'], command: Command | undefined, why?: string): Peer {
  return { name, version: '1.2.3', command, why };
}

test('a peer that is not to be had is skipped by name, both ways, plain and over TLS', async () => {
  const peers = [named('sluice', GOOD_PEER), named('grpcio', undefined, 'no python3 to run')];
  const certificate = { certificate: 'c.pem', key: 'k.pem' };
  const rows = await runMatrix(
    peers,
    certificate,
    (name) => name === 'empty_unary',
    () => {},
  );
  assert.deepEqual(
    rows.map((row) => `${row.client} ${row.server} ${row.tls} ${row.result}`),
    [
      'sluice sluice false pass',
      'sluice grpcio false skipped',
      'grpcio sluice false skipped',
      'sluice sluice true pass',
      'sluice grpcio true skipped',
      'grpcio sluice true skipped',
    ],
  );
  assert.equal(rows[1]?.why, 'no grpcio: no python3 to run');
});

test('without a certificate every case over TLS is skipped and none is passed', async () => {
  const rows = await runMatrix(
    [named('sluice', GOOD_PEER)],
    undefined,
    (name) => name === 'ping_pong',
    () => {},
  );
  assert.deepEqual(
    rows.map(({ tls, result }) => [tls, result]),
    [
      [false, 'pass'],
      [true, 'skipped'],
    ],
  );
});

test('the flags of messages are read wherever the stream is cut', () => {
  const message = (flag: number, length: number): Buffer => {
    const bytes = Buffer.alloc(5 + length, 1);
    bytes.writeUInt8(flag, 0);
    bytes.writeUInt32BE(length, 1);
    return bytes;
  };
  const stream = Buffer.concat([message(1, 3), message(0, 0), message(1, 0), message(0, 7)]);
  for (let first = 0; first <= stream.length; first += 1) {
    for (let second = first; second <= stream.length; second += 1) {
      const flags = new MessageFlags();
      flags.push(stream.subarray(0, first));
      flags.push(stream.subarray(first, second));
      flags.push(stream.subarray(second));
      assert.deepEqual(flags.compressed, [true, false, true, false]);
    }
  }
});

test('the page has a cell per case and pairing, and names what did not pass', () => {
  const row = (
    tls: boolean,
    result: InteropResult['result'],
    why: string | null,
  ): InteropResult => ({
    case: 'ping_pong',
    client: 'sluice',
    server: 'grpcio',
    tls,
    result,
    why,
  });
  const report = [row(false, 'pass', null), row(true, 'fail', 'a fifth response')];
  const page = formatDocs(report, [named('grpcio', GOOD_PEER)]);
  assert.match(page, /\| client -> server \| sluice -> grpcio \|/);
  assert.match(page, /\| ping_pong \| plain pass, TLS fail \|/);
  assert.match(page, /- ping_pong \(sluice -> grpcio, TLS\) fail: a fifth response/);
  assert.match(page, /grpcio 1\.2\.3/);
  assert.equal(held(report), false);
});
