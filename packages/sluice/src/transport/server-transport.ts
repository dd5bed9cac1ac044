// The server's end of a connection: request HEADERS, the stream limit, abuse budgets, drain.
// Invariants: `highestPeerStream` only rises; a handler's slot is taken before its stream is told
// of and given back when the handler is done, whatever the peer resets (CVE-2023-44487).
// RFC 9113 §5.1, §6.8; the order of checks is gRPC's. Not here: routing (server/).

import type { Duplex } from 'node:stream';
import { ErrorCode } from '../frames/error-code.ts';
import { SettingId } from '../frames/settings.ts';
import { encodeStatusMessage } from '../grpc/percent-encoding.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { Connection, type ConnectionRole } from './connection.ts';
import { type ControlItem, earlyAbortItem, pingItem } from './control-buffer.ts';
import type { DataItem } from './data-item.ts';
import { DrainSequence } from './drain-sequence.ts';
import { type ClosingError, connectionError } from './errors.ts';
import { ForeignStream } from './foreign-stream.ts';
import {
  DISPATCH_SLICE_MS,
  HANDSHAKE_TIMEOUT_MS,
  PREMATURE_RESET_AGE_MS,
  type ServerLimits,
} from './limits.ts';
import type { Schedule } from './loopy-writer.ts';
import type { OutStream } from './out-stream.ts';
import { PingPolicy } from './ping-policy.ts';
import { type HeadFault, parseRequestHead, type RequestHead } from './request-head.ts';
import { ResetBudget } from './reset-budget.ts';
import { ResponseHeaders } from './response-headers.ts';
import { ServerKeepalive, type ServerKeepaliveOptions } from './server-keepalive.ts';
import { ServerStream } from './server-stream.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { TransportStream } from './transport-stream.ts';

/** What the server hears of a connection. Must not throw. */
export interface ServerTransportListener {
  /** A call; the listener of the stream is to be set before this returns. */
  onStream(stream: ServerStream): void;
  onClosed(transport: ServerTransport, error: ClosingError): void;
}

export interface ServerTransportOptions {
  readonly socket: Duplex;
  readonly wheel: TimerWheel;
  readonly schedule: Schedule;
  readonly limits: ServerLimits;
  readonly maxHeaderList: number;
  readonly maxReceiveMessageLength: number;
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  readonly staticWindows: boolean;
  readonly keepalive: ServerKeepaliveOptions;
  /** Milliseconds between pings of the peer below which it earns a strike; default 5 min. */
  readonly minPingIntervalMs: number | undefined;
  /** Pings without open streams are held to the same interval, not to 2 h. */
  readonly permitPingsWithoutStream: boolean;
}

/** How often each limit of a connection acted. */
export interface ServerActed {
  streams: number;
  handlers: number;
  'queued-bytes': number;
  'exposure-bytes': number;
}

