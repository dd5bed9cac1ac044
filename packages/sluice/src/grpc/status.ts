// The status codes of gRPC and their names.
// Invariant: the numbers are the wire's and never change. Source: gRPC "Status codes and their use
// in gRPC" (doc/statuscodes.md). The mapping from HTTP and HTTP/2 codes is the transport's.

/** Codes of `grpc-status`, by name. */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** One of the seventeen codes; a peer may send others, which are plain numbers until mapped. */
export type Status = (typeof Status)[keyof typeof Status];

const names: readonly string[] = Object.keys(Status);
const texts: readonly string[] = names.map((_, code) => String(code));

/** The name of a code ("UNAVAILABLE"), or "UNKNOWN_<n>" for a number that gRPC does not define. */
export function statusName(code: number): string {
  return names[code] ?? `UNKNOWN_${code}`;
}

/** The code of a name ("UNAVAILABLE"), or -1. Names are upper case, as in service configs. */
export function statusOfName(name: string): number {
  return names.indexOf(name);
}

/** The `grpc-status` field value of a code, without making a string per call. */
export function encodeStatus(code: Status): string {
  return texts[code] ?? String(code);
}

/**
 * Read a `grpc-status` field value. Anything that is not a defined code is UNKNOWN, as gRPC Core
 * and grpc-go do; a caller that wants the text still has the field.
 */
export function decodeStatus(text: string): Status {
  // At most two digits; `indexOf` also turns away "", "+1", "1.0", " 1" and "007".
  const code = texts.indexOf(text);
  return isStatus(code) ? code : Status.UNKNOWN;
}

/** Whether a number is one of the seventeen codes. */
export function isStatus(code: number): code is Status {
  return Number.isInteger(code) && code >= 0 && code < names.length;
}
