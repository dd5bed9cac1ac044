// HTTP/2 error codes (RFC 9113 §7), carried by RST_STREAM and GOAWAY. A code from the peer is any
// uint32 and stays a plain number; unknown ones must not be given a meaning (RFC 9113 §7).

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 §7). */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** One of the error codes of RFC 9113 §7. */
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

const NAMES: readonly string[] = Object.keys(ErrorCode);

/**
 * The name of an error code for logs and status details.
 *
 * @param code - any uint32 from the wire
 * @returns the name of RFC 9113 §7, or `UNKNOWN_ERROR_CODE_0x..` for a code it does not list
 */
export function errorCodeName(code: number): string {
  return NAMES[code] ?? `UNKNOWN_ERROR_CODE_0x${code.toString(16)}`;
}
