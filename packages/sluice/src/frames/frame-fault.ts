// What a frame file answers when a frame breaks the rules: a constant, made once when the module is
// loaded, so that a hostile frame costs no allocation. `scope` is the reach that RFC 9113 §5.4 gives
// the fault. Who is told, and how, is the reader's and the transport's business.

import { ErrorCode } from './error-code.ts';

/** The limits that a reader holds frames to. */
export type FrameLimit = 'continuations' | 'header-block' | 'settings-entries';

/** A broken rule: its reach, the error code to send (RFC 9113 §7), and a fixed text for people. */
export interface FrameFault {
  readonly scope: 'connection' | 'stream';
  readonly errorCode: ErrorCode;
  readonly reason: string;
  /** The limit that was passed, where it is one of ours and no rule of HTTP/2. */
  readonly limit: FrameLimit | undefined;
}

/** A fault that ends the connection (RFC 9113 §5.4.1). */
export function connectionFault(errorCode: ErrorCode, reason: string): FrameFault {
  return { scope: 'connection', errorCode, reason, limit: undefined };
}

/** A limit of ours, past which the connection ends with ENHANCE_YOUR_CALM. */
export function limitFault(limit: FrameLimit, reason: string): FrameFault {
  return { scope: 'connection', errorCode: ErrorCode.ENHANCE_YOUR_CALM, reason, limit };
}

/** A fault that ends one stream (RFC 9113 §5.4.2). */
export function streamFault(errorCode: ErrorCode, reason: string): FrameFault {
  return { scope: 'stream', errorCode, reason, limit: undefined };
}
