// The other end of a connection under test, which speaks raw frames: what it receives reads as the
// lines of a wire transcript, and it sends whatever it is told to, legal or not.
// What is sent between two turns reaches the transport as one chunk.

import type { Duplex } from 'node:stream';
import { ErrorCode, errorCodeName } from '#sluice/frames/error-code.js';
import { Flags } from '#sluice/frames/flags.js';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from '#sluice/frames/frame-header.js';
import { FrameType } from '#sluice/frames/frame-type.js';
import { writeGoAway } from '#sluice/frames/go-away.js';
import { CLIENT_PREFACE } from '#sluice/frames/preface.js';
import { SettingId } from '#sluice/frames/settings.js';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';

/** A received frame, as it came. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface HeadersOptions {
  readonly endStream?: boolean;
  /** Bytes of padding; sets PADDED. */
  readonly padding?: number;
  /** Most bytes of the block in one frame: the rest follows in CONTINUATION. */
  readonly split?: number;
}

export interface DataOptions {
  readonly endStream?: boolean;
  /** Bytes of padding; sets PADDED. */
  readonly padding?: number;
}

type SettingName = keyof typeof SettingId;

const SETTING_NAMES = new Map<number, string>(
  Object.entries(SettingId).map(([name, id]) => [id, name]),
);
const TYPE_NAMES = new Map<number, string>(
  Object.entries(FrameType).map(([name, type]) => [type, name]),
);

// The fields that a HEADERS line shows; all of them are in `fieldsOf`.
const SHOWN = new Set([':path', ':status', 'grpc-status', 'grpc-message']);

/** A gRPC message with its prefix. */
export function framed(message: string | Uint8Array, compressed = false): Buffer {
  const payload = Buffer.from(message);
  const out = Buffer.alloc(5 + payload.length);
  out[0] = compressed ? 1 : 0;
  out.writeUInt32BE(payload.length, 1);
  payload.copy(out, 5);
  return out;
}

export class MockPeer {
  /** Every frame received. */
  readonly frames: ReceivedFrame[] = [];
  /** HPACK of this end; the same size limits as any peer's. */
  readonly encoder: HpackEncoder = new HpackEncoder(4_096);
  /** The transport ended or destroyed its socket. */
  ended = false;
  readonly socket: Duplex;
  private readonly decoder = new HpackDecoder(4_096, 1_000_000);
  private readonly fields = new Map<number, string[][]>();
  private readonly bodies = new Map<number, Buffer[]>();
  private lines: string[] = [];
  private outbox: Buffer[] = [];
  private input: Buffer = Buffer.alloc(0);
  private prefaceDue: boolean;
  private block: { id: number; flags: number; parts: Buffer[] } | undefined = undefined;

