// A certificate for one run, which vouches for itself and for 127.0.0.1.
// Invariant: made anew for each run, valid for a day, and gone with the folder of the run.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** PEM files; the certificate is also what clients trust. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Writes both into `folder`; undefined where openssl is not to be had. */
export function makeCertificate(folder: string): Certificate | undefined {
  const certificate = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', '/CN=127.0.0.1', '-days', '1', ...names, '-keyout', key, '-out', certificate],
  ]);
  return made.status === 0 ? { certificate, key } : undefined;
}

/** Both files, the certificate first; none without one. */
export function pathsOf(made: Certificate | undefined): readonly string[] {
  return made === undefined ? [] : [made.certificate, made.key];
}
