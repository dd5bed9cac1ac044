// What a frame file answers when a frame breaks the rules: a constant, made once when the module is
// loaded, so that a hostile frame costs no allocation. `scope` is the reach that RFC 9113 §5.4 gives
// the fault. Who is told, and how, is the reader's and the transport's business.

import type { ErrorCode } from './error-code.ts';

/** A broken rule: its reach, the error code to send (RFC 9113 §7), and a fixed text for people. */
export interface FrameFault {
  readonly scope: 'connection' | 'stream';
  readonly errorCode: ErrorCode;
  readonly reason: string;
}

/** A fault that ends the connection (RFC 9113 §5.4.1). */
export function connectionFault(errorCode: ErrorCode, reason: string): FrameFault {
  return { scope: 'connection', errorCode, reason };
}

/** A fault that ends one stream (RFC 9113 §5.4.2). */
export function streamFault(errorCode: ErrorCode, reason: string): FrameFault {
  return { scope: 'stream', errorCode, reason };
}
