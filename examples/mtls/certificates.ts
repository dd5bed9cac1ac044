// The certificates of the mutual TLS example, made with openssl as an operator would make them: one
// authority, and what it signs for servers and clients. They are good for a day.
// Where they lie follows Kubernetes: each set in a folder of its own, and a link named `current`
// that is moved to the newest, so that key and certificate change in the same instant.

import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Somebody who signs certificates. */
export interface Authority {
  readonly key: string;
  /** What others need to trust it. */
  readonly certificate: string;
}

/** Where the holder of a certificate finds it, whichever is the newest. */
export interface Holder {
  readonly folder: string;
  readonly key: string;
  readonly cert: string;
}

/** Makes an authority in `folder`. */
export function makeAuthority(folder: string, name: string): Authority {
  mkdirSync(folder);
  const key = join(folder, 'ca.key');
  const certificate = join(folder, 'ca.crt');
  openssl(
    ...['req', '-x509', ...newKey(key), '-days', '1', '-subj', `/CN=${name}`],
    ...['-addext', 'keyUsage=critical,keyCertSign', '-out', certificate],
  );
  return { key, certificate };
}

/** Somebody who is given certificates, in `folder`. */
export function makeHolder(folder: string): Holder {
  mkdirSync(folder);
  const current = join(folder, 'current');
  return { folder, key: join(current, 'tls.key'), cert: join(current, 'tls.crt') };
}

/** Gives `holder` a new key and a certificate for it, in the name of `name`. */
export function issue(authority: Authority, holder: Holder, name: string): void {
  const folder = join(holder.folder, name);
  mkdirSync(folder);
  const request = join(folder, 'request.csr');
  const extensions = join(folder, 'extensions');
  writeFileSync(
    extensions,
    `subjectAltName=DNS:${name},IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  openssl(
    ...['req', '-new', ...newKey(join(folder, 'tls.key')), '-subj', `/CN=${name}`],
    ...['-out', request],
  );
  openssl(
    ...['x509', '-req', '-in', request, '-days', '1', '-extfile', extensions],
    ...['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial'],
    ...['-out', join(folder, 'tls.crt')],
  );
  const link = join(holder.folder, 'next');
  symlinkSync(name, link);
  renameSync(link, join(holder.folder, 'current'));
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path];
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
