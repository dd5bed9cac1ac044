// What servers and clients tell each other of retries in metadata: the delay that a server asks for,
// the attempts that came before this one.
// Invariant: a delay that cannot be read is a request not to try again. gRFC A6 "Pushback",
// "Exposed Retry Metadata".

import { Metadata } from '../../grpc/metadata.ts';
import type { HeaderFields } from '../../hpack/header-fields.ts';

/** The request header, and the field of a response, that says how many attempts came before. */
export const PREVIOUS_ATTEMPTS: string = 'grpc-previous-rpc-attempts';

/** The server said nothing of it. */
export const NO_PUSHBACK: number = -1;

/** The server asks not to be tried again. */
export const NEVER: number = Number.POSITIVE_INFINITY;

const PUSHBACK = 'grpc-retry-pushback-ms';
const MAX_INT32 = 0x7fff_ffff;

/** Milliseconds after which to try again, NEVER or NO_PUSHBACK. */
export function pushbackMs(trailer: HeaderFields): number {
  const values = Metadata.fromFields(trailer).getAll(PUSHBACK);
  if (values.length === 0) return NO_PUSHBACK;
  const value = values[0] ?? '';
  if (values.length !== 1 || !/^(?:0|[1-9]\d{0,9})$/.test(value)) return NEVER;
  const ms = Number(value);
  return ms <= MAX_INT32 ? ms : NEVER;
}

/** The fields of a response with the number of attempts before it, where there were any. */
export function withPreviousAttempts(fields: HeaderFields, previous: number): HeaderFields {
  return previous === 0 ? fields : [PREVIOUS_ATTEMPTS, String(previous), ...fields];
}
