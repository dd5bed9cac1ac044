// Row 1 against a client: a server that resets every stream as soon as it is opened. Resets end calls,
// nothing else: what must not happen is a storm of attempts, or a call without a status.

import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { rstStream } from '../wire/frames.ts';
import { hearRequests } from '../wire/hostile-server.ts';

const REFUSED_STREAM = 7;
const INTERNAL_ERROR = 2;
/** A refused stream may be tried again once, without asking anybody (gRFC A6). */
const STREAMS_PER_CALL = 2;

const resets: Hostility = async (peer, seen) => {
  peer.greet();
  hearRequests(peer, (id) => {
    seen.streams = Number(seen.streams ?? 0) + 1;
    peer.write(rstStream(id, id % 4 === 1 ? REFUSED_STREAM : INTERNAL_ERROR));
  });
};

export const hostilities: AttackModule['hostilities'] = { resets };

export const rows: readonly Row[] = [
  floodRow({
    row: 1,
    name: 'rapid reset',
    direction: 'client',
    tls: false,
    expected: 'every call has one status; a refused stream is tried again once, not in a storm',
    module: import.meta.url,
    attack: 'resets',
    seconds: 3,
    counters: [],
    load: {
      lines: 20,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(16),
      timeoutMs: 2_000,
      restMs: 2,
    },
    judge: ({ seen, ends }) => {
      const calls = ends?.calls ?? 0;
      const faults: string[] = [];
      if (calls < 500) faults.push(`${calls} calls were made, too few to tell`);
      if (Number(seen.streams) > calls * STREAMS_PER_CALL + 20) {
        faults.push(`${seen.streams} streams for ${calls} calls`);
      }
      if ((ends?.codes[0] ?? 0) > 0) faults.push('a call that was reset ended with OK');
      return faults;
    },
  }),
];
