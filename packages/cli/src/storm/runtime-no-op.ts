// A stub that refuses every call on the spot, as Sluice does past a limit. The rate reached against
// it is the generator's own ceiling: a storm cannot offer more, whatever the runtime.

import type { CallSink, ClientRuntime } from './runtime.ts';
import { RESOURCE_EXHAUSTED } from './status-name.ts';

const DETAILS = 'refused by the no-op limit: 0 of 0 calls';

/** Makes the stub. */
export function connectNoOp(): Promise<ClientRuntime> {
  return Promise.resolve({
    call(_payload: Buffer, startedMs: number, _timeoutMs: number, sink: CallSink): void {
      sink.ended(startedMs, RESOURCE_EXHAUSTED, DETAILS);
    },
    depths: () => null,
    acted: () => ({}),
    openStream: () => {
      throw new Error('the no-op runtime has no streams');
    },
  });
}
