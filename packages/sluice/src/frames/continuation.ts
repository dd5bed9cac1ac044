// CONTINUATION (RFC 9113 §6.10): the rest of a field block. Nothing may come between the frames of
// one block, on any stream. The frames and the bytes of a block are both limited: frames without
// END_HEADERS cost a peer nothing and us work or memory without end (CVE-2024-27316). sealHeaders
// (headers.ts) writes them.

import { ErrorCode } from './error-code.ts';
import { connectionFault, type FrameFault, limitFault } from './frame-fault.ts';

/** CONTINUATION where no block is open, or on another stream than its block. */
export const CONTINUATION_UNEXPECTED: FrameFault = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'CONTINUATION without an open field block on its stream',
);

/** Another frame where only CONTINUATION may come. */
export const BLOCK_INTERRUPTED: FrameFault = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'frame inside a field block that has not ended',
);

/** More CONTINUATION frames than the reader's limit. */
export const TOO_MANY_CONTINUATIONS: FrameFault = limitFault(
  'continuations',
  'field block in too many CONTINUATION frames',
);

/** A field block larger than the reader's limit, compressed. */
export const BLOCK_TOO_LARGE: FrameFault = limitFault('header-block', 'field block too large');
