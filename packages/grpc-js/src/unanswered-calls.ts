// Cancelled calls whose handlers have not answered: such a handler may be at work still, and counts
// against the limits as long as it may.
// Invariant: there are at most MAX of them in the process. Programs need not answer a call that is
// cancelled, and many never do: of more than that, the oldest counts no longer.
// Not here: streams, which end with their calls (server-base-call.ts).

import type { ServerCall } from 'sluice';
import { Status } from './constants.ts';

const MAX = 1_000;

// In the order of their cancellation.
const calls: Set<ServerCall> = new Set();

/** A call was cancelled whose handler has begun. */
export function awaitAnswer(call: ServerCall): void {
  calls.add(call);
  if (calls.size <= MAX) return;
  for (const oldest of calls) {
    calls.delete(oldest);
    oldest.end(Status.CANCELLED);
    return;
  }
}

/** Its handler has answered. */
export function answered(call: ServerCall): void {
  calls.delete(call);
}
