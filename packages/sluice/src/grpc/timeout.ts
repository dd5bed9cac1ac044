// The value of `grpc-timeout`: one to eight digits and a unit.
// Invariant: what is sent is never shorter than what the caller asked for, so a server does not
// give up before its client. Source: gRPC PROTOCOL-HTTP2.md ("Timeout").

const MAX_VALUE = 99_999_999;

// Below this a fraction of a millisecond is worth sending; above, whole milliseconds make the
// values of one method's calls repeat.
const FINE_BELOW_MS = 10;

let lastMs = 0;
let lastText = '1n';

/**
 * The `grpc-timeout` value of a time in milliseconds, rounded up to the unit used.
 * Zero, negative and NaN give "1n", the least the protocol can say; anything above 99999999 hours,
 * Infinity included, gives "99999999H".
 */
export function encodeTimeout(ms: number): string {
  // Most callers use one constant timeout.
  if (ms === lastMs) return lastText;
  lastText = encode(ms);
  lastMs = ms;
  return lastText;
}

function encode(ms: number): string {
  if (!(ms > 0)) return '1n';
  if (ms < FINE_BELOW_MS && !Number.isInteger(ms)) return `${Math.ceil(ms * 1000)}u`;
  let value = Math.ceil(ms);
  if (value <= MAX_VALUE) return `${value}m`;
  value = Math.ceil(ms / 1000);
  if (value <= MAX_VALUE) return `${value}S`;
  value = Math.ceil(ms / 60_000);
  if (value <= MAX_VALUE) return `${value}M`;
  value = Math.ceil(ms / 3_600_000);
  return `${Math.min(value, MAX_VALUE)}H`;
}

/** The milliseconds (fractions for "u" and "n") of a `grpc-timeout` value, or -1 if malformed. */
export function decodeTimeout(text: string): number {
  const digits = text.length - 1;
  if (digits < 1 || digits > 8) return -1;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  switch (text.charCodeAt(digits)) {
    case 0x6d: // m
      return value;
    case 0x53: // S
      return value * 1000;
    case 0x75: // u
      return value / 1000;
    case 0x6e: // n
      return value / 1_000_000;
    case 0x4d: // M
      return value * 60_000;
    case 0x48: // H
      return value * 3_600_000;
    default:
      return -1;
  }
}