export class ServerTransport implements ConnectionRole, WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  readonly connection: Connection;
  readonly headers: ResponseHeaders;
  readonly maxReceiveMessageLength: number;
  readonly maxHeaderList: number;
  readonly limits: ServerLimits;
  readonly acted: ServerActed;
  /** Handlers running. */
  handlers: number;
  private readonly listener: ServerTransportListener;
  private readonly keepalive: ServerKeepalive;
  private readonly pings: PingPolicy;
  private readonly resets: ResetBudget;
  private readonly drainSequence: DrainSequence;
  private settled: boolean;
  private sliceStart: number;

  constructor(listener: ServerTransportListener, options: ServerTransportOptions) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.listener = listener;
    this.limits = options.limits;
    this.acted = { streams: 0, handlers: 0, 'queued-bytes': 0, 'exposure-bytes': 0 };
    this.handlers = 0;
    this.maxReceiveMessageLength = options.maxReceiveMessageLength;
    this.maxHeaderList = options.maxHeaderList;
    this.settled = false;
    this.sliceStart = 0;
    const { streams } = options.limits;
    const settings = [SettingId.MAX_HEADER_LIST_SIZE, options.maxHeaderList];
    if (streams !== Number.POSITIVE_INFINITY) {
      settings.unshift(SettingId.MAX_CONCURRENT_STREAMS, streams);
    }
    this.connection = new Connection(this, {
      socket: options.socket,
      wheel: options.wheel,
      schedule: options.schedule,
      server: true,
      settings,
      maxHeaderList: options.maxHeaderList,
      initialStreamWindow: options.initialStreamWindow,
      initialConnectionWindow: options.initialConnectionWindow,
      staticWindows: options.staticWindows,
      exposureBytes: options.limits.exposureBytes,
    });
    this.headers = new ResponseHeaders(this.connection.loopy.encoder);
    this.pings = new PingPolicy(options.minPingIntervalMs, options.permitPingsWithoutStream);
    this.resets = new ResetBudget();
    this.drainSequence = new DrainSequence(options.wheel, {
      sendGoAway: (lastStreamId, reason) => this.connection.announceEnd(lastStreamId, reason),
      sendPing: (high, low) => {
        this.put(pingItem(high, low));
      },
      highestStream: () => this.connection.highestPeerStream,
      openStreams: () => this.connection.streams.size,
      close: (reason) => this.close(reason),
    });
    this.keepalive = new ServerKeepalive(
      options.wheel,
      {
        sendPing: (high, low) => {
          this.put(pingItem(high, low));
        },
        close: (reason) => this.connection.fail(ErrorCode.NO_ERROR, reason),
        hasStreams: () => this.connection.streams.size > 0,
        gateClosed: () => this.connection.reader.gate === 'closed',
        drain: (reason) => this.drain(reason, Number.POSITIVE_INFINITY),
      },
      options.keepalive,
    );
    options.wheel.add(this, options.wheel.now() + HANDSHAKE_TIMEOUT_MS);
  }

  private put(item: ControlItem): void {
    this.connection.loopy.buffer.put(item);
  }

  /** The handshake took too long. */
  onTimer(): void {
    const text = `no HTTP/2 preface and SETTINGS within ${HANDSHAKE_TIMEOUT_MS} ms`;
    this.connection.fail(ErrorCode.SETTINGS_TIMEOUT, text);
  }

  // What streams do.

  putHead(out: OutStream): void {
    this.connection.loopy.putResponseHead(out, this.connection.queueTime());
  }

  appendData(out: OutStream, item: DataItem): boolean {
    return this.connection.loopy.appendData(out, item, this.connection.queueTime());
  }

  appendTrailers(out: OutStream, resetAfter: boolean): void {
    this.connection.loopy.appendTrailers(out, resetAfter, this.connection.queueTime());
  }

  credit(stream: ServerStream): void {
    this.connection.credit.onRead(stream);
  }

  reset(stream: ServerStream, errorCode: number): void {
    this.connection.resetStream(stream, errorCode, false);
  }

  /** Trailers are in the batch. */
  onEndWritten(stream: ServerStream): void {
    if (!stream.remoteEnded) this.connection.noteReset(stream.out.id);
    this.resets.completed();
    this.connection.removeStream(stream);
  }

  /** A handler is done; its slot may be taken again. */
  handlerDone(): void {
    this.handlers -= 1;
  }

  // The end.

  /**
   * Graceful: no new streams, open ones finish, then the connection closes.
   * @param graceMs after which it closes regardless
   */
  drain(reason: string, graceMs: number): void {
    this.drainSequence.start(reason, graceMs);
  }

  close(reason: string): void {
    const error = connectionError(ErrorCode.NO_ERROR, 'local', reason);
    this.connection.end(error, ErrorCode.NO_ERROR, reason);
  }

  // ConnectionRole.

  onHeaders(streamId: number, block: HeaderBlock, endStream: boolean): void {
    const stream = this.connection.streams.get(streamId);
    if (stream !== undefined) {
      this.onTrailers(streamId, stream, block, endStream);
    } else if (streamId % 2 === 0) {
      this.connection.fail(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${streamId}, an even id`);
    } else if (streamId > this.connection.highestPeerStream) {
      this.connection.highestPeerStream = streamId;
      this.onRequest(streamId, block, endStream);
    } else {
      this.onLateHeaders(streamId);
    }
  }

  private onTrailers(
    streamId: number,
    stream: TransportStream,
    block: HeaderBlock,
    endStream: boolean,
  ): void {
    if (stream.remoteEnded) {
      const text = `HEADERS after the end of stream ${streamId}`;
      this.connection.faultStream(streamId, ErrorCode.STREAM_CLOSED, text);
    } else if (!endStream || block.fields.some((name, i) => i % 2 === 0 && name.startsWith(':'))) {
      const text = 'a second HEADERS that is no trailers';
      this.connection.faultStream(streamId, ErrorCode.PROTOCOL_ERROR, text);
    } else {
      stream.onHeaders(block, endStream);
    }
  }

  private onLateHeaders(streamId: number): void {
    if (this.connection.wasResetByUs(streamId)) return;
    if (this.connection.wasOpen(streamId)) {
      this.connection.fail(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${streamId}`);
    } else {
      const highest = this.connection.highestPeerStream;
      const text = `HEADERS on stream ${streamId}, which is not above ${highest}`;
      this.connection.fail(ErrorCode.PROTOCOL_ERROR, text);
    }
  }

  private onRequest(streamId: number, block: HeaderBlock, endStream: boolean): void {
    const { connection, limits } = this;
    if (this.drainSequence.refuses(streamId)) {
      connection.putReset(streamId, ErrorCode.REFUSED_STREAM, true);
      return;
    }
    if (block.tooLarge) {
      const text = `request headers of ${block.listSize} bytes exceed the limit of ${this.maxHeaderList}`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
      return;
    }
    const head = headOf(block);
    if (head.kind !== 'head' && precedesLimits(head)) {
      this.refuseHead(streamId, head, endStream);
    } else if (connection.streams.size >= limits.streams) {
      this.acted.streams += 1;
      connection.putReset(streamId, ErrorCode.REFUSED_STREAM, true);
    } else if (!connection.credit.inbound.admits) {
      this.acted['exposure-bytes'] += 1;
      connection.putReset(streamId, ErrorCode.REFUSED_STREAM, true);
    } else if (head.kind !== 'head') {
      this.refuseHead(streamId, head, endStream);
    } else if (head.timeoutMs === 0) {
      this.abort(streamId, 200, Status.DEADLINE_EXCEEDED, 'expired on arrival', endStream);
    } else if (this.handlers >= limits.handlers) {
      this.acted.handlers += 1;
      const text = `refused by the handlers limit: ${this.handlers} of ${limits.handlers} run on this connection`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
    } else if (this.queuedBytes >= limits.queuedBytes) {
      this.acted['queued-bytes'] += 1;
      const text = `refused by the queued-bytes limit: ${this.queuedBytes} of ${limits.queuedBytes} bytes of responses wait for the client to read`;
      this.abort(streamId, 200, Status.RESOURCE_EXHAUSTED, text, endStream);
    } else {
      this.open(streamId, head, endStream);
    }
  }

  private open(streamId: number, head: RequestHead, endStream: boolean): void {
    const { credit, nowMs } = this.connection;
    const stream = new ServerStream(this, streamId, head, credit.inbound.enforced, nowMs);
    this.connection.addStream(stream, streamId);
    if (this.connection.streams.size === 1) this.keepalive.onStreamsChanged();
    this.handlers += 1;
    this.listener.onStream(stream);
    if (endStream) stream.onRemoteEnd();
    // A burst of calls gives the event loop a turn between slices of work.
    if (this.connection.wheel.now() - this.sliceStart > DISPATCH_SLICE_MS) {
      this.connection.reader.yieldTurn();
    }
  }

  /** Bytes of responses that wait for the peer. */
  get queuedBytes(): number {
    return this.connection.loopy.buffer.bytes + this.connection.socketBytes;
  }

  /** How full each limit is. */
  depths(): [keyof ServerActed, number][] {
    return [
      ['streams', this.connection.streams.size],
      ['handlers', this.handlers],
      ['queued-bytes', this.queuedBytes],
      ['exposure-bytes', this.connection.credit.inbound.exposure],
    ];
  }

  private refuseHead(streamId: number, fault: HeadFault, endStream: boolean): void {
    if (fault.kind === 'rst') {
      this.connection.faultStream(streamId, fault.errorCode, fault.text);
    } else if (fault.kind === 'foreign') {
      const stream = new ForeignStream(
        this,
        streamId,
        fault,
        this.connection.credit.inbound.enforced,
      );
      this.connection.addStream(stream, streamId);
      if (endStream) stream.onRemoteEnd();
    } else {
      const httpStatus = fault.kind === 'http' ? fault.httpStatus : 200;
      this.abort(streamId, httpStatus, fault.grpcStatus, fault.text, endStream);
    }
  }

  private abort(id: number, http: number, code: Status, text: string, endStream: boolean): void {
    const fields: HeaderFields = [
      ':status',
      String(http),
      'content-type',
      'application/grpc',
      'grpc-status',
      String(code),
      'grpc-message',
      encodeStatusMessage(text),
    ];
    if (endStream) this.connection.noteEnd(id);
    else this.connection.noteReset(id);
    this.put(earlyAbortItem(id, fields, !endStream));
    this.connection.replyQueued();
  }

  isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.connection.highestPeerStream;
  }

  onSettings(first: boolean): void {
    if (!first) return;
    this.settled = true;
    this.connection.wheel.remove(this);
    this.keepalive.start();
  }

  onMaxConcurrentStreams(_value: number): void {}

  onGoAway(_lastStreamId: number, _errorCode: number, _debugData: string): void {
    // The client opens no more streams; open ones finish and it closes the connection.
  }

  onPing(): boolean {
    const tooMany = this.pings.onPing(this.connection.nowMs, this.connection.streams.size > 0);
    if (tooMany) this.connection.fail(ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings');
    return !tooMany;
  }

  onPingAck(high: number, low: number): void {
    if (!this.drainSequence.onPingAck(high, low)) this.keepalive.onPingAck(high, low);
  }

  onRead(): void {
    this.sliceStart = this.connection.nowMs;
    this.keepalive.onRead();
  }

  onCallBytes(): void {
    this.pings.onSentHeadersOrData();
  }

  onTurnEnd(): void {}

  onPrematureReset(stream: TransportStream | undefined): boolean {
    const bornMs = stream instanceof ServerStream ? stream.openedMs : this.connection.nowMs;
    if (this.connection.nowMs - bornMs >= PREMATURE_RESET_AGE_MS) return true;
    if (this.resets.take()) return true;
    const text = 'far more streams were reset than calls completed';
    this.connection.fail(ErrorCode.ENHANCE_YOUR_CALM, text);
    return false;
  }

  onStreamClosed(_stream: TransportStream): void {
    if (this.connection.streams.size > 0) return;
    this.keepalive.onStreamsChanged();
    this.drainSequence.onIdle();
  }

  onClosed(error: ClosingError): void {
    this.connection.wheel.remove(this);
    this.keepalive.stop();
    this.drainSequence.stop();
    this.listener.onClosed(this, error);
  }

  get state(): 'handshaking' | 'ready' | 'draining' | 'closed' {
    if (this.connection.closedBy !== undefined) return 'closed';
    if (this.drainSequence.started) return 'draining';
    return this.settled ? 'ready' : 'handshaking';
  }
}

// What a request block was parsed into, remembered with the block. Only this side sets it.
class ParsedRequest {
  readonly head: RequestHead | HeadFault;

  constructor(head: RequestHead | HeadFault) {
    this.head = head;
  }
}

function headOf(block: HeaderBlock): RequestHead | HeadFault {
  if (block.derived instanceof ParsedRequest) return block.derived.head;
  const made = new ParsedRequest(parseRequestHead(block.fields));
  block.derived = made;
  return made.head;
}

/** Faults that are told even to a peer past its stream limit; a wrong method or path is not. */
function precedesLimits(fault: HeadFault): boolean {
  return fault.kind === 'rst' || (fault.kind === 'http' && fault.httpStatus !== 405);
}
