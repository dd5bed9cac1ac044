// TLS on servers: listeners with settings of their own, the client's certificate, new certificates.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import tls from 'node:tls';
import { type Channel, type Server, Status } from '#sluice/index.js';
import { certificateFiles } from '#sluice/transport/certificate-files.js';
import type { Peer } from '#sluice/transport/peer.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  OTHER_CA_CERTIFICATE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../support/certificates.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Tls/Method';
const X = Buffer.from('x');
const SERVER_TLS = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
const CLIENT_TLS = { ca: CA_CERTIFICATE };

const running = new Running();
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-'));
});

afterEach(async () => {
  await running.end();
  rmSync(folder, { recursive: true });
});

function echo(server: Server): Server {
  return server.unary(PATH, (request) => request);
}

/** The name in the certificate that new connections are shown. */
async function shownBy(port: number): Promise<string> {
  const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] };
  const socket = tls.connect(options);
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

/** Asks until `name` is shown; the test's own time limit ends it otherwise. */
async function shows(port: number, name: string): Promise<void> {
  while ((await shownBy(port)) !== name) await new Promise(setImmediate);
}

describe('listeners', () => {
  it('have TLS settings of the server, of their own, or none', async () => {
    const server = echo(running.server({ tls: SERVER_TLS }));
    const host = '127.0.0.1';
    const usual = await server.listen({ host });
    const own = await server.listen({
      host,
      tls: { key: CLIENT_KEY, cert: CLIENT_CERTIFICATE },
    });
    const plain = await server.listen({ host, tls: false });
    const path = join(folder, 'socket');
    const unix = await server.listen({ path, tls: false });
    assert.deepEqual(server.addresses, [usual, own, plain, unix]);
    assert.deepEqual(unix, { address: path, port: 0 });
    assert.equal(await shownBy(usual.port), 'localhost');
    assert.equal(await shownBy(own.port), 'sluice-test-client');
    const channels = [
      running.channel(`127.0.0.1:${usual.port}`, { tls: CLIENT_TLS }),
      running.channel(`127.0.0.1:${plain.port}`),
      running.channel(`unix:${path}`),
    ];
    for (const channel of channels) assert.equal(String(await channel.unary(PATH, X)), 'x');
    await server.drain();
    assert.deepEqual(server.addresses, []);
  });

  it('close a connection whose handshake is not done in time, and count it', async () => {
    const server = echo(running.server({ tls: { ...SERVER_TLS, handshakeTimeout: 20 } }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    const socket = net.connect(port, '127.0.0.1');
    socket.resume();
    await once(socket, 'close');
    assert.equal(server.stats().limits['handshake-timeout']?.acted, 1);
  });

  it('with TLS of their own do not make the server secure elsewhere', async () => {
    const server = echo(running.server());
    const secure = await server.listen({ host: '127.0.0.1', tls: SERVER_TLS });
    const plain = await server.listen({ host: '127.0.0.1' });
    await running.channel(`127.0.0.1:${secure.port}`, { tls: CLIENT_TLS }).unary(PATH, X);
    await running.channel(`127.0.0.1:${plain.port}`).unary(PATH, X);
  });

  it('that cannot listen say where', async () => {
    const server = running.server();
    const { port } = await server.listen({ host: '127.0.0.1' });
    await assert.rejects(server.listen({ host: '127.0.0.1', port }), {
      code: 'EADDRINUSE',
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    });
    assert.equal(server.addresses.length, 1);
  });
});

describe('the peer of a call', () => {
  async function peerOf(server: Server, channel: Channel): Promise<Peer> {
    const seen = signal<Peer>();
    server.unary(PATH, (request, context) => {
      // The first of a connection's calls asks while it is open.
      assert.equal(context.peer.certificate, context.peer.certificate);
      seen.raise(context.peer);
      return request;
    });
    await channel.unary(PATH, X);
    return seen.happened;
  }

  const mutual = { ...SERVER_TLS, ca: CA_CERTIFICATE, requestCert: true };
  const client = { ...CLIENT_TLS, key: CLIENT_KEY, cert: CLIENT_CERTIFICATE };

  it('that showed a trusted certificate is authorized, and its certificate readable', async () => {
    const server = running.server({ tls: mutual });
    const peer = await peerOf(server, await running.channelTo(server, { tls: client }));
    assert.match(peer.address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual([peer.encrypted, peer.authorized], [true, true]);
    assert.equal(peer.certificate?.subject.CN, 'sluice-test-client');
  });

  it('that showed none is not, where none is demanded', async () => {
    const server = running.server({ tls: { ...mutual, rejectUnauthorized: false } });
    const peer = await peerOf(server, await running.channelTo(server, { tls: CLIENT_TLS }));
    assert.deepEqual([peer.encrypted, peer.authorized, peer.certificate], [true, false, undefined]);
  });

  it('with a certificate of another authority is not authorized', async () => {
    const tlsOptions = { ...mutual, ca: OTHER_CA_CERTIFICATE, rejectUnauthorized: false };
    const server = running.server({ tls: tlsOptions });
    const peer = await peerOf(server, await running.channelTo(server, { tls: client }));
    assert.equal(peer.authorized, false);
    assert.equal(peer.certificate?.subject.CN, 'sluice-test-client');
  });

  it('without a certificate is turned away where one is demanded', async () => {
    const server = echo(running.server({ tls: { ...mutual, rejectUnauthorized: true } }));
    const channel = await running.channelTo(server, { tls: CLIENT_TLS });
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.UNAVAILABLE);
  });
});

describe('new certificates', () => {
  it("given by hand are for new connections, on the listeners that have the server's", async () => {
    const server = echo(running.server({ tls: SERVER_TLS }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    const own = await server.listen({ host: '127.0.0.1', tls: SERVER_TLS });
    const channel = running.channel(`127.0.0.1:${port}`, { tls: CLIENT_TLS });
    await channel.unary(PATH, X);
    const mismatched = { key: CLIENT_KEY, cert: SERVER_CERTIFICATE };
    assert.throws(() => server.setCertificates(mismatched), /key values mismatch/);
    assert.equal(await shownBy(port), 'localhost');
    server.setCertificates({ key: CLIENT_KEY, cert: CLIENT_CERTIFICATE });
    assert.equal(await shownBy(port), 'sluice-test-client');
    assert.equal(await shownBy(own.port), 'localhost');
    const later = await server.listen({ host: '127.0.0.1' });
    assert.equal(await shownBy(later.port), 'sluice-test-client');
    // The connection that was open goes on.
    await channel.unary(PATH, X);
    assert.equal(channel.stats().connections.length, 1);
    assert.throws(() => running.server().setCertificates(SERVER_TLS), {
      message: 'the server has no TLS settings to change; make it with options.tls',
    });
  });

  it('given while a listener begins to listen are its own as well', async () => {
    const server = echo(running.server({ tls: SERVER_TLS }));
    const listening = server.listen({ host: '127.0.0.1' });
    server.setCertificates({ key: CLIENT_KEY, cert: CLIENT_CERTIFICATE });
    assert.equal(await shownBy((await listening).port), 'sluice-test-client');
  });

  /** Files as cert-manager replaces them: a link to a folder, exchanged in one step. */
  function replace(generation: number, key: string, cert: string): void {
    const next = join(folder, `generation-${generation}`);
    rmSync(next, { recursive: true, force: true });
    symlinkSync(mkdtempSync(join(folder, 'data-')), next);
    writeFileSync(join(next, 'tls.key'), key);
    writeFileSync(join(next, 'tls.crt'), cert);
    renameSync(next, join(folder, 'current'));
  }

  function files(onReloadError?: (error: Error) => void): ReturnType<typeof certificateFiles> {
    return certificateFiles({
      key: join(folder, 'current', 'tls.key'),
      cert: join(folder, 'current', 'tls.crt'),
      onReloadError,
    });
  }

  it('in files are taken up without dropping a connection', async () => {
    replace(1, SERVER_KEY, SERVER_CERTIFICATE);
    const server = echo(running.server({ tls: { certificates: files() } }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = running.channel(`127.0.0.1:${port}`, { tls: CLIENT_TLS });
    await channel.unary(PATH, X);
    replace(2, CLIENT_KEY, CLIENT_CERTIFICATE);
    await shows(port, 'sluice-test-client');
    replace(3, SERVER_KEY, SERVER_CERTIFICATE);
    await shows(port, 'localhost');
    await channel.unary(PATH, X);
    assert.equal(server.stats().connections.length, 1);
  });

  it('in files stay where only something else is changed', async () => {
    replace(1, SERVER_KEY, SERVER_CERTIFICATE);
    const server = echo(running.server({ tls: { certificates: files() } }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    server.setCertificates({ ca: CA_CERTIFICATE });
    assert.equal(await shownBy(port), 'localhost');
    replace(2, CLIENT_KEY, CLIENT_CERTIFICATE);
    await shows(port, 'sluice-test-client');
    server.setCertificates(SERVER_TLS);
    assert.equal(await shownBy(port), 'localhost');
  });

  it('in files are not watched for a server that is closed', async () => {
    replace(1, SERVER_KEY, SERVER_CERTIFICATE);
    const certificates = files();
    const server = echo(running.server({ tls: { certificates } }));
    await server.listen({ host: '127.0.0.1' });
    await server.close();
    server.setCertificates({ certificates });
    assert.equal(processWheel.size, 0);
  });

  it('of authorities, half written, leave the last good ones in use', async () => {
    const ca = join(folder, 'ca.pem');
    const whole = CA_CERTIFICATE + OTHER_CA_CERTIFICATE;
    writeFileSync(ca, whole);
    const reports: string[] = [];
    const certificates = certificateFiles({
      ca,
      onReloadError: (error) => reports.push(error.message),
    });
    for (const cut of [0, 100, CA_CERTIFICATE.length + 100, whole.length - 20]) {
      writeFileSync(ca, whole.slice(0, cut));
      assert.equal(certificates.reload(), false);
      assert.equal(String(certificates.current().ca), whole);
    }
    assert.match(reports[0] ?? '', /ca\.pem are not used, the last good ones stay: /);
    writeFileSync(ca, OTHER_CA_CERTIFICATE);
    assert.equal(certificates.reload(), true);
    writeFileSync(ca, 'no certificate');
    assert.throws(
      () => certificateFiles({ ca }),
      /the file of ca is no list of whole certificates; write PEM, in one step$/,
    );
  });

  it('in files that are half written are reported, and the last good ones stay', async () => {
    const key = join(folder, 'key.pem');
    const cert = join(folder, 'cert.pem');
    writeFileSync(key, SERVER_KEY);
    writeFileSync(cert, SERVER_CERTIFICATE);
    const reported = signal<Error>();
    let reports = 0;
    const certificates = certificateFiles({
      key,
      cert,
      onReloadError(error) {
        reports += 1;
        reported.raise(error);
      },
    });
    const server = echo(running.server({ tls: { certificates } }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    writeFileSync(cert, CLIENT_CERTIFICATE);
    const { message } = await reported.happened;
    const start = `the certificates in ${key}, ${cert} are not used, the last good ones stay: `;
    assert.equal(message.slice(0, start.length), start);
    assert.match(message, /key values mismatch/);
    assert.deepEqual(String(certificates.current().cert), SERVER_CERTIFICATE);
    assert.equal(await shownBy(port), 'localhost');
    writeFileSync(key, CLIENT_KEY);
    await shows(port, 'sluice-test-client');
    assert.equal(reports, 1);
  });

  it('in files are read by a channel for each connection', async () => {
    replace(1, CLIENT_KEY, CLIENT_CERTIFICATE);
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, OTHER_CA_CERTIFICATE);
    const server = echo(running.server({ tls: SERVER_TLS }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    const certificates = certificateFiles({ ca });
    const target = `127.0.0.1:${port}`;
    const wary = running.channel(target, { tls: { certificates } });
    assert.equal((await failureOf(wary.unary(PATH, X))).code, Status.UNAVAILABLE);
    writeFileSync(ca, CA_CERTIFICATE);
    await running.channel(target, { tls: { certificates } }).unary(PATH, X);
  });

  it('whose files are missing, or do not fit, are an error at once', () => {
    assert.throws(() => certificateFiles({}), {
      name: 'TypeError',
      message: 'certificateFiles needs the paths of key and cert, of ca, or of all three',
    });
    assert.throws(() => certificateFiles({ key: 'a' }), TypeError);
    assert.throws(() => files(), { code: 'ENOENT' });
    replace(1, CLIENT_KEY, SERVER_CERTIFICATE);
    assert.throws(() => files(), /key values mismatch/);
  });
});
