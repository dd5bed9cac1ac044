// Longer than 400 lines because the client side of RFC 9113 is one state: ids, GOAWAY and capacity.
// The client's end of a connection: stream ids, the peer's stream limit, GOAWAY, keepalive.
// Invariants: an id is assigned when HEADERS are written, so ids on the wire rise; a stream above
// GOAWAY's last id, or never written, is handed back as unprocessed.
// gRPC PROTOCOL-HTTP2.md, RFC 9113 §5.1.1, §6.8. Not here: connecting (connector.ts), which
// transport a call uses (channel/).

import type { Duplex } from 'node:stream';
import { ErrorCode, errorCodeName } from '../frames/error-code.ts';
import { SettingId } from '../frames/settings.ts';
import type { MessageCodec } from '../grpc/compression-codec.ts';
import { encodingBit } from '../grpc/compression-names.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { Admission, type AdmissionSubject, type LimitReading } from './admission.ts';
import { ClientKeepalive, type KeepaliveOptions } from './client-keepalive.ts';
import { ClientStream, type ClientStreamListener } from './client-stream.ts';
import { ConcurrencyLimiter, type ConcurrencySettings } from './concurrency-limiter.ts';
import { Connection, type ConnectionRole } from './connection.ts';
import { tellDraining } from './connection-events.ts';
import { CONNECTION_LIMITS } from './connection-limits.ts';
import { pingItem } from './control-buffer.ts';
import type { DataItem } from './data-item.ts';
import { type ClosingError, connectionError } from './errors.ts';
import type { Schedule } from './event-loop.ts';
import { headCharge, metadataCharge } from './head-charge.ts';
import type { InboundWindow } from './inbound-window.ts';
import type { LimitCounts } from './limit-counts.ts';
import type { LimitName } from './limit-table.ts';
import {
  type ClientLimits,
  LATE_HEADERS_WEIGHT,
  MAX_STREAM_ID,
  STREAMS_BEFORE_SETTINGS,
} from './limits.ts';
import { namesOf } from './listener.ts';
import type { LoopyWriter } from './loopy-writer.ts';
import type { MemoryAccount } from './memory-account.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { OutState, type OutStream } from './out-stream.ts';
import { Peer } from './peer.ts';
import { RequestHeaders } from './request-headers.ts';
import { SocketHold } from './socket-hold.ts';
import { MAX_REASON, quoted } from './status-mapping.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { TransportStream } from './transport-stream.ts';

/** What the channel hears of a connection. Must not throw. */
export interface ClientTransportListener {
  /** The peer's SETTINGS came: calls may start. */
  onReady(): void;
  /** A call more may be admitted than a moment ago. */
  onCapacity(): void;
  /** The server found our pings too frequent: the time, ms, for the connections that follow. */
  onKeepaliveTime(timeMs: number): void;
  /** No new calls here; open ones go on. */
  onDraining(reason: string): void;
  onClosed(error: ClosingError): void;
}

export interface ClientTransportOptions {
  readonly socket: Duplex;
  readonly wheel: TimerWheel;
  readonly schedule: Schedule;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly userAgent: string;
  readonly limits: ClientLimits;
  /** Of `adaptiveConcurrency`; none where it is off. */
  readonly concurrency?: ConcurrencySettings | undefined;
  readonly maxHeaderList: number;
  readonly maxReceiveMessageLength: number;
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  readonly staticWindows: boolean;
  readonly keepalive: KeepaliveOptions;
  /** Default the one of this process. */
  readonly budget?: MemoryBudget | undefined;
}

// Three quarters of the ids: time to replace the connection without haste.
const REPLACE_AT_ID: number = Math.floor(MAX_STREAM_ID * 0.75);

/** Characters; with a shorter path and no metadata a request has no more headers than all servers take. */
const SHORT_PATH = 1_024;

export class ClientTransport implements ConnectionRole, AdmissionSubject {
  readonly connection: Connection;
  /** The server. */
  readonly peer: Peer;
  readonly admission: Admission;
  readonly headers: RequestHeaders;
  readonly maxReceiveMessageLength: number;
  readonly maxHeaderList: number;
  ready: boolean;
  draining: boolean;
  private readonly listener: ClientTransportListener;
  private readonly keepalive: ClientKeepalive;
  private readonly hold: SocketHold;
  /** Streams the server has ended whose messages are still to be taken. */
  endedStreams: number;
  /** Streams that the server has ended, since the connection was made. */
  streamsEnded: number;
  /** Bytes that written calls keep for a transparent retry. */
  replayBytes: number;
  /** Encodings that the server takes, as a mask of `EncodingBit`; 0 while it has not said. */
  peerEncodings: number;
  private nextId: number;
  private goAwayReason: string;
  private wantsCapacity: boolean;
  /** HEADERS or DATA went out since the last ping of the server, which may be about them. */
  private expectsPing: boolean;

