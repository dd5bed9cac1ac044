// Takes a connection's byte stream apart into frames (RFC 9113 §4 to §6), however it was cut into
// chunks. Invariants: each phase but BOUNDARY waits for at least one byte; state moves on before the
// handler is called, so that it may hold or stop the reader; DATA is passed on where it lies, a field
// block is copied only when it lies in pieces, and what is kept between chunks is bounded.
// Syntax only: which frames a stream's state allows is the transport's question.

import { BLOCK_INTERRUPTED, BLOCK_TOO_LARGE } from './continuation.ts';
import { CONTROL_LENGTH, controlFault, deliverControl } from './control-frame.ts';
import { DATA_OVERPADDED, dataFault } from './data.ts';
import { Flags } from './flags.ts';
import type { FrameFault } from './frame-fault.ts';
import type { FrameHandler, FrameReaderOptions } from './frame-handler.ts';
import { FRAME_HEADER_LENGTH, FRAME_TOO_LARGE } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { HeaderBlock } from './header-block.ts';
import {
  HEADERS_OVERPADDED,
  HEADERS_SELF_DEPENDENT,
  headersFault,
  headersPrefixLength,
} from './headers.ts';
import { BAD_PREFACE, CLIENT_PREFACE } from './preface.ts';
import { dependsOnItself } from './priority.ts';
import { pushPromiseFault } from './push-promise.ts';
import { readUint31 } from './uint32.ts';

//                 +-> DATA -----------+
//                 +-> HEADERS --------+
//  PREFACE -> BOUNDARY -> CONTROL ----+-> BOUNDARY     any -> STOPPED
//                 |          |        |
//                 +----------+-> SKIP +
const BOUNDARY = 0;
const DATA = 1;
/** HEADERS and CONTINUATION. */
const HEADERS = 2;
/** A payload that is gathered whole in the scratch, up to `wanted` bytes of it. */
const CONTROL = 3;
const SKIP = 4;
const PREFACE = 5;
const STOPPED = 6;

/** `left` while the byte that tells it, the pad length, has not come yet. */
const UNKNOWN = -1;

/** An incremental parser of HTTP/2 frames. No byte sequence makes it throw. */
export class FrameReader {
  /** Our MAX_FRAME_SIZE, in bytes; a change holds from the next frame on. */
  maxFrameSize: number;

  private readonly handler: FrameHandler;
  /** The peer is a server: narrows what SETTINGS may say. */
  private readonly fromServer: boolean;
  private readonly block: HeaderBlock;
  /** A frame header, a HEADERS prefix or a control payload that came in pieces. */
  private readonly scratch: Buffer;
  private phase: number;
  private held: boolean;
  /** Bytes in the scratch; in PREFACE, bytes that matched. */
  private have: number;
  /** CONTROL, HEADERS: bytes the scratch must have. */
  private wanted: number;
  /** The frame under way. */
  private type: number;
  private flags: number;
  private streamId: number;
  private length: number;
  /** Its bytes still to come: of content (DATA, HEADERS) or of all (CONTROL, SKIP). */
  private left: number;
  /** Its padding still to come. */
  private padLeft: number;
  /** DATA: its padding and the length byte of it. */
  private padding: number;

  constructor(handler: FrameHandler, options: FrameReaderOptions) {
    this.maxFrameSize = options.maxFrameSize;
    this.handler = handler;
    this.fromServer = !options.expectPreface;
    this.block = new HeaderBlock(options.maxHeaderBlock, options.maxContinuations);
    this.scratch = Buffer.allocUnsafeSlow(CONTROL_LENGTH);
    this.phase = options.expectPreface ? PREFACE : BOUNDARY;
    this.held = false;
    this.have = 0;
    this.wanted = 0;
    this.type = 0;
    this.flags = 0;
    this.streamId = 0;
    this.length = 0;
    this.left = 0;
    this.padLeft = 0;
    this.padding = 0;
  }

  /** After a connection fault or {@link stop}: read() takes and drops everything. */
  get stopped(): boolean {
    return this.phase === STOPPED;
  }

  /** Bytes of memory kept between chunks: at most 1,032 and the limit of a field block. */
  get retainedBytes(): number {
    return this.scratch.length + this.block.bytes.length;
  }

  /** Stops before the next frame header; the frame under way is still finished. */
  hold(): void {
    this.held = true;
  }

  /** Lets the next read() go on. */
  release(): void {
    this.held = false;
  }

  /** Ends reading at once and for good: for a handler that finds a connection fault itself. */
  stop(): void {
    this.phase = STOPPED;
    this.block.close();
    this.block.trim();
  }

  /**
   * Parses `chunk[start, end)`.
   *
   * @param chunk - borrowed until return
   * @returns the offset reached: `end`, or less when held; the bytes from there on must come again
   */
  read(chunk: Buffer, start: number, end: number): number {
    let at = start;
    while (this.phase !== STOPPED) {
      if (this.phase === BOUNDARY) {
        if (at >= end || this.held) return at;
        at = this.readFrameHeader(chunk, at, end);
      } else {
        if (at >= end) return at;
        at = this.resume(chunk, at, end);
      }
    }
    return end;
  }

