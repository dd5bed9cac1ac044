// Certificates that come from providers: what the one of files refuses and tells, and what becomes of
// channels and ports that have them. Not here: credentials of fixed certificates (credentials.ts).

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { experimental } from '@grpc/grpc-js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../certificates.ts';
import { ask, type Grpc, serve } from './credentials-server.ts';
import { type Observation, type Observe, outcomeOf } from './observation.ts';

type Provider = experimental.CertificateProvider;
type Ca = experimental.CaCertificateUpdate | null;
type Identity = experimental.IdentityCertificateUpdate | null;

export const observe: Observe = async (grpc) => {
  const seen: Observation[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'credentials-files-'));
  try {
    configurations(grpc, seen);
    await updates(grpc, folder, seen);
    await channels(grpc, seen);
    await files(grpc, folder, seen);
  } finally {
    await rm(folder, { recursive: true });
  }
  return seen;
};

function configurations(grpc: Grpc, seen: Observation[]): void {
  const { FileWatcherCertificateProvider: Files } = grpc.experimental;
  const cases: readonly [name: string, config: object][] = [
    ['nothing', { refreshIntervalMs: 1000 }],
    ['a certificate alone', { certificateFile: 'c', refreshIntervalMs: 1000 }],
    ['a key alone', { privateKeyFile: 'k', refreshIntervalMs: 1000 }],
    ['an authority', { caCertificateFile: 'a', refreshIntervalMs: 1000 }],
    ['key and certificate', { certificateFile: 'c', privateKeyFile: 'k', refreshIntervalMs: 1000 }],
    ['no interval', { caCertificateFile: 'a' }],
    [
      'a key and an authority',
      { privateKeyFile: 'k', caCertificateFile: 'a', refreshIntervalMs: 1 },
    ],
  ];
  for (const [name, config] of cases) {
    const value = outcomeOf(
      () => new Files(config as ConstructorParameters<typeof Files>[0]) instanceof Files,
    );
    seen.push({ name: `files of ${name}`, value });
  }
}

/** What a listener hears next. */
function nextCa(provider: Provider, keep = false): Promise<unknown> {
  return new Promise((resolve) => {
    const listener = (update: Ca): void => {
      if (!keep) provider.removeCaCertificateListener(listener);
      resolve(update?.caCertificate.toString() ?? null);
    };
    provider.addCaCertificateListener(listener);
  });
}

function nextIdentity(provider: Provider): Promise<unknown> {
  return new Promise((resolve) => {
    const listener = (update: Identity): void => {
      provider.removeIdentityCertificateListener(listener);
      resolve(update && [update.certificate.toString(), update.privateKey.toString()]);
    };
    provider.addIdentityCertificateListener(listener);
  });
}

/** Until a listener has heard so often. */
function heardOften(provider: Provider, times: number): Promise<unknown[]> {
  return new Promise((resolve) => {
    const heard: unknown[] = [];
    const listener = (update: Ca): void => {
      heard.push(update?.caCertificate.toString() ?? null);
      if (heard.length < times) return;
      provider.removeCaCertificateListener(listener);
      resolve(heard);
    };
    provider.addCaCertificateListener(listener);
  });
}

