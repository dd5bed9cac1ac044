// The header section of a request as a server reads it: what the call needs, or how to refuse it.
// Invariant: pure, never throws, and frozen with all it holds, because calls whose header block
// repeats byte for byte share one. Source: gRPC PROTOCOL-HTTP2.md ("Requests"), RFC 9113 §8.2, §8.3.
// Not here: what needs the connection's state (stream ids, limits, expiry, the method's existence).

import { ErrorCode } from '../frames/error-code.ts';
import { FieldFault, requestFault } from '../frames/field-validation.ts';
import { EncodingBit, parseAcceptEncoding } from '../grpc/compression-names.ts';
import { isGrpcContentType } from '../grpc/content-type.ts';
import { invalidBinKey } from '../grpc/metadata.ts';
import { isHiddenKey } from '../grpc/metadata-keys.ts';
import { Status } from '../grpc/status.ts';
import { decodeTimeout } from '../grpc/timeout.ts';
import { quoted } from './status-mapping.ts';

/** A request that may become a call. Immutable and shared. */
export interface RequestHead {
  readonly kind: 'head';
  /** As sent; begins with '/' and has no empty, '.' or '..' segment. */
  readonly path: string;
  /** `:authority`, else `host`, else ''. */
  readonly authority: string;
  readonly scheme: string;
  readonly contentType: string;
  /** `grpc-encoding`; 'identity' when absent. May be one that nobody knows. */
  readonly encoding: string;
  /** The encodings the peer takes, as a mask of `EncodingBit`; identity always is among them. */
  readonly acceptEncodings: number;
  /** `grpc-timeout` in milliseconds, with fractions; -1 when absent. */
  readonly timeoutMs: number;
  /** `user-agent`, '' when absent; stands in `metadata` too. */
  readonly userAgent: string;
  /** The fields that applications may read, flat: name, value, name, value ... */
  readonly metadata: readonly string[];
}

/** A request that is refused with RST_STREAM. */
export interface HeadReset {
  readonly kind: 'rst';
  readonly errorCode: ErrorCode;
  readonly text: string;
}

/** A request that is answered with an HTTP error that carries a gRPC status beside it. */
export interface HeadHttpFault {
  readonly kind: 'http';
  readonly httpStatus: 400 | 405;
  readonly grpcStatus: Status;
  readonly text: string;
}

/** A request that is answered with HTTP 200 and trailers only. */
export interface HeadStatusFault {
  readonly kind: 'status';
  readonly grpcStatus: Status;
  readonly text: string;
}

/** A request that is not gRPC: answered in plain text with HTTP 415 once it has ended. */
export interface ForeignRequest {
  readonly kind: 'foreign';
  readonly grpcStatus: Status;
  readonly text: string;
  /** Bytes of body it announced; -1 for none announced. */
  readonly contentLength: number;
  /** HEAD: the answer has no body. */
  readonly bodyless: boolean;
}

/** How to refuse a request. Immutable and shared like a head. */
export type HeadFault = HeadReset | HeadHttpFault | HeadStatusFault | ForeignRequest;

const NO_METADATA: readonly string[] = Object.freeze([]);

/**
 * Reads the flat field list of a request. The first fault in the order of grpc-go's server decides:
 * two authorities, malformed (RFC 9113 §8.1.1), not gRPC, bad timeout or `-bin` value, not POST,
 * no path of a method.
 */
