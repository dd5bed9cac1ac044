// Row 10, large header lists: up to 16 KiB they are served, above they are refused and the connection
// goes on with its HPACK in step, past 64 KiB the connection ends.
// A list is as large as RFC 9113 §6.5.2 counts it: 32 for each field beside its octets. Lists past 16 KiB
// are made of references, so that no limit of octets on the wire comes first; the last one is not.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import {
  block,
  data,
  type Fields,
  Flag,
  FrameType,
  field,
  frame,
  indexedField,
  message,
  requestFields,
} from '../wire/frames.ts';
import { type RawAnswer, RawCalls } from '../wire/raw-calls.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const KIB = 1024;
const SERVED = [8 * KIB, 12 * KIB, 16 * KIB];
const REFUSED = [16 * KIB + 1, 40 * KIB, 64 * KIB];
const PAST = 64 * KIB + 1;
const ROUNDS = 10;
const MAX_FRAME = 16_384;
const OVERHEAD = 32;
const CALM = 11;
const RESOURCE_EXHAUSTED = 8;
const VALUE = 's'.repeat(2_000);

/** The entries of the dynamic table, the newest first. */
const NEWEST = Buffer.of(0x80 | 62);
const SECOND = Buffer.of(0x80 | 63);

function listSize(fields: Fields): number {
  let size = 0;
  for (const [name, value] of fields) size += name.length + value.length + OVERHEAD;
  return size;
}

/** A field by which a list of `before` becomes one of `size`. */
function padding(before: number, size: number): [string, string] {
  const name = 'x-pad';
  return [name, 'p'.repeat(size - before - name.length - OVERHEAD)];
}

/** All fields of a request but its path. */
const PATHLESS = requestFields(ECHO).filter(([name]) => name !== ':path');

/** A list of that size in literals that leave the table alone. */
export function literalList(size: number): Buffer {
  const fields = requestFields(ECHO);
  return block([...fields, padding(listSize(fields), size)]);
}

/**
 * A list of that size in few octets. It leaves two entries in the table, the newest of which fills the
 * list, and the path: whoever does not read a block to its end does not have them.
 */
export function referringList(size: number): Buffer {
  const entry = listSize([['x-entry', VALUE]]);
  const plain = listSize(requestFields(ECHO));
  const times = Math.floor((size - plain - OVERHEAD - 'x-pad'.length) / entry);
  return Buffer.concat([
    block(PATHLESS.filter(([name]) => name.startsWith(':'))),
    indexedField(':path', ECHO),
    block(PATHLESS.filter(([name]) => !name.startsWith(':'))),
    field(...padding(plain + times * entry, size)),
    indexedField('x-entry', VALUE),
    ...Array.from({ length: times - 1 }, () => NEWEST),
  ]);
}

/** A request whose path is in the table only, by a block that was refused. */
export function listByTable(): Buffer {
  return Buffer.concat([
    block(PATHLESS.filter(([name]) => name.startsWith(':'))),
    SECOND,
    block(PATHLESS.filter(([name]) => !name.startsWith(':'))),
  ]);
}

class Line {
  readonly peer: RawPeer;
  private readonly calls: RawCalls;
  private next: number;

  constructor(peer: RawPeer) {
    this.peer = peer;
    this.calls = new RawCalls(peer);
    this.next = 1;
  }

  static async to(address: Address): Promise<Line> {
    return new Line(await RawPeer.connect(address));
  }

  /** A block, in CONTINUATION frames where it is long, and one message. */
  call(fields: Buffer): Promise<RawAnswer | undefined> {
    const id = this.next;
    this.next += 2;
    const isLong = fields.length > MAX_FRAME;
    const flags = isLong ? 0 : Flag.END_HEADERS;
    const frames = [frame(FrameType.HEADERS, flags, id, fields.subarray(0, MAX_FRAME))];
    for (let at = MAX_FRAME; at < fields.length; at += MAX_FRAME) {
      const end = at + MAX_FRAME;
      const last = end >= fields.length ? Flag.END_HEADERS : 0;
      frames.push(frame(FrameType.CONTINUATION, last, id, fields.subarray(at, end)));
    }
    this.peer.write(Buffer.concat([...frames, data(id, message(Buffer.from('echo')), true)]));
    return this.calls.endOf(id);
  }

  /** The code of the GOAWAY by which the connection ended. */
  async endedBy(): Promise<number | undefined> {
    await this.peer.until(() => this.peer.isOver, 3_000);
    return this.peer.goAway?.errorCode;
  }
}

async function isServed(line: Line, fields: Buffer): Promise<boolean> {
  return (await line.call(fields))?.grpcStatus === 0;
}

const sizes: Attack = async (address) => {
  const seen = { served: 0, refused: 0, inStep: 0, goAways: 0, goAwaysByOctets: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const good = await Line.to(address);
    for (const size of SERVED) if (await isServed(good, literalList(size))) seen.served += 1;
    const lines = [good];
    for (const size of REFUSED) {
      const line = await Line.to(address);
      lines.push(line);
      const answer = await line.call(referringList(size));
      if (answer?.grpcStatus === RESOURCE_EXHAUSTED) seen.refused += 1;
      if (await isServed(line, listByTable())) seen.inStep += 1;
    }
    const past = await Line.to(address);
    void past.call(referringList(PAST));
    if ((await past.endedBy()) === CALM) seen.goAways += 1;
    const long = await Line.to(address);
    void long.call(literalList(80 * KIB));
    if ((await long.endedBy()) === CALM) seen.goAwaysByOctets += 1;
    for (const { peer } of [...lines, past, long]) peer.end();
  }
  return seen;
};

const TWIN_CALLS = 100;

/** Many calls with metadata of 15 KiB on one connection. */
const metadata: Attack = async (address) => {
  const line = await Line.to(address);
  let served = 0;
  for (let i = 0; i < TWIN_CALLS; i += 1) {
    if (await isServed(line, literalList(15 * KIB))) served += 1;
  }
  line.peer.end();
  return { served };
};

export const attacks: AttackModule['attacks'] = { sizes, metadata };

function differing(seen: Record<string, number | string>, name: string, wanted: number): string[] {
  return seen[name] === wanted ? [] : [`${name}: ${seen[name]}, not ${wanted}`];
}

export const rows: readonly Row[] = [
  floodRow({
    row: 10,
    name: 'large header lists',
    direction: 'server',
    tls: false,
    expected:
      'up to 16 KiB served; above it RESOURCE_EXHAUSTED, and the next call, which refers to the table that the refused block left, is served; past 64 KiB GOAWAY(ENHANCE_YOUR_CALM)',
    module: import.meta.url,
    attack: 'sizes',
    seconds: 10,
    counters: ['header-list', 'header-list-hard', 'header-block'],
    judge: ({ seen }) => [
      ...differing(seen, 'served', ROUNDS * SERVED.length),
      ...differing(seen, 'refused', ROUNDS * REFUSED.length),
      ...differing(seen, 'inStep', ROUNDS * REFUSED.length),
      ...differing(seen, 'goAways', ROUNDS),
      ...differing(seen, 'goAwaysByOctets', ROUNDS),
    ],
    twin: {
      attack: 'metadata',
      seconds: 5,
      judge: (seen) => differing(seen, 'served', TWIN_CALLS),
    },
  }),
];
