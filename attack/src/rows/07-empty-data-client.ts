// Row 7 against a client: DATA frames without a byte, 100,000 of them on a response stream.
// The twin answers every call with an empty DATA frame that ends nothing and costs nothing: one a call.

import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { STREAM } from '../runtimes/runtime.ts';
import { data, headers, message, trailersBlock } from '../wire/frames.ts';
import { hearRequests, noteLeave, responseHeaders } from '../wire/hostile-server.ts';

const FRAMES = 100_000;
/** Empty frames that are forgiven before the one that is not. */
const FORGIVEN = 100;
const NOTHING = Buffer.alloc(0);

const flood: Hostility = async (peer, seen) => {
  peer.greet();
  let first = 0;
  hearRequests(peer, (id) => {
    first ||= id;
    peer.write(responseHeaders(id, []));
  });
  await peer.until(() => first !== 0, 5_000);
  await peer.flood(FORGIVEN, () => data(first, NOTHING));
  seen.forgiven ??= (await peer.fence()) ? FORGIVEN : `fewer than ${FORGIVEN}`;
  seen.frames ??= FORGIVEN + (await peer.flood(1, () => data(first, NOTHING)));
  await peer.until(() => peer.isOver, 1_000);
  seen.endedBy101 ??= peer.isOver ? 'yes' : 'no';
  await peer.flood(FRAMES, () => data(first, NOTHING), { withinMs: 5_000 });
  await noteLeave(peer, seen, 2_000);
};

const polite: Hostility = async (peer) => {
  peer.greet();
  hearRequests(peer, (id) => {
    const answer = data(id, message(Buffer.alloc(1)));
    const end = headers(id, trailersBlock(), true);
    peer.write(Buffer.concat([responseHeaders(id, []), data(id, NOTHING), answer, end]));
  });
};

export const hostilities: AttackModule['hostilities'] = { flood, polite };

export const rows: readonly Row[] = [
  floodRow({
    row: 7,
    name: 'empty DATA',
    direction: 'client',
    tls: false,
    expected: 'GOAWAY(ENHANCE_YOUR_CALM) within 101; one empty frame a call for ever is no attack',
    module: import.meta.url,
    attack: 'flood',
    seconds: 3,
    counters: ['empty-data'],
    load: {
      lines: 2,
      kind: 'stream',
      path: STREAM,
      request: Buffer.from('1,1'),
      timeoutMs: 2_000,
      restMs: 20,
    },
    judge: ({ seen }) => [
      ...(seen.goAwayCode === 11 ? [] : [`GOAWAY code ${seen.goAwayCode ?? 'none'}, not 11`]),
      ...(seen.forgiven === FORGIVEN ? [] : [`${seen.forgiven} empty frames were forgiven`]),
      ...(seen.endedBy101 === 'yes' ? [] : ['the connection went on after 101 empty frames']),
    ],
    twin: {
      attack: 'polite',
      seconds: 3,
      judge: (_seen, ends) => {
        const calls = ends?.calls ?? 0;
        const ok = ends?.codes[0] ?? 0;
        return ok === calls && calls > FORGIVEN ? [] : [`${ok} of ${calls} calls succeeded`];
      },
    },
  }),
];
