// Names of status codes, as statistics and messages show them.
// Not here: the codes themselves, which are the package's.

import { Status } from 'sluice';

const names: readonly string[] = Object.keys(Status);

/** `NOT_FOUND` for 5; what gRPC does not define shows its number. */
export function statusName(code: number): string {
  return names[code] ?? `UNKNOWN_${code}`;
}
