// The message encodings that this process knows, by the names of `grpc-encoding` and
// `grpc-accept-encoding`. A set of them is a bit mask, so that a call allocates nothing for it.
// Invariant: an encoding keeps its bit for good; none is ever removed.
// Source: gRPC compression.md and PROTOCOL-HTTP2.md ("Message-Encoding"). Not here: the codecs.

import type { MessageCodec } from './compression-codec.ts';
import { deflateEncoding, gzipEncoding } from './compression-zlib.ts';

/** The bits of the encodings that are always known. "deflate" is zlib's format (RFC 1950). */
export const EncodingBit: {
  readonly identity: 1;
  readonly deflate: 2;
  readonly gzip: 4;
} = { identity: 1, deflate: 2, gzip: 4 } as const;

/** A mask has 31 bits that are simple to work with. */
const MAX_ENCODINGS = 31;

const NAME = /^[0-9a-z_.-]+$/;

interface Entry {
  readonly bit: number;
  /** Undefined for identity. */
  readonly codec: MessageCodec | undefined;
}

const entries: Map<string, Entry> = new Map([
  ['identity', { bit: EncodingBit.identity, codec: undefined }],
  ['deflate', { bit: EncodingBit.deflate, codec: deflateEncoding() }],
  ['gzip', { bit: EncodingBit.gzip, codec: gzipEncoding() }],
]);

let accepted = 'identity,deflate,gzip';

/** The `grpc-accept-encoding` value that Sluice sends, for connections made from now on. */
export function acceptEncoding(): string {
  return accepted;
}

/**
 * Makes an encoding known to all channels and servers of the process: messages of that encoding are
 * accepted from now on, connections made from now on announce it, and it may be named in `compress`.
 * One of the same name is replaced.
 *
 * @throws TypeError for a name that cannot stand in a list of names, and for `identity`
 * @throws RangeError for more than 31 encodings
 */
export function registerMessageEncoding(encoding: MessageCodec): void {
  const { name } = encoding;
  if (typeof name !== 'string' || !NAME.test(name) || name === 'identity') {
    throw new TypeError(
      `message encoding "${String(name)}" may have 0-9, a-z, "_", "." and "-" only, and not be identity`,
    );
  }
  const known = entries.get(name);
  if (known === undefined && entries.size >= MAX_ENCODINGS) {
    throw new RangeError(`message encoding "${name}" is one too many; ${MAX_ENCODINGS} fit`);
  }
  entries.set(name, { bit: known?.bit ?? 1 << entries.size, codec: encoding });
  if (known !== undefined) return;
  accepted = `${accepted},${name}`;
  // What was read of the last list may lack the new one.
  lastList = '';
  lastMask = EncodingBit.identity;
}

/** The codec of a `grpc-encoding` value; undefined for identity and for names that nobody knows. */
export function messageCodec(name: string): MessageCodec | undefined {
  return entries.get(name)?.codec;
}

/** The bit of an encoding in masks; 0 for a name that nobody knows. */
export function encodingBit(name: string): number {
  return entries.get(name)?.bit ?? 0;
}

/**
 * The codec for a `compress` option; undefined for identity and for no name.
 *
 * @throws RangeError that names the encodings known
 */
export function sendingCodec(name: string | undefined): MessageCodec | undefined {
  if (name === undefined) return undefined;
  const entry = entries.get(name);
  if (entry !== undefined) return entry.codec;
  const known = [...entries.keys()].join(', ');
  throw new RangeError(
    `compress is "${String(name)}"; it must be one of ${known}, or another after registerMessageEncoding`,
  );
}

let lastList = '';
let lastMask: number = EncodingBit.identity;

/**
 * The known encodings in a `grpc-accept-encoding` list, as a mask of their bits; unknown names
 * are skipped. Identity is always among them: an uncompressed message is always legal.
 */
export function parseAcceptEncoding(list: string): number {
  // A peer sends the same list with every call.
  if (list === lastList) return lastMask;
  let mask: number = EncodingBit.identity;
  for (const item of list.split(',')) mask |= encodingBit(item.trim());
  lastList = list;
  lastMask = mask;
  return mask;
}
