// Row 11 against a client: blocks that no decoder can read (RFC 7541 §2.3.3, §5.1, §5.2, §6.3), one to
// a connection, in turn.

import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { headers, responseBlock } from '../wire/frames.ts';
import { hearRequests } from '../wire/hostile-server.ts';

const COMPRESSION_ERROR = 9;
const FAULTS: Readonly<Record<string, Buffer>> = {
  'integer overflow': Buffer.from('ffffffffffffffff7f', 'hex'),
  'integer without end': Buffer.from('ff8080808080808080808080', 'hex'),
  'bad Huffman padding': Buffer.from('0001618100', 'hex'),
  'Huffman EOS': Buffer.from('00016184ffffffff', 'hex'),
  'index 0': Buffer.of(0x80),
  'index past the table': Buffer.of(0xff, 0x80, 0x01),
  'table update too large': Buffer.from('3fe2ff03', 'hex'),
  'table update behind a field': Buffer.concat([responseBlock(), Buffer.of(0x20)]),
};
const NAMES = Object.keys(FAULTS);

const faults: Hostility = async (peer, seen) => {
  const name = NAMES[(Number(seen.connections) - 1) % NAMES.length] ?? '';
  const block = FAULTS[name] ?? Buffer.alloc(0);
  peer.greet();
  hearRequests(peer, (id) => peer.write(headers(id, block)));
  await peer.until(() => peer.isOver, 4_000);
  seen[name] = peer.goAway?.errorCode ?? 'none';
};

export const hostilities: AttackModule['hostilities'] = { faults };

export const rows: readonly Row[] = [
  floodRow({
    row: 11,
    name: 'faults of HPACK',
    direction: 'client',
    tls: false,
    expected: 'GOAWAY(COMPRESSION_ERROR) for each; every call one status',
    module: import.meta.url,
    attack: 'faults',
    seconds: 6,
    counters: ['protocol-errors'],
    load: {
      lines: 1,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(16),
      timeoutMs: 2_000,
      restMs: 10,
    },
    judge: ({ seen }) =>
      NAMES.filter((name) => seen[name] !== COMPRESSION_ERROR).map(
        (name) => `${name}: GOAWAY code ${seen[name] ?? 'none, never tried'}`,
      ),
  }),
];
