// The header and trailer sections of a response as a client reads them.
// Invariant: pure, never throws, and frozen with all it holds, because responses whose block
// repeats byte for byte share one. Source: gRPC PROTOCOL-HTTP2.md ("Responses"), RFC 9113 §8.3.2.
// Not here: which status a call ends with when grpc-status is missing (status-mapping.ts).

import { FieldFault, responseFault, trailersFault } from '../frames/field-validation.ts';
import { parseAcceptEncoding } from '../grpc/compression-names.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { isHiddenKey } from '../grpc/metadata-keys.ts';
import { decodeStatusMessage } from '../grpc/percent-encoding.ts';
import { decodeStatus, Status } from '../grpc/status.ts';

/** The first section of a response; with END_STREAM it is the trailers too. */
export interface ResponseHead {
  /** 100 to 999. */
  readonly httpStatus: number;
  /** An interim response (1xx): skip it, the real head follows (RFC 9113 §8.1). */
  readonly informational: boolean;
  /** '' when absent. */
  readonly contentType: string;
  readonly contentTypeIsGrpc: boolean;
  /** `grpc-encoding`; 'identity' when absent. May be one that nobody knows. */
  readonly encoding: string;
  /** The encodings the server takes, as a mask of `EncodingBit`; 0 when it did not say. */
  readonly acceptEncodings: number;
  /** The fields that applications may read, flat; `grpc-status-details-bin` among them. */
  readonly metadataFields: readonly string[];
  /** `grpc-status`, or -1 when absent; a value gRPC does not define reads as UNKNOWN. */
  readonly grpcStatus: Status | -1;
  /** `grpc-message`, decoded; '' when absent. */
  readonly grpcMessage: string;
}

/** The last section of a response. */
export interface Trailers {
  /** `grpc-status`; UNKNOWN when it is absent, with a `grpcMessage` that says so. */
  readonly grpcStatus: Status;
  /** False when `grpc-status` was absent. */
  readonly hasStatus: boolean;
  readonly grpcMessage: string;
  /** The fields that applications may read, flat; `grpc-status-details-bin` among them. */
  readonly metadataFields: readonly string[];
}

const NO_FIELDS: readonly string[] = Object.freeze([]);
const HTTP_STATUS = /^[1-9][0-9]{2}$/;

/** Reads a response's header section; a string is the reason why it is malformed (RFC 9113 §8.1.1). */
export function parseResponseHead(fields: readonly string[]): ResponseHead | string {
  const malformed = responseFault(fields);
  if (malformed !== undefined && malformed !== FieldFault.PADDED_VALUE) {
    return `malformed response: ${malformed}`;
  }
  let status = '';
  let contentType = '';
  let encoding = 'identity';
  let acceptEncodings = 0;
  let grpcStatus: Status | -1 = -1;
  let grpcMessage = '';
  let metadata: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    switch (name) {
      case ':status':
        status = value;
        break;
      case 'content-type':
        contentType = value;
        break;
      case 'grpc-encoding':
        encoding = value;
        break;
      case 'grpc-accept-encoding':
        acceptEncodings |= parseAcceptEncoding(value);
        break;
      case 'grpc-status':
        grpcStatus = decodeStatus(value);
        break;
      case 'grpc-message':
        grpcMessage = decodeStatusMessage(value);
        break;
      default:
        if (isHiddenKey(name)) break;
        metadata ??= [];
        metadata.push(name, value);
    }
  }
  if (!HTTP_STATUS.test(status)) return 'malformed response: :status is not three digits';
  const httpStatus = Number(status);
  return Object.freeze({
    httpStatus,
    informational: httpStatus < 200,
    contentType,
    contentTypeIsGrpc: isGrpcContentType(contentType),
    encoding,
    acceptEncodings,
    metadataFields: metadata === undefined ? NO_FIELDS : Object.freeze(metadata),
    grpcStatus,
    grpcMessage,
  });
}

/** Reads a trailer section; a string is the reason why it is malformed (RFC 9113 §8.1.1). */
export function parseTrailers(fields: readonly string[]): Trailers | string {
  const malformed = trailersFault(fields);
  if (malformed !== undefined && malformed !== FieldFault.PADDED_VALUE) {
    return `malformed trailers: ${malformed}`;
  }
  let grpcStatus: Status | -1 = -1;
  let grpcMessage = '';
  let metadata: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (name === 'grpc-status') grpcStatus = decodeStatus(value);
    else if (name === 'grpc-message') grpcMessage = decodeStatusMessage(value);
    else if (!isHiddenKey(name)) {
      metadata ??= [];
      metadata.push(name, value);
    }
  }
  const hasStatus = grpcStatus !== -1;
  return Object.freeze({
    grpcStatus: grpcStatus === -1 ? Status.UNKNOWN : grpcStatus,
    hasStatus,
    grpcMessage: hasStatus ? grpcMessage : 'the server ended the call without grpc-status',
    metadataFields: metadata === undefined ? NO_FIELDS : Object.freeze(metadata),
  });
}
