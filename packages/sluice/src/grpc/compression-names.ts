// The message encodings that Sluice knows, by the names of `grpc-encoding` and
// `grpc-accept-encoding`. A set of them is a bit mask, so that a call allocates nothing for it.
// Source: gRPC compression.md and PROTOCOL-HTTP2.md ("Message-Encoding"). Not here: zlib.

/** The `grpc-accept-encoding` value that Sluice sends. */
export const ACCEPT_ENCODING = 'identity,deflate,gzip';

/** A `grpc-encoding` that can be encoded and decoded. "deflate" is zlib's format (RFC 1950). */
export type MessageEncoding = 'identity' | 'deflate' | 'gzip';

/** The bits of a set of encodings. */
export const EncodingBit: { readonly [E in MessageEncoding]: number } = {
  identity: 1,
  deflate: 2,
  gzip: 4,
};

/** Whether a `grpc-encoding` value is one that Sluice knows; others are answered UNIMPLEMENTED. */
export function isMessageEncoding(name: string): name is MessageEncoding {
  return name === 'identity' || name === 'gzip' || name === 'deflate';
}

let lastList = ACCEPT_ENCODING;
let lastMask = 7;

/**
 * The known encodings in a `grpc-accept-encoding` list, as a mask of `EncodingBit`; unknown names
 * are skipped. Identity is always among them: an uncompressed message is always legal.
 */
export function parseAcceptEncoding(list: string): number {
  // A peer sends the same list with every call.
  if (list === lastList) return lastMask;
  let mask = EncodingBit.identity;
  for (const item of list.split(',')) {
    const name = item.trim();
    if (isMessageEncoding(name)) mask |= EncodingBit[name];
  }
  lastList = list;
  lastMask = mask;
  return mask;
}
