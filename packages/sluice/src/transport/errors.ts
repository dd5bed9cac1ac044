// The faults of a connection and its streams, as values: who found them, which HTTP/2 error code
// goes on the wire, and the text that users, logs and GOAWAY carry.
// Invariant: a fault is made once, where it is found, and handed on unchanged. RFC 9113 §5.4.
// Not here: what a fault means as a gRPC status (status-mapping.ts).

import type { ErrorCode } from '../frames/error-code.ts';

/** Who caused it: our user, our own rules, or the peer. */
export type Initiator = 'local' | 'library' | 'remote';

/** The whole connection ends (RFC 9113 §5.4.1). */
export interface ConnectionError {
  readonly kind: 'connection';
  readonly errorCode: ErrorCode;
  readonly initiator: Initiator;
  readonly reason: string;
}

/** One stream ends, the connection goes on (RFC 9113 §5.4.2). */
export interface StreamError {
  readonly kind: 'stream';
  readonly errorCode: ErrorCode;
  readonly initiator: Initiator;
  readonly reason: string;
}

/** The socket failed or closed. */
export interface IoError {
  readonly kind: 'io';
  readonly initiator: Initiator;
  readonly reason: string;
  readonly cause: Error | undefined;
}

/** Why a connection is over. */
export type ClosingError = ConnectionError | IoError;

export function connectionError(
  errorCode: ErrorCode,
  initiator: Initiator,
  reason: string,
): ConnectionError {
  return { kind: 'connection', errorCode, initiator, reason };
}

export function streamError(
  errorCode: ErrorCode,
  initiator: Initiator,
  reason: string,
): StreamError {
  return { kind: 'stream', errorCode, initiator, reason };
}

export function ioError(initiator: Initiator, reason: string, cause: Error | undefined): IoError {
  return { kind: 'io', initiator, reason, cause };
}
