// Row 20: compressed messages that are bombs (1000:1), that are damaged, or that say they are
// compressed in a way that there is not (CVE-2026-48069, CVE-2024-37168).
// The twin compresses just as well, and stays within the limit when decompressed.

import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Attack, AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { FrameType, headers, message, requestBlock, trailersBlock } from '../wire/frames.ts';
import { hearRequests, responseHeaders } from '../wire/hostile-server.ts';
import { askEach, Probe, type Variant } from '../wire/probe.ts';
import { WindowedSender } from '../wire/windowed-sender.ts';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;
const BOMB = 64 * MIB;
const BOMBS = 200;
const AT_ONCE = 50;
const COMPRESSED = 1;
const TOO_LARGE = 'status 8';
const BROKEN = 'status 13';
const UNKNOWN = 'status 12';
const FINE = 'status 0';

/** A compressed message, damaged or not. */
export interface Compressed {
  readonly name: string;
  /** '' for none. */
  readonly encoding: string;
  readonly bytes: Buffer;
  readonly answer: string;
}

function flagged(bytes: Uint8Array, flag = COMPRESSED): Buffer {
  return message(bytes, flag);
}

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

/** Made when they are asked for: a bomb takes memory to make. */
export function compressedMessages(): readonly Compressed[] {
  const gzipBomb = gzipSync(Buffer.alloc(BOMB));
  const member = gzipSync(Buffer.alloc(MIB));
  const small = gzipSync(Buffer.from('a message that is worth being compressed'));
  const one = (name: string, encoding: string, bytes: Buffer, answer: string): Compressed => ({
    name,
    encoding,
    bytes,
    answer,
  });
  return [
    one('gzip bomb', 'gzip', flagged(gzipBomb), TOO_LARGE),
    one('deflate bomb', 'deflate', flagged(deflateSync(Buffer.alloc(BOMB))), TOO_LARGE),
    one(
      'gzip bomb of 64 members',
      'gzip',
      flagged(Buffer.concat(Array(64).fill(member))),
      TOO_LARGE,
    ),
    one('a byte above the limit', 'gzip', flagged(gzipSync(Buffer.alloc(LIMIT + 1))), TOO_LARGE),
    one('no gzip at all', 'gzip', flagged(Buffer.from('not compressed')), BROKEN),
    one('gzip with a bad checksum', 'gzip', flagged(changed(small, small.length - 8)), BROKEN),
    one('gzip with bad contents', 'gzip', flagged(changed(small, 12)), BROKEN),
    one('gzip cut short', 'gzip', flagged(small.subarray(0, -9)), BROKEN),
    // Some peers flag empty messages without compressing them; there is nothing to get wrong.
    one('flag 1 and no bytes', 'gzip', flagged(Buffer.alloc(0)), FINE),
    one('deflate cut short', 'deflate', flagged(deflateSync(small).subarray(0, -5)), BROKEN),
    one('flag 2', 'gzip', flagged(small, 2), BROKEN),
    one('flag 255', 'gzip', flagged(small, 255), BROKEN),
    one('flag 1 and identity', 'identity', flagged(small), BROKEN),
    one('flag 1 and no encoding', '', flagged(small), BROKEN),
    one('brotli', 'br', flagged(brotliCompressSync(small)), UNKNOWN),
  ];
}

function blockOf(encoding: string): Buffer {
  return requestBlock(ECHO, encoding === '' ? [] : [['grpc-encoding', encoding]]);
}

const bombs: Attack = async (address) => {
  const messages = compressedMessages();
  const variants = messages.map(({ name, encoding, bytes, answer }): Variant => {
    return { name, block: blockOf(encoding), body: bytes, answers: [answer] };
  });
  const { right, others } = await askEach(address, variants);
  const probe = await Probe.connect(address);
  const bomb = messages[0]?.bytes ?? Buffer.alloc(0);
  let refused = 0;
  for (let at = 0; at < BOMBS && !probe.peer.isOver; at += AT_ONCE) {
    const asked = Array.from({ length: AT_ONCE }, () =>
      probe.ask(blockOf('gzip'), bomb, true, 10_000),
    );
    for (const { text } of await Promise.all(asked)) if (text === TOO_LARGE) refused += 1;
  }
  const seen = {
    variants: variants.length,
    right,
    others: others.join(', '),
    ratio: Math.round(BOMB / bomb.length),
    refusedBombs: refused,
    goAwayCode: probe.peer.goAway?.errorCode ?? 'none',
  };
  probe.end();
  return seen;
};

