// Row 10 against a client: response headers of 15 KB, which a client takes; of 17 KB, which end the
// call and leave the connection and HPACK as they were; and above 64 KB, which end the connection.

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { STREAM } from '../runtimes/runtime.ts';
import {
  data,
  headers,
  indexedField,
  message,
  responseBlock,
  trailersBlock,
} from '../wire/frames.ts';
import { hearRequests, noteLeave } from '../wire/hostile-server.ts';

const PIECE = 1_000;
/** RFC 7541 §4.1. */
const ENTRY_OVERHEAD = 32;
/** The first entry of the dynamic table, as an indexed field (RFC 7541 §6.1). */
const FIRST_ENTRY = 0x80 | 62;

/** One field that enters the dynamic table, and references to it: far fewer bytes than they mean. */
function listOf(bytes: number): Buffer {
  const references = Buffer.alloc(Math.floor(bytes / PIECE) - 1, FIRST_ENTRY);
  const kept = indexedField('x-kept', 'x'.repeat(PIECE - ENTRY_OVERHEAD - 'x-kept'.length));
  return Buffer.concat([responseBlock(), kept, references]);
}

/** Large headers and small ones in turn: the small ones refer to what the large ones left. */
function answering(bytes: number): Hostility {
  return async (peer, seen) => {
    peer.greet();
    const large = listOf(bytes);
    const reference = Buffer.concat([responseBlock(), Buffer.of(FIRST_ENTRY)]);
    const end = (id: number): Buffer => headers(id, trailersBlock(), true);
    let calls = 0;
    hearRequests(peer, (id) => {
      const head = calls % 2 === 0 ? headers(id, large) : headers(id, reference);
      calls += 1;
      seen.answers = Number(seen.answers ?? 0) + 1;
      peer.write(Buffer.concat([head, data(id, message(Buffer.alloc(1))), end(id)]));
    });
    await noteLeave(peer, seen, 4_000);
  };
}

export const hostilities: AttackModule['hostilities'] = {
  accepted: answering(15_000),
  refused: answering(20_000),
  fatal: answering(80_000),
};

const PLAN: FloodPlan = {
  row: 10,
  name: 'header list of 15 KB',
  direction: 'client',
  tls: false,
  expected: 'accepted',
  module: import.meta.url,
  attack: 'accepted',
  seconds: 2,
  counters: [],
  load: {
    lines: 1,
    kind: 'stream',
    path: STREAM,
    request: Buffer.from('1,1'),
    timeoutMs: 2_000,
    restMs: 10,
  },
  judge: ({ ends }) =>
    ends?.codes[0] === ends?.calls
      ? []
      : [`${ends?.codes[0] ?? 0} of ${ends?.calls} calls were answered`],
};

export const rows: readonly Row[] = [
  floodRow(PLAN),
  floodRow({
    ...PLAN,
    name: 'header list above 16 KB',
    expected: 'the call ends with RESOURCE_EXHAUSTED; connection and HPACK go on',
    attack: 'refused',
    counters: ['header-list'],
    judge: ({ seen, ends }) => {
      const { calls = 0, codes = {} } = ends ?? {};
      const ok = codes[0] ?? 0;
      const refused = codes[8] ?? 0;
      const faults: string[] = [];
      if (Math.abs(ok - refused) > 1 || ok + refused !== calls || calls < 10) {
        faults.push(
          `of ${calls} calls ${refused} were refused and ${ok} answered, not each second`,
        );
      }
      if (Number(seen.connections) !== 1) faults.push(`${seen.connections} connections, not 1`);
      return faults;
    },
  }),
  floodRow({
    ...PLAN,
    name: 'header list above 64 KB',
    expected: 'GOAWAY(ENHANCE_YOUR_CALM)',
    attack: 'fatal',
    counters: ['header-list-hard'],
    judge: ({ seen }) =>
      seen.goAwayCode === 11 ? [] : [`GOAWAY code ${seen.goAwayCode ?? 'none'}, not 11`],
  }),
];
