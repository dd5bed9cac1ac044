// What each received frame does to a connection and its streams (RFC 9113 §5, §6).
// Invariants: a field block is always decoded, or HPACK falls out of step; DATA is charged to the
// connection's window whether or not its stream is known; no frame makes it throw.
// Not here: the syntax of frames (frames/), the meaning of HEADERS (the transports).

import { ErrorCode } from '../frames/error-code.ts';
import { Flags } from '../frames/flags.ts';
import type { FrameLimit } from '../frames/frame-fault.ts';
import type { FrameHandler } from '../frames/frame-handler.ts';
import {
  MAX_SETTINGS_ENTRIES,
  SETTING_LENGTH,
  SettingId,
  settingId,
  settingValue,
} from '../frames/settings.ts';
import { HpackDecoder } from '../hpack/decoder.ts';
import type { Connection, ConnectionRole } from './connection.ts';
import { tellGoAway, tellReady } from './connection-events.ts';
import { pingAckItem, settingsAckItem } from './control-buffer.ts';
import {
  DRIPPING_CREDIT,
  FRAMES_PER_LOOK,
  HEADER_TABLE_SIZE,
  MAX_CONTINUATIONS,
  MAX_EMPTY_DATA,
  MAX_HEADER_BLOCK,
  MAX_HEADER_LIST_HARD,
  MAX_WINDOW,
  SMALL_CHUNK,
  TINY_CREDIT,
} from './limits.ts';
import { OutState } from './out-stream.ts';
import type { TransportStream } from './transport-stream.ts';

export class FrameDispatch implements FrameHandler {
  private readonly connection: Connection;
  private readonly role: ConnectionRole;
  private readonly decoder: HpackDecoder;
  // The peer's first SETTINGS came.
  private settled: boolean;
  // The stream of the DATA frame whose bytes are coming.
  private current: TransportStream | undefined;
  /** Bytes of the DATA frame, padding included. */
  private dataLength: number;
  /** DATA frames without data, beyond those with some. */
  emptyData: number;
  /** DATA frames until the reader asks whether the turn has had its share. */
  private framesToShare: number;

  constructor(connection: Connection, role: ConnectionRole, maxHeaderList: number) {
    this.connection = connection;
    this.role = role;
    this.decoder = new HpackDecoder(HEADER_TABLE_SIZE, maxHeaderList);
    this.settled = false;
    this.current = undefined;
    this.dataLength = 0;
    this.emptyData = 0;
    this.framesToShare = FRAMES_PER_LOOK;
  }

  private expectSettings(): boolean {
    if (this.settled) return false;
    this.connection.fail(
      ErrorCode.PROTOCOL_ERROR,
      'the first frame of a connection must be SETTINGS',
    );
    return true;
  }