  private resume(chunk: Buffer, at: number, end: number): number {
    switch (this.phase) {
      case DATA:
        return this.readData(chunk, at, end);
      case HEADERS:
        return this.readHeaders(chunk, at, end);
      case CONTROL:
        return this.readControl(chunk, at, end);
      case SKIP:
        return this.skip(at, end, this.left);
      default:
        return this.readPreface(chunk, at, end);
    }
  }

  private readPreface(chunk: Buffer, at: number, end: number): number {
    const until = Math.min(end, at + CLIENT_PREFACE.length - this.have);
    const have = this.have + until - at;
    if (CLIENT_PREFACE.compare(chunk, at, until, this.have, have) !== 0) {
      this.report(BAD_PREFACE);
    } else if (have === CLIENT_PREFACE.length) {
      this.have = 0;
      this.phase = BOUNDARY;
    } else {
      this.have = have;
    }
    return until;
  }

  private readFrameHeader(chunk: Buffer, at: number, end: number): number {
    let from = chunk;
    let base = at;
    if (this.have !== 0 || end - at < FRAME_HEADER_LENGTH) {
      this.wanted = FRAME_HEADER_LENGTH;
      at = this.gather(chunk, at, end);
      if (this.have < FRAME_HEADER_LENGTH) return at;
      this.have = 0;
      from = this.scratch;
      base = 0;
    } else {
      at += FRAME_HEADER_LENGTH;
    }
    const length = ((from[base] ?? 0) << 16) | ((from[base + 1] ?? 0) << 8) | (from[base + 2] ?? 0);
    this.length = length;
    this.type = from[base + 3] ?? 0;
    this.flags = from[base + 4] ?? 0;
    this.streamId = readUint31(from, base + 5);
    if (length > this.maxFrameSize) {
      this.report(FRAME_TOO_LARGE);
      return at;
    }
    return this.openFrame(chunk, at, end);
  }

  /** The frame header is read; `chunk[at, end)` starts with what has come of its payload. */
  private openFrame(chunk: Buffer, at: number, end: number): number {
    const { streamId, flags, length } = this;
    if (this.block.streamId !== 0 && this.type !== FrameType.CONTINUATION) {
      this.report(BLOCK_INTERRUPTED);
      return at;
    }
    let fault: FrameFault | undefined;
    switch (this.type) {
      case FrameType.DATA:
        fault = dataFault(streamId, flags, length);
        if (fault !== undefined) break;
        return this.openData(chunk, at, end);
      case FrameType.HEADERS:
        fault = headersFault(streamId, flags, length);
        if (fault !== undefined) break;
        return this.openHeaders(chunk, at, end);
      case FrameType.CONTINUATION:
        return this.openContinuation(chunk, at, end);
      case FrameType.PUSH_PROMISE:
        fault = pushPromiseFault(streamId, flags, length);
        if (fault !== undefined) break;
        at = this.skip(at, end, length);
        this.handler.onPushPromise(streamId);
        return at;
      case FrameType.PRIORITY:
      case FrameType.RST_STREAM:
      case FrameType.SETTINGS:
      case FrameType.PING:
      case FrameType.GOAWAY:
      case FrameType.WINDOW_UPDATE:
        fault = controlFault(this.type, streamId, flags, length);
        if (fault !== undefined) break;
        return this.openControl(chunk, at, end);
      default:
        at = this.skip(at, end, length);
        this.handler.onUnknown(this.type, streamId);
        return at;
    }
    at = this.skip(at, end, length);
    this.report(fault);
    return at;
  }

  private openData(chunk: Buffer, at: number, end: number): number {
    this.phase = DATA;
    this.left = (this.flags & Flags.PADDED) !== 0 ? UNKNOWN : this.length;
    this.padLeft = 0;
    this.padding = 0;
    this.handler.onDataFrame(this.streamId, this.flags, this.length);
    return this.phase === DATA ? this.readData(chunk, at, end) : at;
  }

  private readData(chunk: Buffer, at: number, end: number): number {
    if (this.left === UNKNOWN) {
      if (at >= end) return at;
      this.padLeft = chunk[at++] ?? 0;
      this.padding = 1 + this.padLeft;
      this.left = this.length - this.padding;
      if (this.left < 0) {
        this.report(DATA_OVERPADDED);
        return at;
      }
    }
    const pieceEnd = Math.min(end, at + this.left);
    if (pieceEnd > at) {
      this.left -= pieceEnd - at;
      this.handler.onDataBytes(this.streamId, chunk, at, pieceEnd);
      if (this.phase !== DATA) return pieceEnd;
    }
    if (this.left !== 0) return pieceEnd;
    const padEnd = Math.min(end, pieceEnd + this.padLeft);
    this.padLeft -= padEnd - pieceEnd;
    if (this.padLeft !== 0) return padEnd;
    this.phase = BOUNDARY;
    this.handler.onDataEnd(this.streamId, this.flags, this.padding);
    return padEnd;
  }

