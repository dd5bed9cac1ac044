// How the calls of the runtime below end, in the words that programs of this package match on.
// Invariants: the code is the runtime's, and so is what is said of the cause; only where a text is
// known from elsewhere does it begin as it does there. What a server sent is never touched, but for a
// server that says exactly what this client would say.
// Not here: which fault has which code (Sluice's status-mapping.ts).

import { Status } from './constants.ts';

interface Wording {
  readonly code: Status;
  readonly pattern: RegExp;
  readonly text: (match: RegExpExecArray, call: EndedCall) => string;
}

/** What of a call its last words may need. */
export interface EndedCall {
  /** `scheme:path`. */
  readonly target: string;
  /** When it began, ms of the epoch. */
  readonly startMs: number;
  /** Its deadline, ms of the epoch. */
  readonly deadlineMs: number;
}

const RESET_TEXTS: Readonly<Record<string, string>> = {
  NO_ERROR: 'Received RST_STREAM with code 0 (Call ended without gRPC status)',
  PROTOCOL_ERROR: 'Received RST_STREAM with code 1',
  INTERNAL_ERROR: 'Received RST_STREAM with code 2 (Internal server error)',
  FLOW_CONTROL_ERROR: 'Received RST_STREAM with code 3',
  SETTINGS_TIMEOUT: 'Received RST_STREAM with code 4',
  STREAM_CLOSED: 'Received RST_STREAM with code 5',
  FRAME_SIZE_ERROR: 'Received RST_STREAM with code 6',
  REFUSED_STREAM: 'Stream refused by server',
  CANCEL: 'Call cancelled',
  COMPRESSION_ERROR: 'Received RST_STREAM with code 9',
  CONNECT_ERROR: 'Received RST_STREAM with code 10',
  ENHANCE_YOUR_CALM: 'Bandwidth exhausted or memory limit exceeded',
  INADEQUATE_SECURITY: 'Protocol not secure enough',
  HTTP_1_1_REQUIRED: 'Received RST_STREAM with code 13',
};

function seconds(ms: number): string {
  return (Math.max(0, ms) / 1_000).toFixed(3);
}

function deadlineText({ deadlineMs, startMs }: EndedCall, cause: string): string {
  return `Deadline exceeded after ${seconds(deadlineMs - startMs)}s,${cause}`;
}

const WORDINGS: readonly Wording[] = [
  {
    code: Status.DEADLINE_EXCEEDED,
    pattern: /^deadline of \d+(?:\.\d+)? ms exceeded(?:; (.*))?$/s,
    text: ([, cause = ''], call) => deadlineText(call, cause),
  },
  {
    code: Status.DEADLINE_EXCEEDED,
    pattern: /^the deadline had passed before the call$/,
    text: ([cause], call) => deadlineText(call, cause),
  },
  {
    code: Status.UNAVAILABLE,
    pattern: /^cannot resolve /,
    text: (_match, { target }) => `Name resolution failed for target ${target}`,
  },
  {
    code: Status.UNAVAILABLE,
    pattern:
      /^(?:cannot connect to |no connection to |no HTTP\/2 SETTINGS from |the HTTP\/2 handshake with |the proxy ).*$/s,
    text: ([cause]) => `No connection established. Last error: ${cause}. Resolution note: `,
  },
  {
    code: Status.UNAVAILABLE,
    pattern:
      /^(?:socket error: |the peer closed the connection|the connection was closed|keepalive: ).*$/s,
    text: ([cause]) => `Connection dropped; ${cause}`,
  },
  {
    code: Status.INTERNAL,
    pattern: /^the server ended the stream without trailers$/,
    text: () => 'Received RST_STREAM with code 0 (Call ended without gRPC status)',
  },
  {
    code: Status.UNKNOWN,
    pattern: /^the server ended the call without grpc-status$/,
    text: () => 'Received HTTP status code 200',
  },
  {
    code: Status.INTERNAL,
    pattern: /^cannot decompress a message \((\S+)\): /,
    text: ([, encoding]) => `Failed to decompress ${encoding}-encoded message`,
  },
  {
    code: Status.RESOURCE_EXHAUSTED,
    pattern: /^received a message of (\d+) bytes, above the limit of (\d+)(?:\.5)?;/,
    text: ([, size, most]) => `Received message larger than max (${size} vs ${most})`,
  },
  {
    code: Status.RESOURCE_EXHAUSTED,
    pattern: /^received a compressed message that exceeds (\d+) bytes when decompressed;/,
    text: ([, most]) => `Received message that decompresses to a size larger than ${most}`,
  },
  {
    code: Status.RESOURCE_EXHAUSTED,
    pattern: /^a request message of \d+ bytes exceeds the limit of (\d+)(?:\.5)?;/,
    text: ([, most]) => `Attempted to send message with a size larger than ${most}`,
  },
];

const RESET = /^the peer reset the stream with ([A-Z_0-9]+)$/;
const FOREIGN = /^the response is not gRPC: HTTP status (\d+)/;

/** The details to show for a call that ended with `code` and `details`. */
export function detailsOf(code: Status, details: string, call: EndedCall): string {
  // What most servers leave out, and programs show.
  if (code === Status.OK) return details === '' ? 'OK' : details;
  for (const wording of WORDINGS) {
    if (wording.code !== code) continue;
    const match = wording.pattern.exec(details);
    if (match !== null) return wording.text(match, call);
  }
  const reset = RESET.exec(details)?.[1];
  if (reset !== undefined) return RESET_TEXTS[reset] ?? details;
  const foreign = FOREIGN.exec(details)?.[1];
  return foreign === undefined ? details : `Received HTTP status code ${foreign}; ${details}`;
}