  constructor(listener: ClientTransportListener, options: ClientTransportOptions) {
    this.listener = listener;
    this.maxReceiveMessageLength = options.maxReceiveMessageLength;
    this.maxHeaderList = options.maxHeaderList;
    this.ready = false;
    this.draining = false;
    this.endedStreams = 0;
    this.streamsEnded = 0;
    this.replayBytes = 0;
    this.peerEncodings = 0;
    this.nextId = 1;
    this.goAwayReason = '';
    this.wantsCapacity = false;
    this.expectsPing = true;
    this.connection = new Connection(this, {
      socket: options.socket,
      wheel: options.wheel,
      schedule: options.schedule,
      server: false,
      settings: [SettingId.ENABLE_PUSH, 0, SettingId.MAX_HEADER_LIST_SIZE, options.maxHeaderList],
      maxHeaderList: options.maxHeaderList,
      initialStreamWindow: options.initialStreamWindow,
      initialConnectionWindow: options.initialConnectionWindow,
      staticWindows: options.staticWindows,
      exposureBytes: options.limits.exposureBytes,
      queuedBytes: options.limits.queuedBytes,
      budget: options.budget,
    });
    this.hold = new SocketHold(options.socket);
    const { peer, local } = namesOf(options.socket);
    this.peer = new Peer(peer, options.socket, local);
    const { scheme, authority, userAgent } = options;
    this.headers = new RequestHeaders(this.loopy.encoder, scheme, authority, userAgent);
    const { concurrency } = options;
    this.admission = new Admission(
      options.limits,
      this,
      concurrency === undefined
        ? undefined
        : new ConcurrencyLimiter(concurrency, options.wheel.now()),
    );
    this.keepalive = new ClientKeepalive(
      options.wheel,
      {
        sendPing: (high, low) => {
          this.loopy.buffer.put(pingItem(high, low));
        },
        close: (reason) => this.connection.fail(ErrorCode.NO_ERROR, reason),
        hasStreams: () => this.connection.streams.size > 0,
        gateClosed: () => this.connection.reader.gate === 'closed',
      },
      options.keepalive,
    );
  }

  get state(): 'connecting' | 'ready' | 'draining' | 'closed' {
    if (this.connection.closedBy !== undefined) return 'closed';
    if (this.draining) return 'draining';
    return this.ready ? 'ready' : 'connecting';
  }

  /** Streams that were opened, since the connection was made. */
  get streamsStarted(): number {
    return (this.nextId - 1) / 2;
  }

  // AdmissionSubject.

  get loopy(): LoopyWriter {
    return this.connection.loopy;
  }

  get inbound(): InboundWindow {
    return this.connection.credit.inbound;
  }

  /** What the server's SETTINGS say, and before them what a client assumes. */
  get peerMaxStreams(): number {
    return this.ready ? this.connection.peerMaxStreams : STREAMS_BEFORE_SETTINGS;
  }

  get memory(): MemoryAccount {
    return this.connection.memory;
  }

  heldBytes(): number {
    return this.replayBytes;
  }

  get socketBytes(): number {
    return this.connection.socketBytes;
  }

  get nowMs(): number {
    return this.connection.nowMs;
  }

  now(): number {
    return this.connection.wheel.now();
  }

  get acted(): LimitCounts {
    return this.connection.limits.acted;
  }

  noteLimit(name: LimitName, what: 'waited' | 'refused'): void {
    this.connection.limits.count(name, what);
  }

  ownReading(name: LimitName): LimitReading | undefined {
    return this.admission.readingOf(name);
  }

  /** Every limit that this connection has. */
  limitReadings(): Record<string, LimitReading> {
    const found = this.admission.readings();
    for (const name of CONNECTION_LIMITS) found[name] = this.connection.limits.reading(name);
    return found;
  }

  // What calls do.

  /**
   * Opens a stream and queues its HEADERS, if the limits admit it.
   * @param fields flat user metadata
   * @param timeoutMs for the peer's deadline; -1 for none
   * @param authority the call's own, where it has one
   * @returns undefined when refused: `admission.refuses` says by which limit
   */
  newStream(
    listener: ClientStreamListener,
    path: string,
    fields: HeaderFields,
    timeoutMs: number,
    maxReceiveLength: number = this.maxReceiveMessageLength,
    codec: MessageCodec | undefined = undefined,
    authority: string | undefined = undefined,
  ): ClientStream | undefined {
    const headBytes = headCharge(path, metadataCharge(fields));
    const stream = new ClientStream(
      this,
      listener,
      path,
      fields,
      timeoutMs,
      headBytes,
      maxReceiveLength,
      codec === undefined || this.takes(codec) ? codec : undefined,
      authority,
    );
    const nowMs = this.connection.queueTime();
    if (!this.loopy.buffer.executeAndPut(this.admission, stream.out, nowMs)) return undefined;
    if (this.admission.openCalls === 1) this.hold.take();
    return stream;
  }

