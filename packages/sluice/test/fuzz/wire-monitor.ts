// Watches both directions of one connection and holds what the transport writes to RFC 9113: streams in
// their states, windows never overrun, replies that were asked for, header blocks that decode by the
// reference, lists that are well-formed. It knows the transport's output only as bytes.
// What the peer sent is read by the FrameReader, which has a fuzzer of its own.

import type { FrameHandler } from '#sluice/frames/frame-handler.js';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { isMalformed, lastOf, pairs, requestKind } from './header-list-model.js';
import { HpackModel } from './hpack-model.js';
import { broken, hold } from './target.js';

const MAX_FRAME = 16_384;
const FIRST_WINDOW = 65_535;
const MOST_WINDOW = 2 ** 31 - 1;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A stream as both directions have it. */
class WireStream {
  /** What the transport may send beyond the initial window: updates less DATA. */
  credit = 0;
  /** What the peer may send beyond the initial window of ours. */
  given = 0;
  lists = 0;
  hasEnded = false;
  isReset = false;
  /** Of a client: neither reset nor ended by the server. */
  isOpen = false;
  isOver = false;
}

/** The peer's SETTINGS that the transport has not acknowledged. */
interface PeerSettings {
  readonly initialWindow: number | undefined;
  readonly headerTableSize: number | undefined;
  readonly maxStreams: number | undefined;
}

export class WireMonitor implements FrameHandler {
  /** Windows, as they are when all that was written was taken. */
  sendWindow: number = FIRST_WINDOW;
  receiveWindow: number = FIRST_WINDOW;
  readonly streams: Map<number, WireStream> = new Map();
  /** The code of the last GOAWAY, -1 before the first. */
  goAwayCode = -1;
  /** The peer broke a rule of frames: what it sends from then on is not looked at. */
  isFaulty = false;
  /** Frames of the transport so far. */
  written = 0;
  private goAwayLast = MOST_WINDOW;
  private initialWindow = FIRST_WINDOW;
  private maxStreams = Number.POSITIVE_INFINITY;
  private tableSize = 4096;
  private highest = 0;
  private open = 0;
  private readonly settings: PeerSettings[] = [];
  private readonly pings: string[] = [];
  private readonly isServer: boolean;
  private readonly input: FrameReader;
  private readonly model: HpackModel = new HpackModel(4096, 1_000_000);
  private rest: Buffer = Buffer.alloc(0);
  private prefaceDue: boolean;
  private block:
    | { readonly id: number; readonly isEnd: boolean; readonly parts: Buffer[] }
    | undefined;

  /** @param isServer the transport is a server's */
  constructor(isServer: boolean) {
    this.isServer = isServer;
    this.prefaceDue = !isServer;
    this.block = undefined;
    this.input = new FrameReader(this, {
      maxFrameSize: MAX_FRAME,
      maxHeaderBlock: 65_536,
      maxContinuations: 8,
      expectPreface: isServer,
    });
  }

  /** Frames of ours that are asked for by the peer and not written. */
  get repliesDue(): number {
    return this.pings.length + this.settings.length;
  }

  stream(id: number): WireStream {
    let stream = this.streams.get(id);
    if (stream === undefined) {
      stream = new WireStream();
      this.streams.set(id, stream);
    }
    return stream;
  }

  private closed(stream: WireStream): void {
    if (stream.isOpen) this.open--;
    stream.isOpen = false;
    stream.isOver = true;
  }

  // What the peer sends.

