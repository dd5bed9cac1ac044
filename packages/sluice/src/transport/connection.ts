// One HTTP/2 connection, what client and server have in common: settings, windows, pings, resets
// and the way a connection ends. It owns the socket, loopy, the reader and the table of streams.
// Invariant: after `fail` or `closeGracefully` nothing is taken from callers or peer any more, and
// each stream was told exactly once. RFC 9113 §5 to §6.
// Not here: HEADERS and what they mean (client-transport.ts, server-transport.ts).
// Longer than 400 lines because the life and the end of a connection are one state.

import type { Duplex } from 'node:stream';
import { ErrorCode } from '../frames/error-code.ts';
import { FrameReader } from '../frames/frame-reader.ts';
import { SettingId } from '../frames/settings.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { LimitReading } from './admission.ts';
import { tellClosed, tellGoAway, tellStream } from './connection-events.ts';
import { ConnectionLimits } from './connection-limits.ts';
import {
  type ControlItem,
  ControlKind,
  closeItem,
  goAwayItem,
  prefaceItem,
  rstStreamItem,
  settingsItem,
} from './control-buffer.ts';
import { streamEvents } from './diagnostics.ts';
import { EndedStreams } from './ended-streams.ts';
import {
  type ClosingError,
  connectionError,
  type IoError,
  ioError,
  streamError,
} from './errors.ts';
import type { Schedule } from './event-loop.ts';
import { FrameDispatch } from './frame-dispatch.ts';
import type { LimitName } from './limit-table.ts';
import {
  CONNECTION_CHARGE,
  DEFAULT_WINDOW,
  LINGER_MS,
  MAX_CAUSED_RESETS,
  MAX_CONTINUATIONS,
  MAX_FRAME,
  MAX_HEADER_BLOCK,
  MAX_RESPONSE_FRAMES,
  MAX_STREAM_ID,
  STREAM_CHARGE,
  UNREAD_FACTOR,
} from './limits.ts';
import { namesOf, type SocketNames } from './listener.ts';
import { type LoopyListener, type LoopyState, LoopyWriter } from './loopy-writer.ts';
import { MemoryAccount, type MemoryHolder } from './memory-account.ts';
import { type MemoryBudget, memoryBudget } from './memory-budget.ts';
import { OutState, type OutStream } from './out-stream.ts';
import { ProgressWatch } from './progress-watch.ts';
import { Reader, type ReaderListener } from './reader.ts';
import { type CreditOptions, ReceiveCredit } from './receive-credit.ts';
import { StreamTable } from './stream-table.ts';
import { systemErrorText } from './system-error.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { TransportStream } from './transport-stream.ts';
import { WriteBatch, type WriteListener } from './write-batch.ts';

/** What differs between the two ends. Methods must not throw. */
export interface ConnectionRole {
  /** A decoded field block. `tooLarge` ones are still to be refused. */
  onHeaders(streamId: number, block: HeaderBlock, endStream: boolean): void;
  /** The stream was never opened: a frame on it breaks the protocol (RFC 9113 §5.1). */
  isIdle(streamId: number): boolean;
  /** The peer's SETTINGS were applied; `first` makes the connection ready. */
  onSettings(first: boolean): void;
  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void;
  /** A ping of the peer; false when it was one too many. */
  onPing(): boolean;
  onPingAck(high: number, low: number): void;
  /** Bytes came. */
  onRead(): void;
  /** HEADERS or DATA of a call were written. */
  onCallBytes(): void;
  /** Loopy ended a turn. */
  onTurnEnd(): void;
  /** The socket took a write: its backlog is shorter, also where loopy has nothing more to do. */
  onWritten(): void;
  /** The peer reset the stream before its call ended; false when it was one too many. */
  onPrematureReset(stream: TransportStream): boolean;
  /** The peer reset a stream that is over, or was never a call; false when it was one too many. */
  onLateReset(streamId: number): boolean;
  /** When the stream was opened, ms; now where that is not known. */
  openedMs(stream: TransportStream): number;
  /** A stream left the table. */
  onStreamClosed(stream: TransportStream): void;
  /** Bytes that its calls hold beside what is queued, unread or coming in. */
  heldBytes(): number;
  /** The connection is over; streams were told already. */
  onClosed(error: ClosingError): void;
  /** Streams of either end since the connection was made. */
  readonly streamsStarted: number;
  /** Bytes, of the options. */
  readonly maxHeaderList: number;
  readonly maxReceiveMessageLength: number;
  /** One of the limits that only this end has, as it stands. */
  ownReading(name: LimitName): LimitReading | undefined;
}