async function updates(grpc: Grpc, folder: string, seen: Observation[]): Promise<void> {
  const { FileWatcherCertificateProvider: Files } = grpc.experimental;
  const [caFile, keyFile, certificateFile] = ['ca', 'key', 'certificate'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await writeFile(caFile, 'ca 1');
  await writeFile(keyFile, 'key 1');
  await writeFile(certificateFile, 'certificate 1');
  const all = new Files({
    caCertificateFile: caFile,
    privateKeyFile: keyFile,
    certificateFile,
    refreshIntervalMs: 100_000,
  });
  seen.push({ name: 'a first update', value: await nextCa(all) });
  seen.push({ name: 'an identity', value: await nextIdentity(all) });
  await writeFile(caFile, 'ca 2');
  seen.push({ name: 'before the interval is over', value: await nextCa(all) });
  let synchronous = false;
  const listener = (): void => {
    synchronous = true;
  };
  all.addCaCertificateListener(listener);
  seen.push({ name: 'what is known comes at once', value: synchronous });
  all.removeCaCertificateListener(listener);
  const onlyCa = new Files({ caCertificateFile: caFile, refreshIntervalMs: 100_000 });
  seen.push({ name: 'no identity file', value: await nextIdentity(onlyCa) });
  const missing = new Files({
    caCertificateFile: join(folder, 'none'),
    refreshIntervalMs: 100_000,
  });
  seen.push({ name: 'a file that is missing', value: await nextCa(missing) });
  const half = new Files({
    certificateFile,
    privateKeyFile: join(folder, 'none'),
    refreshIntervalMs: 100_000,
  });
  seen.push({ name: 'half an identity', value: await nextIdentity(half) });
  const often = new Files({ caCertificateFile: caFile, refreshIntervalMs: 10 });
  seen.push({ name: 'files that do not change', value: await heardOften(often, 3) });
  const changing = new Files({ caCertificateFile: caFile, refreshIntervalMs: 10 });
  await nextCa(changing, true);
  await writeFile(`${caFile}.new`, 'ca 3');
  await rename(`${caFile}.new`, caFile);
  const news = await new Promise((resolve) => {
    const until = (update: Ca): void => {
      if (update?.caCertificate.toString() !== 'ca 3') return;
      changing.removeCaCertificateListener(until);
      resolve('heard');
    };
    changing.addCaCertificateListener(until);
  });
  seen.push({ name: 'a file that changes', value: news });
}

/** A provider that a program wrote. */
class Own implements Provider {
  readonly log: string[] = [];
  readonly authorities: ((update: Ca) => void)[] = [];
  readonly identities: ((update: Identity) => void)[] = [];
  ca: Ca | undefined;
  identity: Identity | undefined;

  addCaCertificateListener(listener: (update: Ca) => void): void {
    this.authorities.push(listener);
    const { ca } = this;
    if (ca !== undefined) process.nextTick(listener, ca);
  }

  removeCaCertificateListener(listener: (update: Ca) => void): void {
    const at = this.authorities.indexOf(listener);
    if (at >= 0) this.authorities.splice(at, 1);
  }

  addIdentityCertificateListener(listener: (update: Identity) => void): void {
    this.identities.push(listener);
    const { identity } = this;
    if (identity !== undefined) process.nextTick(listener, identity);
  }

  removeIdentityCertificateListener(listener: (update: Identity) => void): void {
    const at = this.identities.indexOf(listener);
    if (at >= 0) this.identities.splice(at, 1);
  }
}

const CA: Ca = { caCertificate: Buffer.from(CA_CERTIFICATE) };
const PAIR = { private_key: Buffer.from(SERVER_KEY), cert_chain: Buffer.from(SERVER_CERTIFICATE) };

async function channels(grpc: Grpc, seen: Observation[]): Promise<void> {
  const { createCertificateProviderChannelCredentials: provided } = grpc.experimental;
  const { server, port } = await serve(
    grpc,
    grpc.ServerCredentials.createSsl(Buffer.from(CA_CERTIFICATE), [PAIR], true),
  );
  const target = `localhost:${port}`;
  const identity: Identity = {
    certificate: Buffer.from(CLIENT_CERTIFICATE),
    privateKey: Buffer.from(CLIENT_KEY),
  };
  const ready = new Own();
  ready.ca = CA;
  ready.identity = identity;
  seen.push({
    name: 'a channel with providers',
    value: await ask(grpc, { target, channel: provided(ready, ready) }),
  });
  seen.push({
    name: 'a channel with a provider of authorities alone',
    value: await ask(grpc, { target, channel: provided(ready, null) }),
  });
  const checked: unknown[] = [];
  seen.push({
    name: 'a channel with providers and a check',
    value: await ask(grpc, {
      target,
      channel: provided(ready, ready, {
        checkServerIdentity: (host) => {
          checked.push(host);
          return undefined;
        },
      }),
    }),
  });
  seen.push({ name: 'what was checked', value: checked });
  const late = new Own();
  const waiting = ask(grpc, { target, channel: provided(late, late) });
  setTimeout(() => {
    late.ca = CA;
    for (const listener of [...late.authorities]) listener(CA);
  }, 50);
  setTimeout(() => {
    late.identity = identity;
    for (const listener of [...late.identities]) listener(identity);
  }, 100);
  seen.push({ name: 'certificates that come late', value: await waiting });
  const never = new Own();
  seen.push({
    name: 'certificates that never come',
    value: await ask(grpc, { target, channel: provided(never, null), timeoutMs: 300 }),
  });
  const broken = new Own();
  broken.ca = null;
  seen.push({
    name: 'certificates that cannot be loaded',
    value: await ask(grpc, { target, channel: provided(broken, null), timeoutMs: 2000 }),
  });
  server.forceShutdown();
}

async function files(grpc: Grpc, folder: string, seen: Observation[]): Promise<void> {
  const {
    FileWatcherCertificateProvider: Files,
    createCertificateProviderServerCredentials,
    createCertificateProviderChannelCredentials,
  } = grpc.experimental;
  const caCertificateFile = join(folder, 'real-ca');
  const certificateFile = join(folder, 'real-certificate');
  const privateKeyFile = join(folder, 'real-key');
  await writeFile(caCertificateFile, CA_CERTIFICATE);
  await writeFile(certificateFile, SERVER_CERTIFICATE);
  await writeFile(privateKeyFile, SERVER_KEY);
  const config = { caCertificateFile, certificateFile, privateKeyFile, refreshIntervalMs: 1000 };
  const identity = new Files(config);
  const { server, port } = await serve(
    grpc,
    createCertificateProviderServerCredentials(identity, null, false),
  );
  const authorities = new Files({ caCertificateFile, refreshIntervalMs: 1000 });
  // The port may not have its certificate yet.
  const more = { deadline: Date.now() + 10_000 };
  const metadata = new grpc.Metadata({ waitForReady: true });
  seen.push({
    name: 'files on both ends',
    value: await ask(grpc, {
      target: `localhost:${port}`,
      channel: createCertificateProviderChannelCredentials(authorities, null),
      more,
      metadata,
    }),
  });
  server.forceShutdown();
}