  private takes(codec: MessageCodec): boolean {
    return this.peerEncodings === 0 || (this.peerEncodings & encodingBit(codec.name)) !== 0;
  }

  /** Why a call with these fields can never be sent on this connection, or undefined. */
  unsendable(path: string, fields: HeaderFields): string | undefined {
    const limit = this.connection.peerMaxHeaderList;
    if (limit === Number.POSITIVE_INFINITY) return undefined;
    if (fields.length === 0 && path.length < SHORT_PATH) return undefined;
    // A list counts 32 bytes for each field (RFC 9113 §6.5.2), ours as well.
    const size = 400 + path.length + metadataCharge(fields);
    if (size <= limit) return undefined;
    return `request headers of about ${size} bytes exceed the server's limit of ${limit}; send less metadata`;
  }

  appendData(out: OutStream, item: DataItem): boolean {
    return this.loopy.appendData(out, item, this.connection.queueTime());
  }

  credit(stream: ClientStream): void {
    this.connection.credit.onRead(stream);
  }

  /** Tell the listener when one more call may be admitted; asked again after each telling. */
  notifyCapacity(): void {
    this.wantsCapacity = true;
  }

  /** The caller gave up, or the response broke a rule. */
  reset(stream: ClientStream, errorCode: number): void {
    const known = stream.out.id !== 0;
    this.connection.resetStream(stream, errorCode, false);
    if (!known) this.released();
  }

  /** The stream has ended on the wire and its messages were taken. */
  remove(stream: ClientStream): void {
    this.connection.removeStream(stream);
  }

  /** The headers of an answer came: by `concurrency` the call is in flight no more. */
  onAnswerBegun(): void {
    this.offerCapacity();
  }

  /** The server has ended the stream; what we still had to send is of no use. */
  onRemoteEnded(stream: ClientStream): void {
    if (!stream.out.endWritten) this.connection.stopSending(stream);
    if (this.connection.streams.get(stream.out.id) !== stream) return;
    this.connection.credit.onRemoteEnd(stream);
    // The server has freed the slot, though the response is still to be read here.
    stream.freedSlot = true;
    this.endedStreams += 1;
    this.streamsEnded += 1;
    this.connection.limits.causedResets.completed();
    this.offerCapacity();
  }

  claimId(stream: ClientStream): number {
    if (this.draining) {
      stream.handBack(this.goAwayReason);
      this.released();
      return 0;
    }
    if (this.connection.streams.size - this.endedStreams >= this.peerMaxStreams) {
      // The limit fell while the call was queued; to pass it is an error (RFC 9113 §5.1.2).
      stream.handBack(`the server allows ${this.peerMaxStreams} streams now`);
      this.released();
      return 0;
    }
    stream.noteWritten();
    const id = this.nextId;
    this.nextId += 2;
    this.connection.addStream(stream, id);
    if (this.connection.streams.size === 1) this.keepalive.onStreamsChanged();
    if (this.nextId > REPLACE_AT_ID) this.drain('the connection has used most of its stream ids');
    return id;
  }

  private released(): void {
    this.release();
    if (this.draining) this.closeIfIdle();
  }

  private release(): void {
    this.admission.release();
    if (this.admission.openCalls === 0) this.hold.letGo();
  }

  /** Who makes the calls that are open or queued here. */
  listeners(): ClientStreamListener[] {
    const found: ClientStreamListener[] = this.queued().map((stream) => stream.listener);
    this.connection.streams.forEach((stream) => {
      if (stream instanceof ClientStream) found.push(stream.listener);
    });
    return found;
  }

  // The end.

  /** No new calls; the connection closes when the open ones are done. */
  drain(reason: string): void {
    if (this.draining) return;
    this.draining = true;
    this.goAwayReason = reason;
    tellDraining(this.connection, reason);
    this.listener.onDraining(reason);
    this.handBackQueued(reason);
    this.closeIfIdle();
  }

  /** Ends the connection; open calls fail with UNAVAILABLE. */
  close(reason: string): void {
    this.draining = true;
    const error = connectionError(ErrorCode.NO_ERROR, 'local', reason);
    this.connection.end(error, ErrorCode.NO_ERROR, reason);
  }

