// The numbers that programs match on: status codes, verbosity, propagation bits, default sizes.
// Source: gRPC statuscodes.md. Values and names are part of the published interface.

/** How a call ended. */
export enum Status {
  OK = 0,
  CANCELLED = 1,
  UNKNOWN = 2,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  NOT_FOUND = 5,
  ALREADY_EXISTS = 6,
  PERMISSION_DENIED = 7,
  RESOURCE_EXHAUSTED = 8,
  FAILED_PRECONDITION = 9,
  ABORTED = 10,
  OUT_OF_RANGE = 11,
  UNIMPLEMENTED = 12,
  INTERNAL = 13,
  UNAVAILABLE = 14,
  DATA_LOSS = 15,
  UNAUTHENTICATED = 16,
}

/** The least severe line that is still written. Default ERROR. */
export enum LogVerbosity {
  DEBUG = 0,
  INFO = 1,
  ERROR = 2,
  NONE = 3,
}

/** Bits of `propagate_flags`: what a call takes over from the call it is made for. */
export enum Propagate {
  DEADLINE = 1,
  CENSUS_STATS_CONTEXT = 2,
  CENSUS_TRACING_CONTEXT = 4,
  CANCELLATION = 8,
  DEFAULTS = 65535,
}

/** Bytes; -1 is no limit. */
export const DEFAULT_MAX_SEND_MESSAGE_LENGTH = -1;

/** Bytes. */
export const DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH: number = 4 * 1024 * 1024;
