// Base64 as `-bin` metadata uses it: sent without padding, accepted with or without.
// Invariant: a text that is not base64 is told apart from one that is; Node's own decoder skips
// what it does not know. Source: gRPC PROTOCOL-HTTP2.md ("Binary-Header"), RFC 4648 §4.

const PADDED_OR_NOT = /^[A-Za-z0-9+/]*={0,2}$/;

/** The unpadded base64 of some bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = view.toString('base64');
  const rest = bytes.byteLength % 3;
  return rest === 0 ? text : text.slice(0, rest - 3);
}

/** Whether a text is base64, padded or not. */
export function isBase64(text: string): boolean {
  if (!PADDED_OR_NOT.test(text)) return false;
  return text.endsWith('=') ? text.length % 4 === 0 : text.length % 4 !== 1;
}

/** The bytes of a base64 text in memory of their own, or undefined if it is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!isBase64(text)) return undefined;
  let digits = text.length;
  while (digits > 0 && text.charCodeAt(digits - 1) === 0x3d) digits--;
  const bytes = Buffer.allocUnsafeSlow(Math.floor((digits * 3) / 4));
  bytes.write(text, 'base64');
  return bytes;
}