export function parseRequestHead(fields: readonly string[]): RequestHead | HeadFault {
  let method = '';
  let path = '';
  let scheme = '';
  let authority = '';
  let authorities = 0;
  let host = '';
  let hosts = 0;
  let contentType = '';
  let encoding = 'identity';
  let acceptEncodings: number = EncodingBit.identity;
  let timeoutMs = -1;
  let badTimeout: string | undefined;
  let userAgent = '';
  let metadata: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    switch (name) {
      case ':method':
        method = value;
        break;
      case ':path':
        path = value;
        break;
      case ':scheme':
        scheme = value;
        break;
      case ':authority':
        authority = value;
        authorities++;
        break;
      case 'host':
        host = value;
        hosts++;
        break;
      case 'content-type':
        contentType = value;
        break;
      case 'grpc-encoding':
        encoding = value;
        break;
      case 'grpc-accept-encoding':
        // A list may come in several fields (RFC 9110 §5.3).
        acceptEncodings |= parseAcceptEncoding(value);
        break;
      case 'grpc-timeout':
        timeoutMs = decodeTimeout(value);
        if (timeoutMs === -1) badTimeout = value;
        break;
      default:
        if (isHiddenKey(name)) break;
        if (name === 'user-agent') userAgent = value;
        metadata ??= [];
        metadata.push(name, value);
    }
  }
  if (authorities > 1 || hosts > 1) {
    return http(400, Status.INTERNAL, 'more than one :authority or host');
  }
  const malformed = requestFault(fields);
  // gRPC peers do send values with white space around them.
  if (malformed !== undefined && malformed !== FieldFault.PADDED_VALUE) {
    return Object.freeze({
      kind: 'rst',
      errorCode: ErrorCode.PROTOCOL_ERROR,
      text: `malformed request: ${malformed}`,
    });
  }
  if (!isGrpcContentType(contentType)) {
    // RFC 9113 §8.3.1. A gRPC request without a path is told UNIMPLEMENTED below instead.
    if (path === '') {
      return Object.freeze({
        kind: 'rst',
        errorCode: ErrorCode.PROTOCOL_ERROR,
        text: 'malformed request: :path is empty',
      });
    }
    return foreign(fields, method, contentType);
  }
  if (badTimeout !== undefined) {
    return http(400, Status.INTERNAL, `malformed grpc-timeout ${quoted(badTimeout)}`);
  }
  const badBinary = metadata === undefined ? undefined : invalidBinKey(metadata);
  if (badBinary !== undefined) {
    return http(400, Status.INTERNAL, `the value of ${quoted(badBinary)} is not base64`);
  }
  if (method !== 'POST') {
    return http(405, Status.INTERNAL, `method ${quoted(method)} should be POST`);
  }
  if (!isMethodPath(path)) {
    return Object.freeze({
      kind: 'status',
      grpcStatus: Status.UNIMPLEMENTED,
      text: `malformed method name: ${quoted(path)}`,
    });
  }
  return Object.freeze({
    kind: 'head',
    path,
    authority: authorities > 0 ? authority : host,
    scheme,
    contentType,
    encoding,
    acceptEncodings,
    timeoutMs,
    userAgent,
    metadata: metadata === undefined ? NO_METADATA : Object.freeze(metadata),
  });
}

function foreign(fields: readonly string[], method: string, contentType: string): ForeignRequest {
  const said = contentType === '' ? 'no content-type' : `content-type ${quoted(contentType)}`;
  const at = fields.indexOf('content-length');
  const length = at < 0 ? '' : (fields[at + 1] ?? '');
  return Object.freeze({
    kind: 'foreign',
    grpcStatus: Status.INVALID_ARGUMENT,
    text: `this server speaks gRPC (application/grpc); the request has ${said}`,
    contentLength: /^\d{1,15}$/.test(length) ? Number(length) : -1,
    bodyless: method === 'HEAD',
  });
}

function http(httpStatus: 400 | 405, grpcStatus: Status, text: string): HeadHttpFault {
  return Object.freeze({ kind: 'http', httpStatus, grpcStatus, text });
}

/**
 * Whether a path can be a method's: '/', a service, '/', a method. An interceptor that decides by
 * prefix must never see one that something behind it could read as another path.
 */
function isMethodPath(path: string): boolean {
  if (path.charCodeAt(0) !== 0x2f) return false;
  let segments = 0;
  for (let start = 1; start <= path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const length = end - start;
    if (length === 0) return false;
    if (length === 1 && path.charCodeAt(start) === 0x2e) return false;
    if (length === 2 && path.startsWith('..', start)) return false;
    segments++;
    if (slash === -1) break;
    start = end + 1;
  }
  return segments >= 2;
}
