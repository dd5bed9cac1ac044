// The server's end of a connection: its calls, handler slots, abuse budgets, keepalive, drain.
// Invariant: a handler's slot is taken before its stream is told of, and given back when the handler
// is done, whatever the peer resets (CVE-2023-44487). RFC 9113 §6.8.
// Not here: which request HEADERS become calls (request-intake.ts), routing (server/).

import type { Duplex } from 'node:stream';
import { ErrorCode } from '../frames/error-code.ts';
import { SettingId } from '../frames/settings.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { LimitReading } from './admission.ts';
import { Connection, type ConnectionRole } from './connection.ts';
import { tellDraining } from './connection-events.ts';
import { pingItem } from './control-buffer.ts';
import type { DataItem } from './data-item.ts';
import { DrainSequence } from './drain-sequence.ts';
import { type ClosingError, connectionError } from './errors.ts';
import type { Schedule } from './event-loop.ts';
import type { LimitName } from './limit-table.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_CAUSED_RESETS,
  MAX_PREMATURE_RESETS,
  MAX_QUEUED_ITEMS,
  PREMATURE_RESET_AGE_MS,
  type ServerLimits,
  SMALL_HEADER_LIST,
} from './limits.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { OutStream } from './out-stream.ts';
import { PingPolicy } from './ping-policy.ts';
import type { RequestHead } from './request-head.ts';
import { RequestIntake } from './request-intake.ts';
import { ResetBudget } from './reset-budget.ts';
import { ResetWatch } from './reset-watch.ts';
import { ResponseHeaders } from './response-headers.ts';
import { ServerKeepalive, type ServerKeepaliveOptions } from './server-keepalive.ts';
import { serverReading } from './server-limits.ts';
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
  /** Of the server, over its connections; default one that has seen nothing. */
  readonly resets?: ResetWatch | undefined;
  /** Default the one of this process. */
  readonly budget?: MemoryBudget | undefined;
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
  readonly intake: RequestIntake;
  /** Handlers running. */
  handlers: number;
  /** Bytes of requests that handlers were given and may still hold. */
  deliveredBytes: number;
  /** Bytes of large request headers that open calls hold. */
  headBytes: number;
  /** Streams that were answered to their end, since the connection was made. */
  streamsEnded: number;
  private readonly listener: ServerTransportListener;
  private readonly keepalive: ServerKeepalive;
  readonly pings: PingPolicy;
  /** Resets by the client of calls that had not ended. */
  readonly prematureResets: ResetBudget;
  private readonly resets: ResetWatch;
  private readonly drainSequence: DrainSequence;
  private settled: boolean;

  constructor(listener: ServerTransportListener, options: ServerTransportOptions) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.listener = listener;
    this.limits = options.limits;
    this.handlers = 0;
    this.deliveredBytes = 0;
    this.headBytes = 0;
    this.streamsEnded = 0;
    this.maxReceiveMessageLength = options.maxReceiveMessageLength;
    this.maxHeaderList = options.maxHeaderList;
    this.settled = false;
    this.resets = options.resets ?? new ResetWatch();
    const nowMs = options.wheel.now();
    const { streams } = options.limits;
    const settings = [SettingId.MAX_HEADER_LIST_SIZE, options.maxHeaderList];
    // More than SETTINGS can express is no limit.
    if (streams <= 0xffff_ffff) {
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
      queuedBytes: options.limits.queuedBytes,
      causedResets: this.resets.allowed(MAX_CAUSED_RESETS, nowMs),
      budget: options.budget,
    });
    this.headers = new ResponseHeaders(this.connection.loopy.encoder);
    this.pings = new PingPolicy(options.minPingIntervalMs, options.permitPingsWithoutStream);
    this.prematureResets = new ResetBudget(this.resets.allowed(MAX_PREMATURE_RESETS, nowMs));
    this.drainSequence = new DrainSequence(options.wheel, {
      sendGoAway: (lastStreamId, reason) => this.connection.announceEnd(lastStreamId, reason),
      sendPing: (high, low) => {
        this.connection.loopy.buffer.put(pingItem(high, low));
      },
      highestStream: () => this.connection.highestPeerStream,
      openStreams: () => this.connection.streams.size,
      close: (reason) => this.close(reason),
    });
    this.intake = new RequestIntake(this, this.drainSequence);
    this.keepalive = new ServerKeepalive(
      options.wheel,
      {
        sendPing: (high, low) => {
          this.connection.loopy.buffer.put(pingItem(high, low));
        },
        close: (reason) => this.connection.fail(ErrorCode.NO_ERROR, reason),
        hasStreams: () => this.connection.streams.size > 0,
        gateClosed: () => this.connection.reader.gate === 'closed',
        drain: (reason) => this.drain(reason, Number.POSITIVE_INFINITY),
      },
      options.keepalive,
    );
    options.wheel.add(this, nowMs + HANDSHAKE_TIMEOUT_MS);
  }

  /** The handshake took too long. */
  onTimer(): void {
    const text = `no HTTP/2 preface and SETTINGS within ${HANDSHAKE_TIMEOUT_MS} ms`;
    this.connection.limits.end('handshake-timeout', text, ErrorCode.SETTINGS_TIMEOUT);
  }

  /** Milliseconds that the client's preface and SETTINGS have taken so far; 0 once they are here. */
  get handshakeMs(): number {
    return this.settled ? 0 : Math.round(this.connection.wheel.now() - this.connection.sinceMs);
  }

  /** Streams that the client has opened, since the connection was made. */
  get streamsStarted(): number {
    return (this.connection.highestPeerStream + 1) >> 1;
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
    if (!stream.remoteEnded) this.connection.ended.noteReset(stream.out.id);
    this.prematureResets.completed();
    this.connection.limits.causedResets.completed();
    this.streamsEnded += 1;
    this.connection.removeStream(stream);
  }

  /** A handler is done; its slot may be taken again, and what it was given is its no more. */
  handlerDone(stream: ServerStream): void {
    this.handlers -= 1;
    stream.onHandlerDone();
  }

  heldBytes(): number {
    return this.deliveredBytes + this.headBytes;
  }

  // The end.

  /**
   * Graceful: no new streams, open ones finish, then the connection closes.
   * @param graceMs after which it closes regardless
   */
  drain(reason: string, graceMs: number): void {
    const isFirst = this.state !== 'draining' && this.state !== 'closed';
    this.drainSequence.start(reason, graceMs);
    if (isFirst) tellDraining(this.connection, reason);
  }

  /** Before `close`: the client hears of each open stream that it was cancelled; handlers, of the close. */
  cancelStreams(): void {
    this.connection.streams.forEach((stream, id) => {
      const endedBoth = stream.remoteEnded && stream.out.endWritten;
      if (!endedBoth) this.connection.putReset(id, ErrorCode.CANCEL, false);
    });
  }

  close(reason: string): void {
    const error = connectionError(ErrorCode.NO_ERROR, 'local', reason);
    this.connection.end(error, ErrorCode.NO_ERROR, reason);
  }

  // ConnectionRole.

  onHeaders(streamId: number, block: HeaderBlock, endStream: boolean): void {
    this.intake.onHeaders(streamId, block, endStream);
  }

  /**
   * A request that passed every check becomes a call.
   * @param listSize bytes of its header list
   */
  open(streamId: number, head: RequestHead, listSize: number, endStream: boolean): void {
    const { credit, nowMs } = this.connection;
    const headBytes = listSize > SMALL_HEADER_LIST ? listSize : 0;
    this.headBytes += headBytes;
    const window = credit.inbound.enforced;
    const stream = new ServerStream(this, streamId, head, headBytes, window, nowMs);
    this.connection.addStream(stream, streamId);
    if (this.connection.streams.size === 1) this.keepalive.onStreamsChanged();
    this.handlers += 1;
    this.listener.onStream(stream);
    if (endStream) stream.onRemoteEnd();
    // A burst of calls gives the event loop a turn between slices of work.
    this.connection.reader.shareTurn();
  }

  /** Bytes of responses that wait for the peer. */
  get queuedBytes(): number {
    return this.connection.loopy.buffer.bytes + this.connection.socketBytes;
  }

  /** Whether a writer that does not wait may add no more: too many bytes, or too many messages. */
  isQueueFull(bytes: number): boolean {
    if (this.queuedBytes + bytes > this.limits.queuedBytes) return true;
    return this.connection.loopy.buffer.items > MAX_QUEUED_ITEMS;
  }

  ownReading(name: LimitName): LimitReading | undefined {
    return serverReading(name, this);
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

  onGoAway(_lastStreamId: number, _errorCode: number, _debugData: string): void {
    // The client opens no more streams; open ones finish and it closes the connection.
  }

  onPing(): boolean {
    const tooMany = this.pings.onPing(this.connection.nowMs, this.connection.streams.size > 0);
    // The text that clients know, gRFC A8.
    if (tooMany) this.connection.limits.end('ping-strikes', 'too_many_pings');
    return !tooMany;
  }

  onPingAck(high: number, low: number): void {
    if (!this.drainSequence.onPingAck(high, low)) this.keepalive.onPingAck(high, low);
  }

  onRead(): void {
    this.keepalive.onRead();
  }

  onCallBytes(): void {
    this.pings.onSentHeadersOrData();
  }

  onTurnEnd(): void {
    this.intake.onTurnEnd();
  }

  onWritten(): void {}

  onLateReset(streamId: number): boolean {
    // Reset before its refusal could be read: as rapid as any.
    if (this.intake.isUnanswered(streamId)) return this.takeReset();
    return this.connection.limits.lateFrame(1);
  }

  onPrematureReset(stream: TransportStream): boolean {
    if (this.connection.nowMs - this.openedMs(stream) >= PREMATURE_RESET_AGE_MS) return true;
    return this.takeReset();
  }

  private takeReset(): boolean {
    if (this.prematureResets.take()) return true;
    const { allowed } = this.prematureResets;
    this.connection.limits.end(
      'premature-resets',
      `premature-resets: more than ${allowed} calls were reset before they had ended, and one for each that completed; cancel less, or let more calls end`,
    );
    return false;
  }

  openedMs(stream: TransportStream): number {
    return stream instanceof ServerStream ? stream.openedMs : this.connection.nowMs;
  }

  onStreamClosed(stream: TransportStream): void {
    if (stream instanceof ServerStream) stream.halfEnded();
    if (this.connection.streams.size > 0) return;
    this.keepalive.onStreamsChanged();
    this.drainSequence.onIdle();
  }

  onClosed(error: ClosingError): void {
    this.connection.wheel.remove(this);
    this.keepalive.stop();
    this.drainSequence.stop();
    const { acted } = this.connection.limits;
    if (acted.of('premature-resets') + acted.of('caused-resets') > 0) {
      this.resets.noteClosed(this.connection.wheel.now());
    }
    this.listener.onClosed(this, error);
  }

  get state(): 'handshaking' | 'ready' | 'draining' | 'closed' {
    if (this.connection.closedBy !== undefined) return 'closed';
    if (this.drainSequence.started) return 'draining';
    return this.settled ? 'ready' : 'handshaking';
  }
}
