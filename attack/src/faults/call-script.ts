// What a call does on both sides, as plain data: the same for each runtime, told to the server in the
// metadata of the call.
// Invariant: without a fault a script has one outcome, `code`, and one count of answers.
// Not here: who carries it out (scripted-call.ts; sluice-server.ts, grpc-js-server.ts).

import type { MethodKind } from 'sluice';

export const PATHS: Readonly<Record<MethodKind, string>> = {
  unary: '/faults.Subject/Unary',
  clientStreaming: '/faults.Subject/ClientStreaming',
  serverStreaming: '/faults.Subject/ServerStreaming',
  bidiStreaming: '/faults.Subject/BidiStreaming',
};

/** Metadata key under which a server is told its part. */
export const SCRIPT_KEY = 'x-script';

export const CANCELLED = 1;
export const UNAVAILABLE = 14;

/** Whether the handler waits, in milliseconds, before its status; `FOREVER` until it is cancelled. */
export const FOREVER: number = -1;

export interface CallScript {
  readonly kind: MethodKind;
  /** Messages that the client sends; 1 where the kind has one. */
  readonly requests: number;
  readonly requestBytes: number;
  /** The next request waits for the answer to the one before; of `bidiStreaming` only. */
  readonly paced: boolean;
  /** Messages that the server sends, unless its status comes instead of them. */
  readonly replies: number;
  readonly replyBytes: number;
  /** How the call ends: the server's status, or CANCELLED for one that the client cancels. */
  readonly code: number;
  /** Before the status. */
  readonly holdMs: number;
  /** Answers after which the client cancels; 0 for never. */
  readonly cancelAfter: number;
}

/** The server's part. */
export interface ServerScript {
  readonly id: string;
  readonly replies: number;
  readonly replyBytes: number;
  readonly code: number;
  readonly holdMs: number;
}

export const PLAIN: CallScript = {
  kind: 'unary',
  requests: 1,
  requestBytes: 200,
  paced: false,
  replies: 1,
  replyBytes: 200,
  code: 0,
  holdMs: 0,
  cancelAfter: 0,
};

export function scriptHeader(id: string, script: CallScript): string {
  const { replies, replyBytes, code, holdMs } = script;
  return [id, replies, replyBytes, code, holdMs].join(';');
}

export function parseScriptHeader(value: string): ServerScript {
  const [id = '', ...numbers] = value.split(';');
  const [replies = 0, replyBytes = 0, code = 0, holdMs = 0] = numbers.map(Number);
  return { id, replies, replyBytes, code, holdMs };
}
