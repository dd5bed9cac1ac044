// The asynchronous surroundings of whoever made a call (AsyncLocalStorage, spans), for what is told of
// it later: it comes from a socket that many calls share.
// Not here: what is told (direct-unary-call.ts, channel-call.ts).

import { AsyncResource } from 'node:async_hooks';

// Nothing of ours is told of its end.
const OPTIONS = { requireManualDestroy: true };

/** The surroundings as they are now. `runInAsyncScope` brings them back. */
export function callerContext(): AsyncResource {
  return new AsyncResource('GRPC_CALL', OPTIONS);
}
