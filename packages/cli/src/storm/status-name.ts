// gRPC status names by number, for counting what both runtimes report. The numbers come from
// outside (a peer's trailer), so an unknown one is kept, not rejected.
// Source: gRPC core, doc/statuscodes.md.

export const STATUS_NAMES: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

export const OK = 0;
export const UNKNOWN = 2;
export const RESOURCE_EXHAUSTED = 8;
