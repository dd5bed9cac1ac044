// What a socket's error says, in words for the details of a call.
// Invariant: one line. An error of TLS is named by its reason: OpenSSL's own text is a line of its
// source code. Not here: which status the call ends with (status-mapping.ts).

// What OpenSSL says of bytes that are no TLS records.
const NO_TLS: ReadonlySet<string> = new Set([
  'wrong version number',
  'packet length too long',
  'record layer failure',
]);

/** Of happy eyeballs, whose own message is empty, each attempt's text. */
export function systemErrorText(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors
      .map((one) => (one instanceof Error ? systemErrorText(one) : String(one)))
      .join('; ');
  }
  if ('reason' in error && typeof error.reason === 'string' && error.message.includes('SSL')) {
    const cure = NO_TLS.has(error.reason) ? '; does it speak plain text on this port?' : '';
    return `TLS failed: ${error.reason}${cure}`;
  }
  return error.message.trim();
}
