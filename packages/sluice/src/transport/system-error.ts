// What a socket's error says, in words for the details of a call.
// Invariant: one line. An error of TLS is named by its reason: OpenSSL's own text is a line of its
// source code. Not here: which status the call ends with (status-mapping.ts).

/** Of happy eyeballs, whose own message is empty, each attempt's text. */
export function systemErrorText(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors
      .map((one) => (one instanceof Error ? systemErrorText(one) : String(one)))
      .join('; ');
  }
  if ('reason' in error && typeof error.reason === 'string' && error.message.includes('SSL')) {
    return `TLS failed: ${error.reason}`;
  }
  return error.message.trim();
}