  private openHeaders(chunk: Buffer, at: number, end: number): number {
    this.block.open(this.streamId, this.flags);
    if ((this.flags & Flags.END_HEADERS) !== 0 && end - at >= this.length) {
      if (this.readHeadersPrefix(chunk, at)) {
        const start = at + headersPrefixLength(this.flags);
        this.deliverBlock(chunk, start, start + this.left);
      }
      return at + this.length;
    }
    this.phase = HEADERS;
    this.wanted = headersPrefixLength(this.flags);
    this.left = UNKNOWN;
    return this.readHeaders(chunk, at, end);
  }

  private openContinuation(chunk: Buffer, at: number, end: number): number {
    const fault = this.block.continuationFault(this.streamId, this.length);
    if (fault !== undefined) {
      this.report(fault);
      return at;
    }
    this.phase = HEADERS;
    this.left = this.length;
    this.padLeft = 0;
    return this.readHeaders(chunk, at, end);
  }

  private readHeaders(chunk: Buffer, at: number, end: number): number {
    if (this.left === UNKNOWN) {
      at = this.gather(chunk, at, end);
      if (this.have < this.wanted) return at;
      this.have = 0;
      if (!this.readHeadersPrefix(this.scratch, 0)) return at;
    }
    const pieceEnd = Math.min(end, at + this.left);
    if (pieceEnd > at) this.block.append(chunk, at, pieceEnd);
    this.left -= pieceEnd - at;
    if (this.left !== 0) return pieceEnd;
    const padEnd = Math.min(end, pieceEnd + this.padLeft);
    this.padLeft -= padEnd - pieceEnd;
    if (this.padLeft !== 0) return padEnd;
    this.phase = BOUNDARY;
    if ((this.flags & Flags.END_HEADERS) !== 0) {
      this.deliverBlock(this.block.bytes, 0, this.block.length);
    }
    return padEnd;
  }

  /** Pad length and priority lie at `prefix[at]`; tells `left` and `padLeft`. False on a fault. */
  private readHeadersPrefix(prefix: Buffer, at: number): boolean {
    const flags = this.flags;
    this.padLeft = (flags & Flags.PADDED) !== 0 ? (prefix[at++] ?? 0) : 0;
    if ((flags & Flags.PRIORITY) !== 0) {
      this.block.selfDependent = dependsOnItself(prefix, at, this.streamId);
    }
    this.left = this.length - headersPrefixLength(flags) - this.padLeft;
    if (this.left < 0) {
      this.report(HEADERS_OVERPADDED);
      return false;
    }
    if (this.left > this.block.limit) {
      this.report(BLOCK_TOO_LARGE);
      return false;
    }
    return true;
  }

  private deliverBlock(bytes: Buffer, start: number, end: number): void {
    const { streamId, flags, selfDependent } = this.block;
    this.block.close();
    this.handler.onHeaders(streamId, flags, bytes, start, end);
    this.block.trim();
    if (selfDependent && this.phase !== STOPPED) this.report(HEADERS_SELF_DEPENDENT);
  }

  private openControl(chunk: Buffer, at: number, end: number): number {
    if (end - at >= this.length) {
      this.deliverControl(chunk, at);
      return at + this.length;
    }
    this.phase = CONTROL;
    this.wanted = Math.min(this.length, CONTROL_LENGTH);
    this.left = this.length;
    return this.readControl(chunk, at, end);
  }

  private readControl(chunk: Buffer, at: number, end: number): number {
    const from = at;
    at = this.gather(chunk, at, end);
    this.left -= at - from;
    if (this.have < this.wanted) return at;
    this.have = 0;
    at = this.skip(at, end, this.left);
    this.deliverControl(this.scratch, 0);
    return at;
  }

  private deliverControl(payload: Buffer, at: number): void {
    const { handler, type, streamId, flags, length, fromServer: server } = this;
    const fault = deliverControl(handler, type, streamId, flags, payload, at, length, server);
    if (fault !== undefined) this.report(fault);
  }

  /** Fills the scratch to `wanted` bytes as far as the chunk goes. */
  private gather(chunk: Buffer, at: number, end: number): number {
    while (this.have < this.wanted && at < end) this.scratch[this.have++] = chunk[at++] ?? 0;
    return at;
  }

  private skip(at: number, end: number, length: number): number {
    const skipEnd = Math.min(end, at + length);
    this.left = length - (skipEnd - at);
    this.phase = this.left === 0 ? BOUNDARY : SKIP;
    return skipEnd;
  }

  private report(fault: FrameFault): void {
    if (fault.scope === 'connection') {
      this.stop();
      this.handler.onConnectionFault(fault.errorCode, fault.reason, fault.limit);
    } else {
      this.handler.onStreamFault(this.streamId, fault.errorCode, fault.reason);
    }
  }
}
