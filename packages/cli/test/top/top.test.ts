// `sluice top` against processes that serve the stats service, channelz alone, or neither.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Channel, connect, createServer, type Server } from 'sluice';
import { addChannelz } from 'sluice/channelz';
import { addStats } from 'sluice/stats';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const servers: Server[] = [];
const channels: Channel[] = [];

afterEach(async () => {
  await Promise.all(channels.splice(0).map((channel) => channel.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Listens with some services; a call is made, so that there is something to see. */
async function serving(...added: ((server: Server) => void)[]): Promise<string> {
  const server = createServer().unary('/t/Ok', (request) => request);
  servers.push(server);
  for (const add of added) add(server);
  const { port } = await server.listen({ host: '127.0.0.1' });
  const address = `127.0.0.1:${port}`;
  const channel = connect(address);
  channels.push(channel);
  await channel.unary('/t/Ok', Buffer.from('x'));
  return address;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, 'top', ...args], { timeout: 20_000 });
}

function ran(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    let out = '';
    let err = '';
    child.stdout?.on('data', (text) => {
      out += text;
    });
    child.stderr?.on('data', (text) => {
      err += text;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('sluice top', () => {
  it('prints one look where the output is no terminal, without colours', async () => {
    const address = await serving(addStats);
    const { code, out } = await ran(start(address));
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^sluice top ${address}   process ${process.pid}, Node `));
    assert.match(out, /\nnothing waits\n/);
    assert.match(out, new RegExp(`\\nCHANNEL ${address}  READY   calls in all 1, failed 0\\n`));
    assert.match(out, new RegExp(`\\nSERVER ${address}  listening `));
    assert.match(out, /PEER +STATE +WRITER +QUEUED +BYTES +OLDEST +SOCKET +SEND WIN +RECV WIN/);
    assert.ok(!out.includes('\u001b'));
  });

  it('prints a look as JSON, with the figures of stats()', async () => {
    const address = await serving(addStats);
    const { out } = await ran(start(address, '--json'));
    const look = JSON.parse(out);
    assert.equal(look.process.pid, process.pid);
    const [channel] = look.channels;
    const own = channels[0]?.stats().connections[0];
    assert.equal(channel.name, address);
    assert.equal(channel.connections[0].peer, own?.peer);
    assert.equal(channel.connections[0].sendQuota, own?.sendQuota);
    assert.equal(channel.$typeName, undefined);
  });

  it('prints a look after each interval that it was given, until it is told to end', async () => {
    const address = await serving(addStats);
    const child = start(address, '--json', '--interval', '0.1');
    const ended = ran(child);
    let lines = 0;
    child.stdout?.on('data', (text) => {
      lines += String(text).split('\n').length - 1;
      if (lines >= 3) child.kill('SIGINT');
    });
    const { code, out } = await ended;
    assert.equal(code, 0);
    for (const line of out.trim().split('\n')) JSON.parse(line);
  });

  it('shows what channelz tells of a process that serves nothing else, and what is missing', async () => {
    const address = await serving(addChannelz);
    const { code, out } = await ran(start(address));
    assert.equal(code, 0);
    assert.match(
      out,
      /\nchannelz alone: no limits, waits or process; for those add addStats\(server\)/,
    );
    assert.match(out, new RegExp(`\\nCHANNEL ${address}  READY   calls in all 1, failed 0\\n`));
    const peer = servers[0]?.stats().connections[0]?.peer ?? '';
    assert.match(out, new RegExp(`\\n  ${peer} +ready +`));
  });

  it('says which line a program lacks', async () => {
    const address = await serving();
    const { code, err } = await ran(start(address));
    assert.equal(code, 1);
    assert.equal(
      err,
      `sluice top: ${address} serves neither sluice.stats.v1 nor channelz; add one line to its program: addStats(server), with import { addStats } from 'sluice/stats'\n`,
    );
  });

  it('says why an address cannot be reached', async () => {
    const address = await serving();
    await servers[0]?.close();
    const { code, err } = await ran(start(address));
    assert.equal(code, 1);
    assert.match(err, /^sluice top: 127\.0\.0\.1:\d+ cannot be asked: .*ECONNREFUSED/);
    assert.match(
      err,
      /is the address right, does the process listen there, and does it take --tls\?/,
    );
  });

  it('exits with 2 on a command line that it does not understand', async () => {
    const { code, err } = await ran(start());
    assert.equal(code, 2);
    assert.equal(
      err,
      "sluice: top takes the ADDRESS of a process, as host:port; see 'sluice top --help'\n",
    );
  });
});