  onDelivery(chunk: Buffer): void {
    this.input.read(chunk, 0, chunk.length);
  }

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.receiveWindow -= length;
    const stream = this.stream(streamId);
    stream.given -= length;
    if ((flags & 1) !== 0) this.closed(stream);
  }

  onDataBytes(): void {}

  onDataEnd(): void {}

  onHeaders(streamId: number, flags: number): void {
    if (this.isServer) this.highest = Math.max(this.highest, streamId);
    const stream = this.stream(streamId);
    if ((flags & 1) !== 0) this.closed(stream);
  }

  onPriority(): void {}

  onRstStream(streamId: number): void {
    this.closed(this.stream(streamId));
  }

  onSettings(payload: Buffer, start: number, end: number): void {
    const last = (id: number): number | undefined => {
      let value: number | undefined;
      for (let at = start; at < end; at += 6) {
        if (payload.readUInt16BE(at) === id) value = payload.readUInt32BE(at + 2);
      }
      return value;
    };
    // Within one frame the lowest table size counts too: a size update must say it (RFC 7541 §4.2).
    this.settings.push({ initialWindow: last(4), headerTableSize: last(1), maxStreams: last(3) });
  }

  onSettingsAck(): void {}

  onPing(ack: boolean, high: number, low: number): void {
    if (!ack) this.pings.push(`${high} ${low}`);
  }

  onGoAway(): void {}

  onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) this.sendWindow += increment;
    else this.stream(streamId).credit += increment;
  }

  onPushPromise(): void {}

  onUnknown(): void {}

  onConnectionFault(): void {
    this.isFaulty = true;
  }

  onStreamFault(): void {}

  // What the transport writes.

  onTaken(chunk: Buffer): void {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    if (this.prefaceDue) {
      if (bytes.length < PREFACE.length) {
        this.rest = Buffer.from(bytes);
        return;
      }
      hold(
        bytes.toString('latin1', 0, PREFACE.length) === PREFACE,
        'a client begins with the preface',
      );
      bytes = bytes.subarray(PREFACE.length);
      this.prefaceDue = false;
    }
    let at = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (length > MAX_FRAME) broken(`a frame of ${length} bytes`);
      if (bytes.length - at < 9 + length) break;
      const id = bytes.readUInt32BE(at + 5);
      const payload = bytes.subarray(at + 9, at + 9 + length);
      this.frame(bytes.readUInt8(at + 3), bytes.readUInt8(at + 4), id, payload);
      at += 9 + length;
    }
    // The chunk is the writer's again.
    this.rest = Buffer.from(bytes.subarray(at));
  }

  private frame(type: number, flags: number, id: number, payload: Buffer): void {
    hold(id <= MOST_WINDOW, 'a reserved bit');
    hold(this.written > 0 || (type === 4 && flags === 0), 'the first frame is SETTINGS');
    this.written++;
    hold(this.block === undefined || type === 9, 'a block is not interrupted');
    switch (type) {
      case 0:
        this.data(id, flags, payload.length);
        break;
      case 1:
        this.headers(id, flags, payload);
        break;
      case 3:
        this.reset(id, payload);
        break;
      case 4:
        this.settingsFrame(id, flags, payload);
        break;
      case 6:
        this.ping(id, flags, payload);
        break;
      case 7:
        this.goAway(id, payload);
        break;
      case 8:
        this.windowUpdate(id, payload);
        break;
      case 9:
        this.continuation(id, flags, payload);
        break;
      default:
        broken(`a frame of type ${type}`);
    }
  }

  private known(id: number, what: string): WireStream {
    if (id === 0) broken(`${what} on stream 0`);
    const stream = this.stream(id);
    if (!(this.isServer ? id <= this.highest : id % 2 === 1 && id <= this.highest))
      broken(`${what} on idle stream ${id}`);
    if (stream.isReset) broken(`${what} on stream ${id} behind its RST_STREAM`);
    if (this.goAwayCode > 0) broken(`${what} behind a GOAWAY with an error`);
    return stream;
  }

  private data(id: number, flags: number, length: number): void {
    if ((flags & ~1) !== 0) broken(`flags ${flags} of DATA`);
    const stream = this.known(id, 'DATA');
    if (stream.hasEnded) broken(`DATA on stream ${id} behind its end`);
    if (stream.lists !== 1) broken(`DATA on stream ${id} behind ${stream.lists} header lists`);
    if (length > 0) {
      const window = this.initialWindow + stream.credit;
      if (length > window) broken(`${length} bytes on stream ${id} with a window of ${window}`);
      if (length > this.sendWindow)
        broken(`${length} bytes with a connection window of ${this.sendWindow}`);
    }
    stream.credit -= length;
    this.sendWindow -= length;
    stream.hasEnded = (flags & 1) !== 0;
  }

  private headers(id: number, flags: number, payload: Buffer): void {
    if ((flags & ~5) !== 0) broken(`flags ${flags} of HEADERS`);
    if (!this.isServer && id > this.highest) {
      if (this.open >= this.maxStreams) broken(`stream ${id} is one more than ${this.maxStreams}`);
      this.highest = id;
      const opened = this.stream(id);
      // The peer may have been ahead of a socket that took nothing.
      if (!opened.isOver) this.open++;
      opened.isOpen = !opened.isOver;
    }
    const stream = this.known(id, 'HEADERS');
    if (stream.hasEnded) broken(`HEADERS on stream ${id} behind its end`);
    this.block = { id, isEnd: (flags & 1) !== 0, parts: [Buffer.from(payload)] };
    if ((flags & 4) !== 0) this.endBlock();
  }

  private continuation(id: number, flags: number, payload: Buffer): void {
    hold(this.block?.id === id, 'CONTINUATION of no block');
    this.block?.parts.push(Buffer.from(payload));
    if ((flags & 4) !== 0) this.endBlock();
  }

  private endBlock(): void {
    const { block } = this;
    if (block === undefined) return;
    this.block = undefined;
    const stream = this.stream(block.id);
    const list = this.model.decode(Buffer.concat(block.parts));
    hold(list !== undefined, 'a header block does not decode');
    // What the peer has asked for holds from our acknowledgement on, larger or smaller.
    const most = this.tableSize;
    if (this.model.limit > most) broken(`a table of ${this.model.limit}, the peer takes ${most}`);
    stream.lists++;
    stream.hasEnded = block.isEnd;
    const fields = pairs(list.fields);
    if (this.isServer) this.response(fields, stream);
    else if (!(requestKind(fields) === 'head' && stream.lists === 1))
      broken(`a bad request: ${JSON.stringify(fields)}`);
  }

  private response(fields: readonly (readonly [string, string])[], stream: WireStream): void {
    const isFirst = stream.lists === 1;
    const rules = isFirst ? [':status'] : [];
    if (isMalformed(fields, rules, rules)) broken(`a malformed list: ${JSON.stringify(fields)}`);
    hold(isFirst || (stream.lists === 2 && stream.hasEnded), 'a second list that is no trailers');
    const isPlain = isFirst && lastOf(fields, ':status') === '415';
    const hasStatus = lastOf(fields, 'grpc-status') !== undefined;
    if (!(isPlain || hasStatus === stream.hasEnded))
      broken(`a status in ${JSON.stringify(fields)}`);
  }

  private reset(id: number, payload: Buffer): void {
    hold(payload.length === 4, 'the length of RST_STREAM');
    if (!(id !== 0 && id <= this.highest)) broken(`RST_STREAM on idle stream ${id}`);
    const stream = this.stream(id);
    stream.isReset = true;
    this.closed(stream);
  }

  private settingsFrame(id: number, flags: number, payload: Buffer): void {
    hold(id === 0 && payload.length % 6 === 0, 'a SETTINGS frame');
    if ((flags & 1) === 0) return;
    hold(payload.length === 0, 'SETTINGS ACK with a payload');
    const settings = this.settings.shift();
    hold(settings !== undefined, 'an acknowledgement of SETTINGS that were not sent');
    this.initialWindow = settings.initialWindow ?? this.initialWindow;
    this.tableSize = Math.min(4096, settings.headerTableSize ?? this.tableSize);
    this.maxStreams = settings.maxStreams ?? this.maxStreams;
  }

  private ping(id: number, flags: number, payload: Buffer): void {
    hold(id === 0 && payload.length === 8, 'a PING frame');
    if ((flags & 1) === 0) return;
    const due = this.pings.shift();
    const told = `${payload.readUInt32BE(0)} ${payload.readUInt32BE(4)}`;
    if (due !== told) broken(`PING ACK ${told}, due is ${due}`);
  }

  private goAway(id: number, payload: Buffer): void {
    hold(id === 0 && payload.length >= 8, 'a GOAWAY frame');
    const last = payload.readUInt32BE(0);
    if (last > this.goAwayLast) broken(`GOAWAY ${last} after ${this.goAwayLast}`);
    this.goAwayLast = last;
    this.goAwayCode = payload.readUInt32BE(4);
  }

  private windowUpdate(id: number, payload: Buffer): void {
    hold(payload.length === 4, 'the length of WINDOW_UPDATE');
    const increment = payload.readUInt32BE(0);
    if (!(increment > 0 && increment <= MOST_WINDOW)) broken(`WINDOW_UPDATE of ${increment}`);
    if (id === 0) {
      this.receiveWindow += increment;
      if (this.receiveWindow > MOST_WINDOW)
        broken(`the connection's window grows to ${this.receiveWindow}`);
      return;
    }
    const stream = this.known(id, 'WINDOW_UPDATE');
    stream.given += increment;
    if (stream.given > MOST_WINDOW) broken(`the window of stream ${id} grows to ${stream.given}`);
  }
}
