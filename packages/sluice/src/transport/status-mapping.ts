// The one file that turns HTTP into gRPC: HTTP/2 error codes and HTTP status codes into Status,
// with the text a user reads. Sources: gRPC PROTOCOL-HTTP2.md ("Errors") and
// doc/http-grpc-status-mapping.md. Not here: grpc-status itself, which is never mapped.

import { ErrorCode, errorCodeName } from '../frames/error-code.ts';
import { Status } from '../grpc/status.ts';

/** Characters of a peer's text that are repeated in an error, before it is cut. */
const MAX_QUOTED = 64;

/** The same of the reason that a peer gives for its GOAWAY, which is written to be read. */
export const MAX_REASON = 200;

/** A peer's text in quotes, in printable ASCII and cut, for error texts. */
export function quoted(text: string, most: number = MAX_QUOTED): string {
  const cut = text.length > most ? `${text.slice(0, most)}...` : text;
  return `"${cut.replace(/[^ !#-~]/g, '?')}"`;
}

/**
 * The status of a call that ended with this HTTP/2 error code (RST_STREAM, or GOAWAY and a close).
 * REFUSED_STREAM also says that the peer did nothing: such a call may be retried transparently.
 *
 * @param errorCode any uint32
 * @param pastDeadline the call's deadline has passed: the peer's CANCEL then tells the same
 */
export function statusOfErrorCode(errorCode: number, pastDeadline: boolean): Status {
  switch (errorCode) {
    case ErrorCode.REFUSED_STREAM:
      return Status.UNAVAILABLE;
    case ErrorCode.CANCEL:
      return pastDeadline ? Status.DEADLINE_EXCEEDED : Status.CANCELLED;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return Status.RESOURCE_EXHAUSTED;
    case ErrorCode.INADEQUATE_SECURITY:
      return Status.PERMISSION_DENIED;
    default:
      // NO_ERROR among them: a stream closed before its trailers came.
      return errorCode <= ErrorCode.HTTP_1_1_REQUIRED ? Status.INTERNAL : Status.UNKNOWN;
  }
}

/** What happened, for the details of a call that the peer's RST_STREAM ended. */
export function resetText(errorCode: number): string {
  return `the peer reset the stream with ${errorCodeName(errorCode)}`;
}

/** The status of a call whose response came with this HTTP status and without grpc-status. */
export function statusOfHttp(httpStatus: number): Status {
  switch (httpStatus) {
    case 400:
      return Status.INTERNAL;
    case 401:
      return Status.UNAUTHENTICATED;
    case 403:
      return Status.PERMISSION_DENIED;
    case 404:
      return Status.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.UNAVAILABLE;
    default:
      // 200 among them: it carries a status of its own, or is no gRPC response.
      return Status.UNKNOWN;
  }
}

/** What came, for the details of a call that was answered by something other than gRPC. */
export function httpText(httpStatus: number, contentType: string): string {
  const type = contentType === '' ? 'no content-type' : `content-type ${quoted(contentType)}`;
  return `the response is not gRPC: HTTP status ${httpStatus}, ${type}`;
}