  /** @param as the part it plays: a 'client' sends the preface, a 'server' expects one */
  constructor(socket: Duplex, as: 'client' | 'server') {
    this.socket = socket;
    // It ends its side when the test says so.
    socket.allowHalfOpen = true;
    this.prefaceDue = as === 'server';
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => {
      this.ended = true;
      this.lines.push('END');
    });
    socket.on('error', () => {});
  }

  // What it received.

  /** The lines since the last call. */
  take(): string[] {
    const lines = this.lines;
    this.lines = [];
    return lines;
  }

  /** The header lists of a stream, in order: flat name, value, name, value. */
  fieldsOf(streamId: number): string[][] {
    return this.fields.get(streamId) ?? [];
  }

  /** One field of a stream's n-th header list. */
  field(streamId: number, name: string, list = 0): string | undefined {
    const fields = this.fieldsOf(streamId)[list] ?? [];
    const at = fields.findIndex((text, i) => i % 2 === 0 && text === name);
    return at < 0 ? undefined : fields[at + 1];
  }

  /** The DATA of a stream so far. */
  body(streamId: number): Buffer {
    return Buffer.concat(this.bodies.get(streamId) ?? []);
  }

  private receive(chunk: Buffer): void {
    this.input = Buffer.concat([this.input, chunk]);
    if (this.prefaceDue) {
      if (this.input.length < CLIENT_PREFACE.length) return;
      const isPreface = this.input.subarray(0, CLIENT_PREFACE.length).equals(CLIENT_PREFACE);
      this.lines.push(isPreface ? 'PREFACE' : 'NOT A PREFACE');
      this.input = this.input.subarray(CLIENT_PREFACE.length);
      this.prefaceDue = false;
    }
    while (this.input.length >= FRAME_HEADER_LENGTH) {
      const end = FRAME_HEADER_LENGTH + this.input.readUIntBE(0, 3);
      if (this.input.length < end) return;
      const frame = {
        type: this.input.readUInt8(3),
        flags: this.input.readUInt8(4),
        streamId: this.input.readUInt32BE(5),
        payload: Buffer.from(this.input.subarray(FRAME_HEADER_LENGTH, end)),
      };
      this.input = this.input.subarray(end);
      this.frames.push(frame);
      this.lines.push(this.describe(frame));
    }
  }

  private describe(frame: ReceivedFrame): string {
    const { type, flags, streamId, payload } = frame;
    const end = (flags & Flags.END_STREAM) !== 0 ? ' END_STREAM' : '';
    switch (type) {
      case FrameType.DATA: {
        const parts = this.bodies.get(streamId) ?? [];
        this.bodies.set(streamId, parts);
        parts.push(payload);
        return `DATA ${streamId} ${payload.length}${end}`;
      }
      case FrameType.HEADERS:
        this.block = { id: streamId, flags, parts: [payload] };
        return `HEADERS ${streamId}${end}${this.endBlock(flags)}`;
      case FrameType.CONTINUATION:
        this.block?.parts.push(payload);
        return `CONTINUATION ${streamId}${this.endBlock(flags)}`;
      case FrameType.RST_STREAM:
        return `RST_STREAM ${streamId} ${errorCodeName(payload.readUInt32BE(0))}`;
      case FrameType.SETTINGS:
        return (flags & Flags.ACK) !== 0 ? 'SETTINGS ACK' : `SETTINGS${settingsText(payload)}`;
      case FrameType.PING:
        return `PING${(flags & Flags.ACK) !== 0 ? ' ACK' : ''} ${payload.toString('hex')}`;
      case FrameType.GOAWAY: {
        const code = errorCodeName(payload.readUInt32BE(4));
        return `GOAWAY ${payload.readUInt32BE(0)} ${code} ${payload.toString('latin1', 8)}`;
      }
      case FrameType.WINDOW_UPDATE:
        return `WINDOW_UPDATE ${streamId} ${payload.readUInt32BE(0)}`;
      default:
        return `${TYPE_NAMES.get(type) ?? type} ${streamId}`;
    }
  }

  private endBlock(flags: number): string {
    const block = this.block;
    if (block === undefined || (flags & Flags.END_HEADERS) === 0) return ' ...';
    this.block = undefined;
    const bytes = Buffer.concat(block.parts);
    const decoded = this.decoder.decode(bytes, 0, bytes.length);
    if (decoded === undefined) return ` HPACK FAULT ${this.decoder.fault}`;
    const lists = this.fields.get(block.id) ?? [];
    this.fields.set(block.id, lists);
    lists.push([...decoded.fields]);
    let text = '';
    for (let i = 0; i < decoded.fields.length; i += 2) {
      const name = decoded.fields[i] ?? '';
      if (SHOWN.has(name)) text += ` ${name}=${decoded.fields[i + 1] ?? ''}`;
    }
    return text;
  }

  // What it sends.

  /** Hands what was sent since the last call to the socket, as one chunk. */
  flush(): void {
    if (this.outbox.length === 0) return;
    const chunk = Buffer.concat(this.outbox);
    this.outbox = [];
    this.socket.write(chunk);
  }

  raw(bytes: Uint8Array): this {
    this.outbox.push(Buffer.from(bytes));
    return this;
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array): this {
    const header = Buffer.alloc(FRAME_HEADER_LENGTH);
    writeFrameHeader(header, 0, payload.length, type, flags, streamId);
    return this.raw(header).raw(payload);
  }

  preface(): this {
    return this.raw(CLIENT_PREFACE);
  }

  settings(values: { readonly [name in SettingName]?: number } = {}): this {
    const entries = Object.entries(values);
    const payload = Buffer.alloc(entries.length * 6);
    for (const [i, [name, value]] of entries.entries()) {
      const id = Object.entries(SettingId).find(([known]) => known === name)?.[1] ?? 0;
      payload.writeUInt16BE(id, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    }
    return this.frame(FrameType.SETTINGS, 0, 0, payload);
  }

  settingsAck(): this {
    return this.frame(FrameType.SETTINGS, Flags.ACK, 0, Buffer.alloc(0));
  }

  ping(high: number, low: number, ack = false): this {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(high, 0);
    payload.writeUInt32BE(low, 4);
    return this.frame(FrameType.PING, ack ? Flags.ACK : 0, 0, payload);
  }

  /** Answers the last PING received. */
  pingAck(): this {
    const ping = this.frames.findLast(({ type }) => type === FrameType.PING);
    return this.frame(FrameType.PING, Flags.ACK, 0, ping?.payload ?? Buffer.alloc(8));
  }

  goAway(lastStreamId: number, errorCode: number = ErrorCode.NO_ERROR, text = ''): this {
    const out = Buffer.alloc(FRAME_HEADER_LENGTH + 8 + text.length);
    writeGoAway(out, 0, lastStreamId, errorCode, text);
    return this.raw(out);
  }

  windowUpdate(streamId: number, increment: number): this {
    return this.frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
  }

  rstStream(streamId: number, errorCode: number): this {
    return this.frame(FrameType.RST_STREAM, 0, streamId, uint32(errorCode));
  }

  headers(streamId: number, fields: readonly string[], options: HeadersOptions = {}): this {
    const out = Buffer.alloc(HpackEncoder.bound(fields));
    const end = this.encoder.writeFields(fields, out, this.encoder.beginBlock(out, 0));
    return this.writeBlock(streamId, out.subarray(0, end), options);
  }

  private writeBlock(streamId: number, block: Buffer, options: HeadersOptions): this {
    const { endStream = false, padding, split = 16_384 } = options;
    let flags: number = endStream ? Flags.END_STREAM : Flags.NONE;
    if (block.length <= split) flags |= Flags.END_HEADERS;
    const first = block.subarray(0, split);
    if (padding === undefined) {
      this.frame(FrameType.HEADERS, flags, streamId, first);
    } else {
      const padded = Buffer.concat([Buffer.of(padding), first, Buffer.alloc(padding)]);
      this.frame(FrameType.HEADERS, flags | Flags.PADDED, streamId, padded);
    }
    for (let at = split; at < block.length; at += split) {
      const isLast = at + split >= block.length;
      const part = block.subarray(at, at + split);
      this.frame(FrameType.CONTINUATION, isLast ? Flags.END_HEADERS : 0, streamId, part);
    }
    return this;
  }

  data(streamId: number, payload: Uint8Array | string, options: DataOptions = {}): this {
    const { endStream = false, padding } = options;
    const flags = endStream ? Flags.END_STREAM : Flags.NONE;
    const bytes = Buffer.from(payload);
    if (padding === undefined) return this.frame(FrameType.DATA, flags, streamId, bytes);
    const padded = Buffer.concat([Buffer.of(padding), bytes, Buffer.alloc(padding)]);
    return this.frame(FrameType.DATA, flags | Flags.PADDED, streamId, padded);
  }

  /** Ends its side of the connection. */
  end(): void {
    this.flush();
    this.socket.end();
  }
}

function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value, 0);
  return out;
}

function settingsText(payload: Buffer): string {
  let text = '';
  for (let at = 0; at < payload.length; at += 6) {
    const id = payload.readUInt16BE(at);
    text += ` ${SETTING_NAMES.get(id) ?? id}=${payload.readUInt32BE(at + 2)}`;
  }
  return text;
}
