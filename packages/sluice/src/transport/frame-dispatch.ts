// What each received frame does to a connection and its streams (RFC 9113 §5, §6).
// Invariants: a field block is always decoded, or HPACK falls out of step; DATA is charged to the
// connection's window whether or not its stream is known; no frame makes it throw.
// Not here: the syntax of frames (frames/), the meaning of HEADERS (the transports).

import { ErrorCode } from '../frames/error-code.ts';
import { Flags } from '../frames/flags.ts';
import type { FrameHandler } from '../frames/frame-handler.ts';
import { SETTING_LENGTH, SettingId, settingId, settingValue } from '../frames/settings.ts';
import { HpackDecoder } from '../hpack/decoder.ts';
import type { Connection, ConnectionRole } from './connection.ts';
import { tellGoAway, tellReady } from './connection-events.ts';
import { pingAckItem, settingsAckItem } from './control-buffer.ts';
import { HEADER_TABLE_SIZE, MAX_EMPTY_DATA, MAX_HEADER_LIST_HARD, MAX_WINDOW } from './limits.ts';
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
  private emptyData: number;

  constructor(connection: Connection, role: ConnectionRole, maxHeaderList: number) {
    this.connection = connection;
    this.role = role;
    this.decoder = new HpackDecoder(HEADER_TABLE_SIZE, maxHeaderList);
    this.settled = false;
    this.current = undefined;
    this.emptyData = 0;
  }

  private expectSettings(): boolean {
    if (this.settled) return false;
    this.connection.fail(
      ErrorCode.PROTOCOL_ERROR,
      'the first frame of a connection must be SETTINGS',
    );
    return true;
  }

  /** Frames on a stream nobody opened end the connection; on one that is over they are counted. */
  private unknownStream(streamId: number, what: string): void {
    if (this.role.isIdle(streamId)) {
      this.connection.fail(ErrorCode.PROTOCOL_ERROR, `${what} on idle stream ${streamId}`);
    }
  }

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.current = undefined;
    if (this.expectSettings()) return;
    if (!this.takeConnectionCredit(length, flags)) return;
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) {
      this.dataOnClosed(streamId);
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

  private takeConnectionCredit(length: number, flags: number): boolean {
    if (length === 0 && (flags & Flags.END_STREAM) === 0) {
      this.emptyData += 1;
      if (this.emptyData > MAX_EMPTY_DATA) {
        this.connection.fail(
          ErrorCode.ENHANCE_YOUR_CALM,
          `${this.emptyData} DATA frames without data`,
        );
        return false;
      }
    } else if (this.emptyData > 0) {
      this.emptyData -= 1;
    }
    if (this.connection.credit.onConnectionData(length)) return true;
    const { limit } = this.connection.credit.flow;
    const text = `${length} bytes of DATA overran the connection window of ${limit}`;
    this.connection.fail(ErrorCode.FLOW_CONTROL_ERROR, text);
    return false;
  }

  private dataOnClosed(streamId: number): void {
    this.unknownStream(streamId, 'DATA');
    if (this.connection.closedBy !== undefined || this.connection.ended.wasResetByUs(streamId))
      return;
    if (this.connection.ended.wasOpen(streamId)) {
      // It was the peer who ended or reset the stream, so no frame of its can have crossed ours.
      this.connection.fail(ErrorCode.STREAM_CLOSED, `DATA on closed stream ${streamId}`);
      return;
    }
    if (this.role.onPrematureReset(undefined)) {
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
    // A message in this frame may have made its receiver end the stream.
    if (stream === undefined || stream.out.state === OutState.gone) return;
    const ended = (flags & Flags.END_STREAM) !== 0;
    if (ended) stream.remoteEnded = true;
    if (padding > 0) this.connection.credit.onDone(stream, padding);
    this.connection.credit.onRead(stream);
    if (ended) stream.onRemoteEnd();
    else this.connection.credit.grow(stream);
  }

  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void {
    if (this.expectSettings()) return;
    const decoded = this.decoder.decode(block, start, end);
    if (decoded === undefined) {
      this.connection.fail(ErrorCode.COMPRESSION_ERROR, this.decoder.fault);
    } else if (decoded.listSize > MAX_HEADER_LIST_HARD) {
      this.connection.fail(
        ErrorCode.ENHANCE_YOUR_CALM,
        `a header list of ${decoded.listSize} bytes, the limit is ${MAX_HEADER_LIST_HARD}`,
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
      this.unknownStream(streamId, 'RST_STREAM');
      this.connection.ended.notePeerReset(streamId);
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
    for (let at = start; at < end; at += SETTING_LENGTH) {
      this.applySetting(settingId(payload, at), settingValue(payload, at));
      if (this.connection.closedBy !== undefined) return;
    }
    this.connection.loopy.buffer.put(settingsAckItem());
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
      case SettingId.HEADER_TABLE_SIZE:
        this.connection.loopy.encoder.setPeerTableSize(value);
        return;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.connection.peerMaxStreams = value;
        return;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.connection.peerMaxHeaderList = value;
        return;
      case SettingId.INITIAL_WINDOW_SIZE:
        this.applyInitialWindow(value);
        return;
      default:
    }
  }

  private applyInitialWindow(value: number): void {
    let overflow = false;
    this.connection.streams.forEach((stream) => {
      if (value - stream.out.bytesOutstanding > MAX_WINDOW) overflow = true;
    });
    if (overflow) {
      this.connection.fail(
        ErrorCode.FLOW_CONTROL_ERROR,
        `INITIAL_WINDOW_SIZE ${value} overflows a window`,
      );
      return;
    }
    this.connection.loopy.setOutgoingInitialWindow(value);
  }

  onSettingsAck(): void {
    if (this.expectSettings()) return;
    // An acknowledgement of nothing is harmless; one of ours lets its window be enforced.
    this.connection.credit.onSettingsAck();
  }

  onPing(ack: boolean, high: number, low: number): void {
    if (this.expectSettings()) return;
    if (!ack) {
      if (!this.role.onPing()) return;
      this.connection.loopy.buffer.put(pingAckItem(high, low));
      this.connection.replyQueued();
    } else if (this.connection.credit.bdp.isBdpPing(high, low)) {
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
      if (!this.connection.loopy.incomingConnectionCredit(increment)) {
        this.connection.fail(
          ErrorCode.FLOW_CONTROL_ERROR,
          `WINDOW_UPDATE ${increment} overflows the connection`,
        );
      }
      return;
    }
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) {
      this.unknownStream(streamId, 'WINDOW_UPDATE');
    } else if (!this.connection.loopy.incomingStreamCredit(stream.out, increment)) {
      const text = `WINDOW_UPDATE ${increment} overflows the stream's window`;
      this.connection.faultStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, text);
    }
  }

  onPushPromise(_streamId: number): void {
    this.connection.fail(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, though push is disabled');
  }

  onUnknown(_type: number, _streamId: number): void {
    this.expectSettings();
  }

  onConnectionFault(errorCode: number, reason: string): void {
    const isSilent = this.settled || this.connection.server;
    const hint = isSilent ? '' : '; does the peer speak HTTP/1.1 or TLS on this port?';
    this.connection.fail(asErrorCode(errorCode), reason + hint);
  }

  onStreamFault(streamId: number, errorCode: number, reason: string): void {
    if (this.expectSettings()) return;
    const known = this.connection.streams.get(streamId) !== undefined;
    if (!known) this.unknownStream(streamId, 'a faulty frame');
    if (this.connection.closedBy !== undefined) return;
    this.connection.faultStream(streamId, asErrorCode(errorCode), reason);
  }
}

/** Codes from the frame layer are from RFC 9113 §7 already; the type says so here. */
function asErrorCode(code: number): ErrorCode {
  const known = Object.values(ErrorCode).find((value) => value === code);
  return known ?? ErrorCode.INTERNAL_ERROR;
}
