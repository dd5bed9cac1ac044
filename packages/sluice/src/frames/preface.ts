// The client connection preface (RFC 9113 §3.4): 24 fixed bytes before the client's first frame,
// chosen so that an HTTP/1.1 server refuses them. The SETTINGS frame that must follow on both sides
// is the transport's to send and to insist on.

import { ErrorCode } from './error-code.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';

/** The 24 bytes a client sends first. Never written to: every connection shares it. */
export const CLIENT_PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Anything else instead of the preface (RFC 9113 §3.4). */
export const BAD_PREFACE: FrameFault = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'not the HTTP/2 client preface',
);