const honest: Attack = async (address) => {
  const probe = await Probe.connect(address);
  const body = flagged(gzipSync(Buffer.alloc(LIMIT)));
  let echoed = 0;
  for (let i = 0; i < 8; i += 1) {
    const { text, bytes } = await probe.ask(blockOf('gzip'), body);
    if (text === 'status 0' && bytes === LIMIT + 5) echoed += 1;
  }
  probe.end();
  return { echoed };
};

export const attacks: AttackModule['attacks'] = { bombs, honest };

/** Answers each request with the next of the messages, an OK behind it. */
const answers: Hostility = async (peer, seen) => {
  const messages = compressedMessages();
  peer.greet();
  const sender = new WindowedSender(peer);
  let asked = 0;
  hearRequests(peer, (id) => {
    const next = messages[asked % messages.length];
    asked += 1;
    if (next === undefined) return;
    const { encoding, bytes } = next;
    peer.write(responseHeaders(id, encoding === '' ? [] : [['grpc-encoding', encoding]]));
    sender.send(id, bytes, false, headers(id, trailersBlock(), true));
  });
  const noted = peer.onFrame;
  peer.onFrame = (frame) => {
    sender.hear(frame);
    noted(frame);
    if (frame.type === FrameType.RST_STREAM) seen.resets = Number(seen.resets ?? 0) + 1;
  };
  await peer.untilClosed(20_000);
};

export const hostilities: AttackModule['hostilities'] = { answers };

const SHARED: Pick<FloodPlan, 'row' | 'name' | 'tls' | 'module' | 'counters'> = {
  row: 20,
  name: 'compressed bombs and damaged messages',
  tls: false,
  module: import.meta.url,
  counters: ['message-length'],
};

export const rows: readonly Row[] = [
  floodRow({
    ...SHARED,
    direction: 'server',
    expected:
      'bombs RESOURCE_EXHAUSTED, damage INTERNAL, an unknown encoding UNIMPLEMENTED; decoded bytes never past the limit; 4 MiB of zeros are echoed',
    attack: 'bombs',
    seconds: 10,
    judge: ({ seen }) => [
      ...(seen.right === seen.variants ? [] : [`answered otherwise: ${seen.others}`]),
      ...(seen.refusedBombs === BOMBS
        ? []
        : [`${seen.refusedBombs} of ${BOMBS} bombs were refused`]),
    ],
    twin: {
      attack: 'honest',
      seconds: 8,
      judge: ({ echoed }) => (echoed === 8 ? [] : [`${echoed} of 8 messages were echoed`]),
    },
  }),
  floodRow({
    ...SHARED,
    direction: 'client',
    expected: 'RESOURCE_EXHAUSTED for bombs, INTERNAL for the rest; never another status',
    attack: 'answers',
    seconds: 3,
    load: {
      lines: 30,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(16),
      timeoutMs: 5_000,
      restMs: 10,
    },
    judge: ({ ends }) => [
      ...['8', '13']
        .filter((code) => ends?.codes[Number(code)] === undefined)
        .map((code) => `no status ${code}`),
      // The message without bytes is one of fifteen.
      ...((ends?.codes[0] ?? 0) * 10 > (ends?.calls ?? 0)
        ? [`${ends?.codes[0]} calls ended well`]
        : []),
      ...Object.keys(ends?.codes ?? {})
        .filter((code) => code !== '0' && code !== '8' && code !== '13')
        .map((code) => `status ${code}: ${ends?.details[Number(code)]}`),
    ],
  }),
];
