// Key and certificates of a channel that somebody other than a file has, and not at once.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, Status } from '#sluice/index.js';
import type { CertificateMaterial } from '#sluice/transport/certificate-files.js';
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
const CA: CertificateMaterial = { ca: Buffer.from(CA_CERTIFICATE) };

const running = new Running();

afterEach(() => running.end());

type Source = () => CertificateMaterial | Promise<CertificateMaterial>;

async function channelWith(current: Source, asksForCertificates = false): Promise<Channel> {
  const tls = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
  const server = running.server({
    tls: asksForCertificates
      ? { ...tls, ca: CA_CERTIFICATE, requestCert: true, rejectUnauthorized: true }
      : tls,
  });
  server.unary(PATH, (request) => request);
  const { port } = await server.listen({ host: '127.0.0.1' });
  return running.channel(`127.0.0.1:${port}`, { tls: { certificates: { current } } });
}

describe('certificates that are given by a function', () => {
  it('are used for the connection', async () => {
    const channel = await channelWith(() => CA);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });

  it('are waited for when they are promised, by a call that waits meanwhile', async () => {
    const given = signal<CertificateMaterial>();
    const asked = signal();
    const channel = await channelWith(() => {
      asked.raise();
      return given.happened;
    }, true);
    const call = channel.unary(PATH, X);
    await asked.happened;
    assert.equal(channel.state, 'CONNECTING');
    given.raise({
      ...CA,
      key: Buffer.from(CLIENT_KEY),
      cert: Buffer.from(CLIENT_CERTIFICATE),
    });
    assert.equal(String(await call), 'x');
  });

  it('fail the connection when they cannot be got, with the reason', async () => {
    const channel = await channelWith(() => Promise.reject(new Error('the vault is closed')));
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assert.equal(code, Status.UNAVAILABLE);
    assert.match(details, /cannot connect to 127\.0\.0\.1:\d+: the vault is closed/);
  });

  it('fail the connection when the function throws, with the reason', async () => {
    const channel = await channelWith(() => {
      throw new Error('the vault is closed');
    });
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assert.equal(code, Status.UNAVAILABLE);
    assert.match(details, /cannot connect to 127\.0\.0\.1:\d+: the vault is closed/);
  });

  it('fail the connection when node:tls cannot use them, promised or not', async () => {
    const key = Buffer.from(CLIENT_KEY);
    const cert = Buffer.from(SERVER_CERTIFICATE);
    const material = { ...CA, key, cert };
    for (const current of [() => material, () => Promise.resolve(material)]) {
      const channel = await channelWith(current);
      const { details } = await failureOf(channel.unary(PATH, X));
      assert.match(details, /cannot connect to 127\.0\.0\.1:\d+: .*key values mismatch/);
    }
  });

  it('are checked as others are', async () => {
    const ca = Buffer.from(OTHER_CA_CERTIFICATE);
    const channel = await channelWith(() => Promise.resolve({ ca }));
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.UNAVAILABLE);
  });

  it('come too late for a channel that was closed, and make no connection', async () => {
    const given = signal<CertificateMaterial>();
    const asked = signal();
    const channel = await channelWith(() => {
      asked.raise();
      return given.happened;
    });
    channel.connect();
    await asked.happened;
    await channel.close();
    let used = false;
    given.raise({
      get ca() {
        used = true;
        return Buffer.from(CA_CERTIFICATE);
      },
    });
    await given.happened;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(used, false);
  });
});
