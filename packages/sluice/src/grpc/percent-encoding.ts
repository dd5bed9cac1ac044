// The percent-encoding of `grpc-message`: UTF-8 text in printable ASCII.
// Invariant: no text makes either direction throw, and decoding what was encoded gives it back
// (lone surrogates become U+FFFD). Source: gRPC PROTOCOL-HTTP2.md ("Status-Message"), which asks
// decoders to keep what is malformed instead of dropping it. This is not URL encoding.

// 0x20 to 0x7e without '%'.
const PLAIN = /^[ -$&-~]*$/;
const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g;
const HEX = '0123456789ABCDEF';
const PERCENT = 0x25;

/** The `grpc-message` field value of a status's details. */
export function encodeStatusMessage(text: string): string {
  if (PLAIN.test(text)) return text;
  const bytes = Buffer.from(text, 'utf8');
  let out = '';
  for (const byte of bytes) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== PERCENT) out += String.fromCharCode(byte);
    else out += `%${HEX.charAt(byte >>> 4)}${HEX.charAt(byte & 15)}`;
  }
  return out;
}

/** The details in a `grpc-message` field value; a '%' that starts no escape stays as it is. */
export function decodeStatusMessage(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(ESCAPES, decodeRun);
}

// A run of escapes is decoded as a whole, because a character may take up to four of them.
function decodeRun(run: string): string {
  return Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8');
}
