// Whether TLS settings can work at all, told when a channel, server or listener is made: a server
// without a certificate listens like any other and fails every handshake, and authorities that
// cannot be read are left out by node:tls without a word.
// Invariant: an error names settings, never the text of a key. Not here: whether key and certificate
// fit together, which node:tls says.

import { isUint8Array } from 'node:util/types';
import { isGrpcJsCredentials, kindOf, shown } from './option-names.ts';

const PEM = '-----BEGIN';
const PEM_NAMES: readonly string[] = ['ca', 'cert', 'key'];

// Any of these lets a server do handshakes; the last two without a key or a certificate of its own.
const IDENTITIES: readonly string[] = ['pfx', 'SNICallback', 'pskCallback'];

/** The settings of a channel. @throws TypeError */
export function checkClientTls(settings: unknown): void {
  if (settings === undefined || typeof settings === 'boolean') return;
  if (!isSettings(settings)) {
    throw new TypeError(
      `tls is ${shown(settings)}; a channel takes true, false or an object such as { ca, key, cert }`,
    );
  }
  checkMaterial(settings);
}

/** The settings of a server or a listener. @throws TypeError */
export function checkServerTls(settings: unknown): void {
  if (settings === undefined) return;
  if (isSettings(settings)) {
    checkMaterial(settings);
    if (hasIdentity(settings)) return;
  }
  throw new TypeError(
    `tls is ${shown(settings)}; a server needs an object with key and cert, pfx, certificates or SNICallback`,
  );
}

/** Key, certificate and authorities that are given. @throws TypeError */
export function checkMaterial(settings: object): void {
  const bad = PEM_NAMES.filter((name) => !isPem(Reflect.get(settings, name)));
  if (bad.length > 0) {
    throw new TypeError(
      `no PEM in ${bad.map((name) => `tls.${name}`).join(' and ')}: "${PEM}" is missing; give the contents of the file, or its path to certificateFiles for tls.certificates`,
    );
  }
  const certificates: unknown = Reflect.get(settings, 'certificates');
  if (certificates === undefined || isCertificateFiles(certificates)) return;
  throw new TypeError(
    `tls.certificates is ${kindOf(certificates)}; make it with certificateFiles({ key, cert, ca })`,
  );
}

function isSettings(settings: unknown): settings is object {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return false;
  return !isUint8Array(settings) && !isGrpcJsCredentials(settings);
}

function hasIdentity(settings: object): boolean {
  const has = (name: string): boolean => Reflect.get(settings, name) !== undefined;
  if (IDENTITIES.some(has)) return true;
  if (has('cert') && (has('key') || has('privateKeyIdentifier'))) return true;
  const certificates: unknown = Reflect.get(settings, 'certificates');
  return isCertificateFiles(certificates) && certificates.current().key !== undefined;
}

// Files of another copy of the package will do.
function isCertificateFiles(value: unknown): value is { current(): { readonly key?: unknown } } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'current' in value &&
    typeof value.current === 'function'
  );
}

// What node:tls takes: text, bytes, `{ pem, passphrase }` or a list; the rest is for it to judge.
function isPem(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.every(isPem);
  if (typeof value === 'string') return value.includes(PEM);
  if (isUint8Array(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes(PEM);
  return typeof value !== 'object' || !('pem' in value) || isPem(value.pem);
}