  private closeIfIdle(): void {
    const idle = this.connection.streams.size === 0 && this.loopy.buffer.heads.size === 0;
    if (idle) this.close(this.goAwayReason);
  }

  /** Streams whose HEADERS are not written yet. */
  private queued(): ClientStream[] {
    const queued: ClientStream[] = [];
    for (let out = this.loopy.buffer.heads.first; out !== undefined; out = out.next) {
      if (out.id === 0 && out.owner instanceof ClientStream) queued.push(out.owner);
    }
    return queued;
  }

  private handBackQueued(reason: string): void {
    for (const stream of this.queued()) {
      // The listener of one may have cancelled another, which then left by itself.
      if (stream.out.state === OutState.gone) continue;
      this.loopy.cleanup(stream.out);
      stream.handBack(reason);
      this.release();
    }
  }

  // ConnectionRole.

  onHeaders(streamId: number, block: HeaderBlock, endStream: boolean): void {
    const stream = this.connection.streams.get(streamId);
    if (stream !== undefined && !stream.remoteEnded) {
      stream.onHeaders(block, endStream);
    } else if (this.isIdle(streamId)) {
      this.connection.fail(ErrorCode.PROTOCOL_ERROR, `HEADERS on idle stream ${streamId}`);
    } else if (stream !== undefined) {
      this.connection.fail(ErrorCode.STREAM_CLOSED, `HEADERS after the end of stream ${streamId}`);
    } else {
      this.connection.limits.lateFrame(LATE_HEADERS_WEIGHT);
    }
  }

  isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.nextId;
  }

  onSettings(first: boolean): void {
    if (!first) return;
    this.ready = true;
    this.keepalive.start();
    this.listener.onReady();
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void {
    const said = debugData === '' ? '' : ` ${quoted(debugData, MAX_REASON)}`;
    const text = `GOAWAY(${errorCodeName(errorCode)})${said}`;
    const reason = `the server sent ${text}`;
    // Some peers send a second one as they close, which says nothing; the first said why.
    const says = debugData !== '' || errorCode !== ErrorCode.NO_ERROR;
    if (says || this.connection.goAwayText === '') this.connection.goAwayText = text;
    if (errorCode === ErrorCode.ENHANCE_YOUR_CALM && debugData === 'too_many_pings') {
      this.listener.onKeepaliveTime(this.keepalive.doubleTime());
    }
    if (!this.draining) tellDraining(this.connection, reason);
    this.draining = true;
    this.goAwayReason = reason;
    this.listener.onDraining(reason);
    this.handBackQueued(reason);
    const above: ClientStream[] = [];
    this.connection.streams.forEach((stream, id) => {
      if (id > lastStreamId && stream instanceof ClientStream) above.push(stream);
    });
    for (const stream of above) {
      // What the server may still send on it is not worth the streams that go on.
      this.connection.ended.noteReset(stream.out.id);
      this.connection.removeStream(stream);
      stream.handBack(reason);
    }
    this.closeIfIdle();
  }

  onPing(): boolean {
    // A server that estimates its BDP pings as often as we send; one more is its keepalive.
    if (!this.expectsPing) return this.connection.limits.glitch();
    this.expectsPing = false;
    return true;
  }

  onPingAck(high: number, low: number): void {
    this.keepalive.onPingAck(high, low);
  }

  onRead(): void {
    this.keepalive.onRead();
  }

  onCallBytes(): void {
    this.expectsPing = true;
  }

  onTurnEnd(): void {
    const { loopy, nowMs } = this.connection;
    this.admission.onDrained(nowMs, loopy.itemsWritten);
    this.offerCapacity();
  }

  onWritten(): void {
    this.offerCapacity();
  }

  /** The call ends with a status; a server that resets all of them harms nobody else. */
  onPrematureReset(): boolean {
    return true;
  }

  onLateReset(): boolean {
    return this.connection.limits.lateFrame(1);
  }

  openedMs(): number {
    return this.connection.nowMs;
  }

  onStreamClosed(stream: TransportStream): void {
    if (stream instanceof ClientStream && stream.freedSlot) this.endedStreams -= 1;
    this.released();
    this.offerCapacity();
  }

  onClosed(error: ClosingError): void {
    this.draining = true;
    // What was said last has to be written, and `close` may be waited for.
    if (error.kind !== 'io') this.hold.keep();
    this.keepalive.stop();
    this.goAwayReason = error.reason;
    this.handBackQueued(error.reason);
    this.listener.onClosed(error);
  }

  private offerCapacity(): void {
    if (!this.wantsCapacity || this.draining || this.connection.closedBy !== undefined) return;
    this.wantsCapacity = false;
    this.listener.onCapacity();
  }
}
