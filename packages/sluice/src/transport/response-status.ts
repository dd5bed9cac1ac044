// The status of a call as header fields, and what of it a client takes: one that is sent more than
// its SETTINGS_MAX_HEADER_LIST_SIZE may end the connection, and calls that did no wrong with it.
// Invariant: the code of an error always gets through. RFC 9113 §6.5.2, gRPC PROTOCOL-HTTP2.md
// ("Responses"). Not here: when a status is written (server-stream.ts).

import { encodeStatusMessage } from '../grpc/percent-encoding.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';

/** Bytes of the fields that Sluice itself puts into a response, at most. */
const BASE = 256;
/** Bytes that a list counts for each field besides its octets (RFC 9113 §6.5.2). */
const FIELD = 32;
/** Characters that stay of details that are too long. */
const CUT_LENGTH = 256;
/** Bytes of one UTF-16 unit, percent-encoded, at most. */
const MAX_ENCODED = 9;

const NO_FIELDS: HeaderFields = [];

/** How a call ends. */
export interface ResponseStatus {
  readonly code: Status;
  readonly details: string;
  readonly trailers: HeaderFields;
}

/** The trailers of a call. */
export function statusFields(code: Status, details: string, trailers: HeaderFields): string[] {
  const fields = ['grpc-status', String(code)];
  if (details !== '') fields.push('grpc-message', encodeStatusMessage(details));
  fields.push(...trailers);
  return fields;
}

/** Bytes of a response's header list with these fields in it, as the client counts them. */
export function listSize(fields: HeaderFields): number {
  let size = BASE + (fields.length >>> 1) * FIELD;
  for (const text of fields) size += text.length;
  return size;
}

/** What the client is told in place of a status that exceeds `limit` bytes; undefined if it fits. */
export function cutStatus(
  code: Status,
  details: string,
  trailers: HeaderFields,
  limit: number,
): ResponseStatus | undefined {
  const rest = listSize(trailers);
  if (rest + details.length * MAX_ENCODED <= limit) return undefined;
  const size = rest + encodeStatusMessage(details).length;
  if (size <= limit) return undefined;
  const why = `status and trailers of about ${size} bytes exceed the client's limit of ${limit}; send less`;
  const told = code === Status.OK ? why : `${details.slice(0, CUT_LENGTH)}... (cut: ${why})`;
  const toldSize = encodeStatusMessage(told).length;
  return {
    code: code === Status.OK ? Status.RESOURCE_EXHAUSTED : code,
    details: BASE + toldSize <= limit ? told : '',
    trailers: rest + toldSize <= limit ? trailers : NO_FIELDS,
  };
}
