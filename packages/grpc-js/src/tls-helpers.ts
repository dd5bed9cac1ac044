// What the environment says of TLS, for credentials that say nothing of it themselves.
// Invariant: CIPHER_SUITES is read once, when this file is loaded; the roots once, when first needed.
// The file has the name that 1.14.7 gives it. Not here: credentials.

import { readFileSync } from 'node:fs';

/** Cipher suites in OpenSSL's form, from GRPC_SSL_CIPHER_SUITES; Node's own where it is not set. */
export const CIPHER_SUITES: string | undefined = process.env.GRPC_SSL_CIPHER_SUITES;

const ROOTS_FILE: string | undefined = process.env.GRPC_DEFAULT_SSL_ROOTS_FILE_PATH;

let roots: Buffer | null = null;

/**
 * The authorities to trust where none are given, from the file GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names;
 * null, which stands for Node's, where it names none.
 * @throws Error of the system if the file cannot be read
 */
export function getDefaultRootsData(): Buffer | null {
  if (!ROOTS_FILE) return null;
  roots ??= readFileSync(ROOTS_FILE);
  return roots;
}