  /** A frame on a stream that nobody opened ends the connection. True when it does. */
  private isIdle(streamId: number, what: string): boolean {
    if (!this.role.isIdle(streamId)) return false;
    this.connection.fail(ErrorCode.PROTOCOL_ERROR, `${what} on idle stream ${streamId}`);
    return true;
  }

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.current = undefined;
    if (this.expectSettings()) return;
    this.dataLength = length;
    this.framesToShare -= 1;
    if (this.framesToShare === 0) {
      this.framesToShare = FRAMES_PER_LOOK;
      this.connection.reader.shareTurn();
    }
    // What is padded is judged at its end.
    if ((flags & Flags.PADDED) === 0 && !this.movesData(length, flags)) return;
    if (!this.takeConnectionCredit(length)) return;
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) {
      this.dataOnClosed(streamId, length);
      this.connection.credit.onDropped(length);
    } else if (stream.remoteEnded) {
      const text = 'the peer sent DATA after END_STREAM';
      this.connection.faultStream(streamId, ErrorCode.STREAM_CLOSED, text);
    } else if (!this.connection.credit.onStreamData(stream, length)) {
      const text = `the peer sent ${length} bytes with ${stream.inFlow.available()} of its window left`;
      this.connection.faultStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, text);
    } else if (!stream.acceptsData()) {
      const text = 'the peer sent DATA before its response HEADERS';
      this.connection.faultStream(streamId, ErrorCode.PROTOCOL_ERROR, text);
    } else {
      stream.inFlow.dataMs = this.connection.readMs;
      this.current = stream;
    }
  }

  /** A DATA frame has so many bytes without its padding; false when it was one too many of none. */
  private movesData(bytes: number, flags: number): boolean {
    if (bytes > 0) {
      if (this.emptyData > 0) this.emptyData -= 1;
      return true;
    }
    if ((flags & Flags.END_STREAM) !== 0) return true;
    this.emptyData += 1;
    if (this.emptyData <= MAX_EMPTY_DATA) return true;
    this.connection.limits.end(
      'empty-data',
      `empty-data: ${this.emptyData} DATA frames without data, ${MAX_EMPTY_DATA} is the limit beyond those with data; send data, or END_STREAM`,
    );
    return false;
  }

  private takeConnectionCredit(length: number): boolean {
    if (this.connection.credit.onConnectionData(length)) return true;
    const { limit } = this.connection.credit.flow;
    const text = `${length} bytes of DATA overran the connection window of ${limit}`;
    this.connection.fail(ErrorCode.FLOW_CONTROL_ERROR, text);
    return false;
  }

  private dataOnClosed(streamId: number, length: number): void {
    if (this.isIdle(streamId, 'DATA')) return;
    const { ended, limits } = this.connection;
    if (ended.wasResetByUs(streamId)) {
      if (limits.isUnexpected(length)) limits.glitch();
    } else if (ended.wasOpen(streamId)) {
      // It was the peer who ended or reset the stream, so no frame of its can have crossed ours.
      this.connection.fail(ErrorCode.STREAM_CLOSED, `DATA on closed stream ${streamId}`);
    } else if (!limits.isUnexpected(length) || limits.takeReset(undefined)) {
      // Forgotten, and one of many that we ended, as long as so much may be on its way.
      this.connection.putReset(streamId, ErrorCode.STREAM_CLOSED, true);
    }
  }

  onDataBytes(_streamId: number, chunk: Buffer, start: number, end: number): void {
    const stream = this.current;
    if (stream === undefined) return;
    if (stream.onForeignBytes(chunk, start, end)) {
      this.connection.credit.onDone(stream, end - start);
      return;
    }
    stream.messages.push(chunk, start, end);
  }

  onDataEnd(_streamId: number, flags: number, padding: number): void {
    const stream = this.current;
    this.current = undefined;
    if (padding > 0 && !this.movesData(this.dataLength - padding, flags)) return;
    // A message in this frame may have made its receiver end the stream.
    if (stream === undefined || stream.out.state === OutState.gone) return;
    const ended = (flags & Flags.END_STREAM) !== 0;
    if (ended) stream.remoteEnded = true;
    if (padding > 0) this.connection.credit.onDone(stream, padding);
    this.connection.credit.onRead(stream);
    if (ended) stream.onRemoteEnd();
  }

  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void {
    if (this.expectSettings()) return;
    const decoded = this.decoder.decode(block, start, end);
    if (end - start > SMALL_CHUNK) this.connection.reader.shareTurn();
    if (decoded === undefined) {
      this.connection.fail(ErrorCode.COMPRESSION_ERROR, this.decoder.fault);
    } else if (decoded.listSize > MAX_HEADER_LIST_HARD) {
      this.connection.limits.end(
        'header-list-hard',
        `header-list-hard: a header list of ${decoded.listSize} bytes, ${MAX_HEADER_LIST_HARD} is the limit; send less metadata`,
      );
    } else {
      this.role.onHeaders(streamId, decoded, (flags & Flags.END_STREAM) !== 0);
    }
  }

  onPriority(_streamId: number): void {
    this.expectSettings();
  }

  onRstStream(streamId: number, errorCode: number): void {
    if (this.expectSettings()) return;
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId, 'RST_STREAM')) return;
      this.connection.ended.notePeerReset(streamId);
      this.role.onLateReset(streamId);
      return;
    }
    const calm = this.role.onPrematureReset(stream);
    if (!calm) return;
    if (stream.remoteEnded && !this.connection.server) {
      // Behind a whole response it only says that the server reads no more of us.
      this.connection.loopy.cleanup(stream.out);
      return;
    }
    this.connection.removeStream(stream);
    this.connection.ended.noteEnd(streamId);
    stream.onReset(errorCode);
  }

  onSettings(payload: Buffer, start: number, end: number): void {
    // All but the first are work for every stream, and a peer has little to change.
    if (this.settled && !this.connection.limits.glitch()) return;
    let window = -1;
    let leastTable = -1;
    let table = -1;
    for (let at = start; at < end; at += SETTING_LENGTH) {
      const id = settingId(payload, at);
      const value = settingValue(payload, at);
      // The last one counts, and every stream is looked at once.
      if (id === SettingId.INITIAL_WINDOW_SIZE) window = value;
      else if (id === SettingId.HEADER_TABLE_SIZE) {
        leastTable = table < 0 ? value : Math.min(leastTable, value);
        table = value;
      } else this.applySetting(id, value);
    }
    if (window >= 0 && !this.applyInitialWindow(window)) return;
    this.connection.loopy.buffer.put(settingsAckItem(leastTable, table));
    this.connection.replyQueued();
    const first = !this.settled;
    this.settled = true;
    if (first) {
      this.connection.wasReady = true;
      tellReady(this.connection);
    }
    this.role.onSettings(first);
  }

  private applySetting(id: number, value: number): void {
    switch (id) {
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.connection.peerMaxStreams = value;
        return;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.connection.peerMaxHeaderList = value;
        return;
      default:
    }
  }

  private applyInitialWindow(value: number): boolean {
    let overflow = false;
    this.connection.streams.forEach((stream) => {
      if (value - stream.out.bytesOutstanding > MAX_WINDOW) overflow = true;
    });
    if (overflow) {
      this.connection.fail(
        ErrorCode.FLOW_CONTROL_ERROR,
        `INITIAL_WINDOW_SIZE ${value} overflows a window`,
      );
      return false;
    }
    this.connection.loopy.setOutgoingInitialWindow(value);
    return true;
  }

  onSettingsAck(): void {
    if (this.expectSettings()) return;
    // An acknowledgement of nothing is harmless; one of ours lets its window be enforced.
    if (!this.connection.credit.onSettingsAck()) this.connection.limits.glitch();
  }

  onPing(ack: boolean, high: number, low: number): void {
    if (this.expectSettings()) return;
    if (!ack) {
      if (!this.role.onPing()) return;
      this.connection.loopy.buffer.put(pingAckItem(high, low));
      this.connection.replyQueued();
      return;
    }
    if (this.connection.pingsOut === 0) {
      this.connection.limits.glitch();
      return;
    }
    this.connection.pingsOut -= 1;
    if (this.connection.credit.bdp.isBdpPing(high, low)) {
      this.connection.credit.onBdpAck(this.connection.wheel.now());
    } else {
      this.role.onPingAck(high, low);
    }
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void {
    if (this.expectSettings()) return;
    this.connection.goAwayCode = errorCode;
    tellGoAway(this.connection, 'received', lastStreamId, errorCode, debugData);
    this.role.onGoAway(lastStreamId, errorCode, debugData);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (this.expectSettings()) return;
    if (streamId === 0) {
      const { loopy } = this.connection;
      if (increment < DRIPPING_CREDIT && loopy.sendQuota <= 0 && loopy.active.size > 0) {
        if (!this.drip(increment)) return;
      }
      if (!loopy.incomingConnectionCredit(increment)) {
        this.connection.fail(
          ErrorCode.FLOW_CONTROL_ERROR,
          `WINDOW_UPDATE ${increment} overflows the connection`,
        );
      }
      return;
    }
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) {
      if (!this.isIdle(streamId, 'WINDOW_UPDATE')) this.lateCredit(increment);
      return;
    }
    if (increment < DRIPPING_CREDIT && stream.out.state === OutState.waitingOnStreamQuota) {
      if (!this.drip(increment)) return;
    }
    if (!this.connection.loopy.incomingStreamCredit(stream.out, increment)) {
      const text = `WINDOW_UPDATE ${increment} overflows the stream's window`;
      this.connection.faultStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, text);
    }
  }

  private lateCredit(increment: number): void {
    const { limits, loopy } = this.connection;
    // No reset is due for a stream that is over, but nobody gives such credit in good faith.
    const overflows = increment > MAX_WINDOW - loopy.outgoingInitialWindow;
    if (overflows) limits.takeReset(undefined);
    else limits.lateFrame(1);
  }

  /** Something waits for credit, and gets a few bytes of it. False when that was once too often. */
  private drip(increment: number): boolean {
    this.connection.progress.onDrip();
    return increment >= TINY_CREDIT || this.connection.limits.glitch();
  }

  onPushPromise(_streamId: number): void {
    this.connection.fail(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, though push is disabled');
  }

  onUnknown(_type: number, _streamId: number): void {
    this.expectSettings();
  }

  onConnectionFault(errorCode: number, reason: string, limit: FrameLimit | undefined): void {
    if (limit !== undefined) {
      this.connection.limits.end(limit, LIMIT_TEXTS[limit]);
      return;
    }
    const isSilent = this.settled || this.connection.server;
    const hint = isSilent ? '' : '; does the peer speak HTTP/1.1 or TLS on this port?';
    this.connection.fail(asErrorCode(errorCode), reason + hint);
  }

  onStreamFault(streamId: number, errorCode: number, reason: string): void {
    if (this.expectSettings()) return;
    const known = this.connection.streams.get(streamId) !== undefined;
    if (!known && this.isIdle(streamId, 'a faulty frame')) return;
    this.connection.faultStream(streamId, asErrorCode(errorCode), reason);
  }
}

const LIMIT_TEXTS: Readonly<Record<FrameLimit, string>> = {
  continuations: `continuations: a field block in more than ${MAX_CONTINUATIONS} CONTINUATION frames; fill them, or send less metadata`,
  'header-block': `header-block: a field block of more than ${MAX_HEADER_BLOCK} bytes; send less metadata`,
  'settings-entries': `settings-entries: SETTINGS with more than ${MAX_SETTINGS_ENTRIES} entries; send each once`,
};

/** Codes from the frame layer are from RFC 9113 §7 already; the type says so here. */
function asErrorCode(code: number): ErrorCode {
  const known = Object.values(ErrorCode).find((value) => value === code);
  return known ?? ErrorCode.INTERNAL_ERROR;
}