export interface ConnectionOptions extends CreditOptions {
  readonly socket: Duplex;
  readonly wheel: TimerWheel;
  readonly schedule: Schedule;
  readonly server: boolean;
  /** Our SETTINGS beyond INITIAL_WINDOW_SIZE: id, value, id, value. */
  readonly settings: readonly number[];
  readonly maxHeaderList: number;
  /** Bytes that may be queued before new calls wait; writers of streams leave half of it to them. */
  readonly queuedBytes: number;
  /** Resets for its faults that the peer begins with; default MAX_CAUSED_RESETS. */
  readonly causedResets?: number | undefined;
  /** Default the one of this process. */
  readonly budget?: MemoryBudget | undefined;
}

let nextConnectionId = 1;

export class Connection
  implements LoopyListener, WriteListener, ReaderListener, WheelTimer, MemoryHolder
{
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  /** Of this process, both sides: stats and events name it. */
  readonly id: number;
  readonly names: SocketNames;
  /** When the socket was there, ms. */
  readonly sinceMs: number;
  /** The peer's SETTINGS have come. */
  wasReady: boolean;
  readonly loopy: LoopyWriter;
  readonly reader: Reader;
  readonly streams: StreamTable<TransportStream>;
  readonly ended: EndedStreams;
  /** Flow control on receipt. */
  readonly credit: ReceiveCredit;
  /** Which limits acted, and the budgets of what a peer may cost us. */
  readonly limits: ConnectionLimits;
  readonly dispatch: FrameDispatch;
  readonly progress: ProgressWatch;
  /** Pings of ours that wait for their acknowledgement. */
  pingsOut: number;
  /** What all of this holds, in the budget of the process. */
  readonly memory: MemoryAccount;
  readonly wheel: TimerWheel;
  readonly socket: Duplex;
  /** The peer's SETTINGS_MAX_HEADER_LIST_SIZE, bytes. */
  peerMaxHeaderList: number;
  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS; Infinity when it sets none. */
  peerMaxStreams: number;
  closedBy: ClosingError | undefined;
  /** The GOAWAY the peer sent, for the errors that follow it. */
  goAwayText: string;
  /** Its code. */
  goAwayCode: number | undefined;
  /** Coarse time of this turn, ms. */
  nowMs: number;
  /** When the chunk came that is parsed now, ms: its rest may have waited for turns since. */
  arrivedMs: number;
  /** When bytes last came, ms. */
  readMs: number;
  /** When a turn of loopy last left it in another state than the one before, ms. */
  loopySinceMs: number;
  private loopyState: LoopyState;
  readonly server: boolean;
  /** Highest id the peer opened. */
  highestPeerStream: number;
  private readonly role: ConnectionRole;
  private readonly frames: FrameReader;
  private readonly batch: WriteBatch;
  // The last id of the GOAWAY we sent, which may only fall (RFC 9113 §6.8).
  private promisedStream: number;
  private destroyed: boolean;
  private readonly schedule: Schedule;

  constructor(role: ConnectionRole, options: ConnectionOptions) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.role = role;
    this.server = options.server;
    this.highestPeerStream = 0;
    this.wheel = options.wheel;
    this.nowMs = options.wheel.now();
    this.arrivedMs = this.nowMs;
    this.id = nextConnectionId;
    nextConnectionId += 1;
    this.names = namesOf(options.socket);
    this.sinceMs = this.nowMs;
    this.wasReady = false;
    this.readMs = this.nowMs;
    this.loopySinceMs = this.nowMs;
    this.loopyState = 'parked';
    this.socket = options.socket;
    this.batch = new WriteBatch(options.socket, this);
    this.loopy = new LoopyWriter(this.batch, this, options.schedule);
    this.loopy.buffer.shareAbove = options.queuedBytes / 2;
    this.limits = new ConnectionLimits(this, role, options.causedResets ?? MAX_CAUSED_RESETS);
    this.pingsOut = 0;
    this.dispatch = new FrameDispatch(this, role, options.maxHeaderList);
    this.frames = new FrameReader(this.dispatch, {
      maxFrameSize: MAX_FRAME,
      maxHeaderBlock: MAX_HEADER_BLOCK,
      maxContinuations: MAX_CONTINUATIONS,
      expectPreface: options.server,
    });
    this.reader = new Reader(options.socket, this.frames, this, options.wheel, options.schedule);
    this.streams = new StreamTable();
    this.ended = new EndedStreams();
    this.progress = new ProgressWatch(options.wheel, this);
    this.peerMaxHeaderList = Number.POSITIVE_INFINITY;
    this.peerMaxStreams = Number.POSITIVE_INFINITY;
    this.closedBy = undefined;
    this.goAwayText = '';
    this.goAwayCode = undefined;
    this.promisedStream = MAX_STREAM_ID;
    this.destroyed = false;
    this.schedule = options.schedule;
    this.memory = new MemoryAccount(options.budget ?? memoryBudget, this, this.loopy.buffer);
    this.credit = new ReceiveCredit(this, options);
    this.opening(options.settings);
    this.listen();
  }

  private opening(settings: readonly number[]): void {
    const window = this.credit.inbound.announced;
    const entries =
      window === DEFAULT_WINDOW ? settings : [...settings, SettingId.INITIAL_WINDOW_SIZE, window];
    if (!this.server) this.loopy.buffer.put(prefaceItem());
    this.loopy.buffer.put(settingsItem(entries));
  }

  private listen(): void {
    this.socket.on('error', (error) =>
      this.lost(ioError('remote', `socket error: ${systemErrorText(error)}`, error)),
    );
    this.socket.on('end', () =>
      this.lost(ioError('remote', 'the peer closed the connection', undefined)),
    );
    this.socket.on('close', () => {
      this.lost(ioError('remote', 'the connection was closed', undefined));
      this.wheel.remove(this);
      this.memory.close();
    });
  }

  /** Coarse time for what is queued now: read once per turn, and each time while no turn is due. */
  queueTime(): number {
    if (this.loopy.state !== 'running') this.nowMs = this.wheel.now();
    return this.nowMs;
  }

  // The life of a stream.

  /** A stream got its id and is known from now on. */
  addStream(stream: TransportStream, streamId: number): void {
    this.streams.set(streamId, stream);
    this.credit.admit(stream);
    if (streamEvents.hasSubscribers) tellStream(this, 'opened', streamId);
  }

  /** The stream ended on both sides, or its call does not care any more. */
  removeStream(stream: TransportStream): void {
    const id = stream.out.id;
    this.loopy.cleanup(stream.out);
    if (id === 0 || this.streams.get(id) !== stream) return;
    this.streams.delete(id);
    // One that only we ended is told apart (`noteReset`): the peer may go on until it hears of it.
    if (stream.remoteEnded) this.ended.noteEnd(id);
    else this.limits.expectLate(stream.inFlow.available());
    this.credit.release(stream);
    if (streamEvents.hasSubscribers) tellStream(this, 'closed', id);
    this.role.onStreamClosed(stream);
  }

  /**
   * Resets a stream that the peer knows of; one whose HEADERS were never written just goes.
   * @param isResponse a frame of the peer is the reason: counts for the gate
   */
  resetStream(stream: TransportStream, errorCode: number, isResponse: boolean): void {
    const id = stream.out.id;
    const isOpen = this.streams.get(id) === stream && stream.out.state !== OutState.gone;
    const endedBoth = stream.remoteEnded && stream.out.endWritten;
    // A stream that is closed takes no frame any more (RFC 9113 §5.1). The reset comes first: the
    // end of its last stream may close a connection that is draining.
    if (isOpen && !endedBoth) this.putReset(id, errorCode, isResponse);
    this.removeStream(stream);
  }

  /** The peer has ended: what we had to send is of no use; what came waits to be read. */
  stopSending(stream: TransportStream): void {
    this.loopy.cleanup(stream.out);
    this.putReset(stream.out.id, ErrorCode.NO_ERROR, false);
  }

  /** The peer broke a rule of one stream: RST_STREAM, and its call is told why. */
  faultStream(streamId: number, errorCode: ErrorCode, reason: string): void {
    const stream = this.streams.get(streamId);
    if (!this.limits.takeReset(stream)) return;
    if (stream === undefined) {
      this.putReset(streamId, errorCode, true);
      return;
    }
    this.resetStream(stream, errorCode, true);
    stream.onFaulted(streamError(errorCode, 'remote', reason));
  }

  /** RST_STREAM for an id that may have no stream here. */
  putReset(streamId: number, errorCode: number, isResponse: boolean): void {
    this.ended.noteReset(streamId);
    this.loopy.buffer.put(rstStreamItem(streamId, errorCode, isResponse));
    if (isResponse) this.replyQueued();
  }

  /** A reply to a received frame was queued: the throttle is asked, the hard cap watched. */
  replyQueued(): void {
    const queued = this.loopy.buffer.responseFrames;
    if (queued >= MAX_RESPONSE_FRAMES) {
      this.limits.end(
        'response-frames',
        `response-frames: ${queued} replies wait for a peer that does not read, ${MAX_RESPONSE_FRAMES} is the limit; read what comes`,
      );
      return;
    }
    this.reader.throttle();
  }

  // The end of the connection.

  /** A graceful end begins: streams of the peer above `lastStreamId` will not be served. */
  announceEnd(lastStreamId: number, reason: string): void {
    this.promisedStream = Math.min(this.promisedStream, lastStreamId);
    this.loopy.buffer.put(goAwayItem(this.promisedStream, ErrorCode.NO_ERROR, reason));
    tellGoAway(this, 'sent', this.promisedStream, ErrorCode.NO_ERROR, reason);
  }

  /** A fault: GOAWAY with the code, all streams fail, input is discarded for a moment. */
  fail(errorCode: ErrorCode, reason: string): void {
    if (this.closedBy === undefined && isProtocolError(errorCode)) {
      this.limits.count('protocol-errors');
    }
    this.end(connectionError(errorCode, 'library', reason), errorCode, reason);
  }

  /** An orderly end: GOAWAY(NO_ERROR); streams still open fail with `error`. */
  end(error: ClosingError, errorCode: ErrorCode, reason: string): void {
    if (this.closedBy !== undefined) return;
    const lastStreamId = Math.min(this.highestPeerStream, this.promisedStream);
    const goAway = goAwayItem(lastStreamId, errorCode, reason);
    // An error goes ahead of what is queued, but never of what a connection must begin with.
    const isOrderly = errorCode === ErrorCode.NO_ERROR;
    tellGoAway(this, 'sent', lastStreamId, errorCode, reason);
    this.finish(error, () => {
      this.reader.discard();
      this.loopy.buffer.finish([goAway, closeItem()], (frame) => isOrderly || opens(frame));
      this.wheel.add(this, this.wheel.now() + LINGER_MS);
    });
  }

  /** The socket is gone. */
  lost(cause: IoError): void {
    if (this.closedBy !== undefined) return;
    const said = this.goAwayText === '' ? '' : ` after it sent ${this.goAwayText}`;
    const error = { ...cause, reason: cause.reason + said };
    this.finish(error, () => {
      this.loopy.stop();
      this.reader.discard();
      this.loopy.buffer.finish([], () => false);
      this.destroy();
    });
  }

  private finish(error: ClosingError, farewell: () => void): void {
    this.closedBy = error;
    this.progress.stop();
    this.credit.stop();
    this.frames.stop();
    farewell();
    const open: TransportStream[] = [];
    this.streams.forEach((stream) => {
      open.push(stream);
    });
    for (const stream of open) {
      this.removeStream(stream);
      stream.onLost(error);
    }
    tellClosed(this, error);
    this.role.onClosed(error);
    // What is with the socket is held until it is gone.
    this.memory.update();
  }

  private destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.memory.close();
    this.wheel.remove(this);
    this.socket.destroy();
  }

  /** The lingering is over: what the peer still had to say is lost now. */
  onTimer(): void {
    this.destroy();
  }

  onCloseWritten(): void {
    this.socket.end();
  }

  // LoopyListener, WriteListener.

  onTurn(): void {
    this.nowMs = this.wheel.now();
  }

  onPingWritten(high: number, low: number): void {
    const { bdp } = this.credit;
    this.pingsOut += 1;
    if (bdp.isBdpPing(high, low)) bdp.pingWritten(this.wheel.now());
  }

  onCallBytes(): void {
    this.role.onCallBytes();
  }

  onTurnEnd(): void {
    if (this.loopy.state !== this.loopyState) {
      this.loopyState = this.loopy.state;
      this.loopySinceMs = this.nowMs;
    }
    // Over: its farewell may wait for the socket as well, for as long as it lingers.
    if (this.closedBy === undefined) this.progress.watch(this.loopy.state === 'blocked-on-socket');
    this.reader.release();
    this.role.onTurnEnd();
    this.memory.update();
  }

  /** More is queued than the lease: the budget is told. */
  onQueueGrown(): boolean {
    this.memory.update();
    return !this.memory.isConstrained;
  }

  onWritten(): void {
    this.loopy.onWritten();
    if (this.closedBy === undefined) this.role.onWritten();
  }

  // ReaderListener.

  gateOpen(): boolean {
    return this.loopy.buffer.throttle();
  }

  writeBlocked(): boolean {
    return this.loopy.state === 'blocked-on-socket';
  }

  onGateClosed(): void {
    this.limits.count('response-gate', 'waited');
  }

  onChunk(): number {
    this.nowMs = this.wheel.now();
    this.readMs = this.nowMs;
    if (!this.reader.resumed) this.arrivedMs = this.nowMs;
    this.role.onRead();
    return this.nowMs;
  }

  onChunkEnd(): void {
    this.memory.update();
  }

  // MemoryHolder.

  heldBytes(): number {
    const { buffer } = this.loopy;
    const { partials, unread } = this.credit;
    const queued = buffer.bytes + buffer.partWritten + this.batch.socketBytes;
    const calls = this.streams.size * STREAM_CHARGE + this.role.heldBytes();
    const read = this.reader.waitingBytes + partials.bytes + Math.ceil(unread * UNREAD_FACTOR);
    return CONNECTION_CHARGE + queued + read + calls;
  }

  get progressBytes(): number {
    return this.loopy.dataWritten + this.credit.bytesRead;
  }

  onConstrained(isConstrained: boolean): void {
    this.credit.constrain(isConstrained);
    // Not from here: it may be a writer of this very connection that has changed the account.
    if (!isConstrained) this.schedule(() => this.resumeWriters());
  }

  private resumeWriters(): void {
    const paused: OutStream[] = [];
    this.streams.forEach(({ out }) => {
      if (out.paused) paused.push(out);
    });
    for (const out of paused) this.loopy.resumeWriter(out);
    this.onRoom();
  }

  onRoom(): void {
    if (this.closedBy !== undefined) return;
    this.credit.resumePartials();
    this.role.onWritten();
  }

  shed(bytes: number): number {
    const largest: TransportStream[] = [];
    this.streams.forEach((stream) => {
      if (heldBy(stream) > 0) largest.push(stream);
    });
    largest.sort((a, b) => heldBy(b) - heldBy(a));
    let left = bytes;
    let ended = 0;
    for (const stream of largest) {
      if (left <= 0) break;
      const held = heldBy(stream);
      stream.onShed();
      left -= held;
      ended += 1;
    }
    return ended;
  }

  onEvicted(reason: string): void {
    this.limits.end('memory-budget', reason);
  }

  /** ProgressSubject. */
  onSlowRead(reason: string): void {
    this.limits.end('slow-read', reason);
  }

  get dataWritten(): number {
    return this.loopy.dataWritten;
  }

  /** Bytes the kernel has taken of what we wrote. */
  get bytesTaken(): number {
    return this.batch.bytesWritten - this.batch.socketBytes;
  }

  get socketBytes(): number {
    return this.batch.socketBytes;
  }
}

/** Bytes that would be free without the stream. */
function heldBy(stream: TransportStream): number {
  return stream.out.queuedBytes + stream.inFlow.pendingData * UNREAD_FACTOR + stream.inFlow.partial;
}

/** What RFC 9113 §7 has for a peer that breaks the protocol. */
function isProtocolError(errorCode: ErrorCode): boolean {
  switch (errorCode) {
    case ErrorCode.PROTOCOL_ERROR:
    case ErrorCode.COMPRESSION_ERROR:
    case ErrorCode.FRAME_SIZE_ERROR:
    case ErrorCode.FLOW_CONTROL_ERROR:
    case ErrorCode.STREAM_CLOSED:
      return true;
    default:
      return false;
  }
}

/** Preface and SETTINGS: nothing may be written before them (RFC 9113 §3.4). */
function opens(frame: ControlItem): boolean {
  return frame.kind === ControlKind.preface || frame.kind === ControlKind.settings;
}
