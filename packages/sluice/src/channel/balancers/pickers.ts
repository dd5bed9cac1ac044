// Pickers that do the same with every call.
// Invariant: one result object each, made once: a pick allocates nothing.

import type { Status } from '../../grpc/status.ts';
import type { Picker, PickResult } from '../balancer.ts';

/** The call waits for the next picker. */
export const QUEUE: PickResult = Object.freeze({ kind: 'queue' });

/** Calls wait for the next picker. */
export const QUEUEING: Picker = { pick: () => QUEUE };

/** Calls that do not wait for ready fail. */
export function failing(code: Status, details: string): Picker {
  const result: PickResult = Object.freeze({ kind: 'fail', code, details });
  return { pick: () => result };
}
