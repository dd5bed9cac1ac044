// The values of fields of bytes, whose keys end in "-bin", out of their text.
// Source: gRPC PROTOCOL-HTTP2.md ("Custom-Metadata"): base64, lists at commas.
// Not here: which keys are legal (metadata.ts).

/** A field of gRPC itself, of which there is one value, and no list of them. */
export function isOfGrpc(key: string): boolean {
  return key.startsWith('grpc-');
}

/** The values in the text of one field. */
export function bytesIn(key: string, text: string): Buffer[] {
  const items = isOfGrpc(key) ? [text] : text.split(',');
  return items.map((item) => Buffer.from(item.trim(), 'base64'));
}
