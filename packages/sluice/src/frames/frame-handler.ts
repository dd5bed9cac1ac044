// What a FrameReader tells, and to whom: one object with fixed methods, called from inside read().
// Every buffer is borrowed until the method returns: its bytes belong to the socket's chunk or to
// the reader's scratch. Stream states, windows and HPACK are the handler's; syntax is checked before
// it is called.

import type { FrameLimit } from './frame-fault.ts';

/** Receives the frames of one connection, in the order of the wire. A method must not throw. */
export interface FrameHandler {
  /**
   * The header of a DATA frame, once per frame and before any of its bytes.
   *
   * @param length - the whole payload in bytes, padding included: what flow control counts
   */
  onDataFrame(streamId: number, flags: number, length: number): void;
  /** A piece of the payload without padding, `chunk[start, end)`, never empty; zero or more. */
  onDataBytes(streamId: number, chunk: Buffer, start: number, end: number): void;
  /**
   * The DATA frame is complete.
   *
   * @param padding - bytes of padding and its length byte, to be credited at once
   */
  onDataEnd(streamId: number, flags: number, padding: number): void;
  /**
   * A whole field block, `block[start, end)`: CONTINUATION joined, padding and priority stripped.
   * It must be decoded even if the stream is refused, or HPACK falls out of step.
   *
   * @param flags - those of the HEADERS frame itself
   */
  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void;
  /** A well-formed PRIORITY; nothing to do (RFC 9113 §5.3.2), but it is work, and may be counted. */
  onPriority(streamId: number): void;
  onRstStream(streamId: number, errorCode: number): void;
  /** Entries of six bytes with checked values; see `settingId` and `settingValue`. */
  onSettings(payload: Buffer, start: number, end: number): void;
  onSettingsAck(): void;
  /** The eight bytes as two uint32. */
  onPing(ack: boolean, high: number, low: number): void;
  /**
   * @param debugData - at most 1,024 characters, latin1, written by the peer: not to be trusted
   */
  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void;
  /**
   * @param streamId - 0 for the connection
   * @param increment - 1 to 2^31 - 1 bytes
   */
  onWindowUpdate(streamId: number, increment: number): void;
  /** A push, its payload skipped undecoded: the handler must end the connection (RFC 9113 §8.4). */
  onPushPromise(streamId: number): void;
  /** A frame of an unknown type, to be ignored (RFC 9113 §5.5), but it may be counted. */
  onUnknown(type: number, streamId: number): void;
  /** The peer broke the protocol; the reader has stopped for good (RFC 9113 §5.4.1). */
  onConnectionFault(errorCode: number, reason: string, limit: FrameLimit | undefined): void;
  /** One stream must be reset; the reader goes on (RFC 9113 §5.4.2). */
  onStreamFault(streamId: number, errorCode: number, reason: string): void;
}

/** How a FrameReader is set up. */
export interface FrameReaderOptions {
  /** Our MAX_FRAME_SIZE, in bytes: 16,384 to 2^24 - 1. */
  readonly maxFrameSize: number;
  /** Compressed bytes of one field block, over all its frames. */
  readonly maxHeaderBlock: number;
  /** CONTINUATION frames of one block. */
  readonly maxContinuations: number;
  /** True in a server: the 24 bytes of the client preface come first. */
  readonly expectPreface: boolean;
}
