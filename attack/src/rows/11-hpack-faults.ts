// Row 11, field blocks that are no HPACK (RFC 7541): each one is an error of compression, which ends the
// connection, because its table can be in step no more (RFC 9113 §4.3).
// The twin is what looks like them and is allowed.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { data, headers, indexedField, message, requestBlock, text } from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const ROUNDS = 10;
const PATIENCE_MS = 1_500;
const COMPRESSION_ERROR = 9;

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** A literal that is not indexed, called `x`, with the string as it is given. */
function withValue(hex: string): Buffer {
  return Buffer.concat([bytes('00 01 78'), bytes(hex)]);
}

/** What is appended to a good request, or stands before it. */
interface Fault {
  readonly name: string;
  readonly before?: Buffer;
  readonly after?: Buffer;
}

export const FAULTS: readonly Fault[] = [
  { name: 'integer of six octets', after: bytes('ff 80 80 80 80 80 01') },
  { name: 'integer that never ends', after: bytes('ff ff ff ff ff ff ff ff ff ff ff ff') },
  { name: 'integer past 2^32', after: bytes('ff ff ff ff ff 7f') },
  { name: 'integer cut short', after: bytes('ff 80') },
  { name: 'length past 2^32', after: withValue('7f ff ff ff ff 7f') },
  { name: 'string past the block', after: withValue('05 61 62') },
  { name: 'string without octets', after: bytes('00 01 78') },
  { name: 'length of 2^31', after: withValue('7f 81 ff ff ff 07') },
  // 'a' is 00011; what follows has to be ones (RFC 7541 §5.2).
  { name: 'Huffman padding of zeros', after: withValue('81 18') },
  { name: 'Huffman padding of eight ones', after: withValue('82 1f ff') },
  { name: 'Huffman EOS', after: withValue('84 ff ff ff ff') },
  { name: 'Huffman EOS in the midst', after: withValue('85 1f ff ff ff ff') },
  { name: 'index 0', after: bytes('80') },
  { name: 'index past the table', after: bytes('be') },
  { name: 'name past the table', after: bytes('7e 01 61') },
  { name: 'name far past the table', after: bytes('7f ff ff ff 07 01 61') },
  { name: 'never indexed, name past the table', after: bytes('1f 30 01 61') },
  { name: 'table update past the limit', before: bytes('3f e2 1f') },
  { name: 'table update of 2^28', before: bytes('3f ff ff ff 7f') },
  { name: 'table update behind a field', after: bytes('20') },
];

const NOTHING = Buffer.alloc(0);

/** The code of the GOAWAY by which one fault is answered. */
async function answerTo(address: Address, { before, after }: Fault): Promise<number | undefined> {
  const peer = await RawPeer.connect(address);
  const fields = Buffer.concat([before ?? NOTHING, requestBlock(ECHO), after ?? NOTHING]);
  peer.write(headers(1, fields));
  await peer.until(() => peer.isOver, PATIENCE_MS);
  peer.end();
  return peer.goAway?.errorCode;
}

const flood: Attack = async (address) => {
  const missed = new Set<string>();
  let goAways = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const codes = await Promise.all(FAULTS.map((fault) => answerTo(address, fault)));
    for (const [i, { name }] of FAULTS.entries()) {
      if (codes[i] === COMPRESSION_ERROR) goAways += 1;
      else missed.add(`${name}: ${codes[i] ?? 'none'}`);
    }
  }
  return { faults: ROUNDS * FAULTS.length, goAways, missed: [...missed].join(', ') || 'none' };
};

/** Blocks that may be odd and are right. */
export const ALLOWED: readonly Fault[] = [
  { name: 'table update to 0 and to the limit', before: bytes('20 3f e1 1f') },
  { name: 'an entry that empties the table', after: indexedField('x-large', 'l'.repeat(5_000)) },
  { name: 'a length that ends in a zero', after: withValue(`7f 80 00${'61'.repeat(127)}`) },
  { name: 'Huffman', after: withValue('81 1f') },
  { name: 'an empty value', after: withValue('00') },
  { name: 'an empty Huffman value', after: withValue('80') },
  { name: 'never indexed', after: Buffer.concat([bytes('10'), text('x-secret'), text('s')]) },
  { name: 'the static table', after: bytes('90') },
  { name: 'its last entry', after: Buffer.concat([bytes('7d'), text('v')]) },
  {
    name: 'the entry that was just made',
    after: Buffer.concat([indexedField('x-new', 'v'), bytes('be')]),
  },
  { name: 'a length in two octets', after: withValue(`7f 00${'61'.repeat(127)}`) },
];

const TWIN_ROUNDS = 50;

const odd: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const calls = new RawCalls(peer);
  const missed = new Set<string>();
  let served = 0;
  for (let i = 0; i < TWIN_ROUNDS * ALLOWED.length && !peer.isOver; i += 1) {
    const { name, before, after } = ALLOWED[i % ALLOWED.length] ?? { name: '' };
    const id = 2 * i + 1;
    const fields = Buffer.concat([before ?? NOTHING, requestBlock(ECHO), after ?? NOTHING]);
    peer.write(Buffer.concat([headers(id, fields), data(id, message(Buffer.from('echo')), true)]));
    const answer = await calls.endOf(id);
    if (answer?.grpcStatus === 0) served += 1;
    else missed.add(`${name}: ${answer?.grpcStatus ?? peer.goAway?.debug ?? 'no answer'}`);
  }
  peer.end();
  return { served, missed: [...missed].join(', ') };
};

export const attacks: AttackModule['attacks'] = { flood, odd };

export const rows: readonly Row[] = [
  floodRow({
    row: 11,
    name: 'faults of HPACK',
    direction: 'server',
    tls: false,
    expected:
      'each of 20 faults (integers past 5 octets, bad Huffman, index 0, table updates) is answered by GOAWAY(COMPRESSION_ERROR)',
    module: import.meta.url,
    attack: 'flood',
    seconds: 15,
    counters: ['protocol-errors'],
    judge: ({ seen }) =>
      seen.goAways === seen.faults ? [] : [`${seen.goAways} of ${seen.faults}: ${seen.missed}`],
    twin: {
      attack: 'odd',
      seconds: 10,
      judge: ({ served, missed }) =>
        served === TWIN_ROUNDS * ALLOWED.length ? [] : [`${served} calls served; ${missed}`],
    },
  }),
];
