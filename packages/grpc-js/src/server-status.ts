// The status that an error of a handler stands for.
// Invariant: any value answers with a status; one without an integer `code` is UNKNOWN.

import type { PartialStatusObject } from './call-interface.ts';
import { Status } from './constants.ts';
import type { Metadata } from './metadata.ts';
import type { ServerErrorResponse, ServerStatusResponse } from './server-call.ts';

/** What a status says of an error: its code and details where it has them, else UNKNOWN. */
export function serverErrorToStatus(
  error: ServerErrorResponse | ServerStatusResponse,
  overrideTrailers?: Metadata | undefined,
): PartialStatusObject {
  // Text, where there are no types: as if it had been thrown.
  if (typeof error !== 'object' && typeof error !== 'function') return thrownStatus();
  const { message, code, details } = error as Partial<ServerErrorResponse>;
  const metadata = overrideTrailers ?? error.metadata ?? null;
  const text = typeof message === 'string' ? message : 'Unknown Error';
  if (typeof code !== 'number' || !Number.isInteger(code)) {
    return { code: Status.UNKNOWN, details: text, metadata };
  }
  return { code, details: typeof details === 'string' ? details : text, metadata };
}

/** Of what a handler threw; its message stays here. */
export function thrownStatus(): PartialStatusObject {
  return { code: Status.UNKNOWN, details: 'Unknown error', metadata: null };
}
