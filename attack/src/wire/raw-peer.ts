// One end of an HTTP/2 connection that obeys nobody: writes any bytes, keeps what it hears.
// Invariants: every wait has an end; a flood stops at its count, at the close of the connection, or
// when its time is over. It answers nothing by itself but SETTINGS and PING, and those only if asked.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HpackDecoder } from '../../../packages/sluice/dist/hpack/decoder.js';
import { Flag, FRAME_HEADER, FrameType, PREFACE, ping, settings, settingsAck } from './frames.ts';

/** Where to attack; with the PEM of the certificate, over TLS. */
export interface Address {
  readonly port: number;
  readonly trusted: string | undefined;
}

/** A frame that came; its payload is a copy. */
export interface HeardFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface HeardGoAway {
  readonly lastStreamId: number;
  readonly errorCode: number;
  readonly debug: string;
}

export interface RawPeerOptions {
  /** Sends preface and SETTINGS at once; default true. */
  readonly greets?: boolean;
  /** Pairs of the first SETTINGS. */
  readonly settings?: readonly (readonly [number, number])[];
  /** Acknowledges SETTINGS and answers PING; default true. */
  readonly answers?: boolean;
}

const PING_FENCE = 0x7e000000;

export class RawPeer {
  readonly socket: Socket;
  /** Called for every frame; set by an attack. */
  onFrame: (frame: HeardFrame) => void;
  /** How many frames of each type came. */
  readonly counts: number[];
  /** Bytes of DATA payload that came. */
  dataBytes: number;
  goAway: HeardGoAway | undefined;
  closed: boolean;
  /** How the socket ended, where it was an error. */
  fault: string;
  /** Frames handed to `flood` and to the socket. */
  framesSent: number;
  /** Milliseconds on `performance.now()`; of the close. */
  closedMs: number;
  private readonly answers: boolean;
  private readonly server: boolean;
  private readonly decoder: HpackDecoder;
  private readonly waiting: Set<() => void>;
  private pending: Buffer;
  private fences: number;
  private skip: number;

  constructor(socket: Socket, options: RawPeerOptions & { readonly server?: boolean } = {}) {
    this.socket = socket;
    this.onFrame = () => {};
    this.counts = [];
    this.dataBytes = 0;
    this.goAway = undefined;
    this.closed = false;
    this.fault = '';
    this.framesSent = 0;
    this.closedMs = 0;
    this.answers = options.answers ?? true;
    this.decoder = new HpackDecoder(65_536, 1_000_000);
    this.waiting = new Set();
    this.pending = Buffer.alloc(0);
    this.fences = 0;
    this.skip = options.server === true ? PREFACE.length : 0;
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => {
      this.fault = error.message;
    });
    // An end of theirs is an end of ours.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.closed = true;
      this.closedMs = performance.now();
      this.wake();
    });
    this.server = options.server === true;
    if (options.greets !== false) this.greet(options.settings);
  }

  /** Sends what opens a connection: SETTINGS, behind the preface where it is a client's end. */
  greet(entries: readonly (readonly [number, number])[] = []): void {
    const hello = settings(entries);
    this.write(this.server ? hello : Buffer.concat([PREFACE, hello]));
  }

  /** Connects; rejects where nobody listens. */
  static async connect(address: Address, options: RawPeerOptions = {}): Promise<RawPeer> {
    return new RawPeer(await openSocket(address), options);
  }

  /** Bytes as they are. False when the socket asks to wait. */
  write(bytes: Uint8Array): boolean {
    if (this.closed || !this.socket.writable) return false;
    return this.socket.write(bytes);
  }

  /**
   * Writes `make(0)`, `make(1)`, ... until `count`, in batches, as fast as the socket takes them.
   * @returns how many were handed over before the connection closed, or the time was up
   */
  async flood(
    count: number,
    make: (i: number) => Uint8Array,
    { batch = 64, withinMs = 20_000 }: { batch?: number; withinMs?: number } = {},
  ): Promise<number> {
    const until = performance.now() + withinMs;
    let sent = 0;
    while (sent < count && !this.isOver && performance.now() < until) {
      const parts: Uint8Array[] = [];
      for (let i = 0; i < batch && sent < count; i += 1, sent += 1) parts.push(make(sent));
      this.framesSent += parts.length;
      if (this.write(Buffer.concat(parts))) await turn();
      else await this.drained(until - performance.now());
    }
    return sent;
  }

  /** GOAWAY came, or the end of the connection. */
  get isOver(): boolean {
    return this.closed || this.goAway !== undefined;
  }

  /** All that was written before has been read: our PING was answered. False when it never was. */
  async fence(withinMs = 10_000): Promise<boolean> {
    const opaque = PING_FENCE + this.fences;
    this.fences += 1;
    let heard = false;
    const before = this.onFrame;
    this.onFrame = (frame) => {
      if (isAckOf(frame, opaque)) heard = true;
      before(frame);
    };
    this.write(ping(opaque));
    await this.until(() => heard || this.closed, withinMs);
    this.onFrame = before;
    return heard;
  }

  /** Resolves when `isSo` answers true, looked at after every chunk; false when the time is up. */
  until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    if (isSo()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (answer: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(answer);
      };
      const look = (): void => {
        if (isSo()) done(true);
      };
      const timer = setTimeout(() => done(isSo()), withinMs);
      this.waiting.add(look);
    });
  }

  untilClosed(withinMs: number): Promise<boolean> {
    return this.until(() => this.closed, withinMs);
  }

  /** Fields of a HEADERS frame without padding and priority, in pairs; blocks are decoded in order. */
  fieldsOf(frame: HeardFrame): readonly string[] {
    return this.decoder.decode(frame.payload, 0, frame.payload.length)?.fields ?? [];
  }

  /** Stops reading: the kernel's buffers fill, and nothing is answered. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.destroy();
  }

  private drained(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.socket.off('drain', done);
        this.socket.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, withinMs));
      this.socket.on('drain', done);
      this.socket.on('close', done);
    });
  }

  private take(chunk: Buffer): void {
    let bytes = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    if (this.skip > 0) {
      const skipped = Math.min(this.skip, bytes.length);
      this.skip -= skipped;
      bytes = bytes.subarray(skipped);
    }
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < FRAME_HEADER + length) break;
      const start = at + FRAME_HEADER;
      this.hear({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        streamId: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
        payload: Buffer.from(bytes.subarray(start, start + length)),
      });
      at = start + length;
    }
    this.pending = Buffer.from(bytes.subarray(at));
    this.wake();
  }

  private hear(frame: HeardFrame): void {
    this.counts[frame.type] = (this.counts[frame.type] ?? 0) + 1;
    const isAck = (frame.flags & Flag.ACK) !== 0;
    if (frame.type === FrameType.DATA) this.dataBytes += frame.payload.length;
    if (frame.type === FrameType.GOAWAY) this.hearGoAway(frame.payload);
    if (this.answers && !isAck && frame.type === FrameType.SETTINGS) this.write(settingsAck());
    if (this.answers && !isAck && frame.type === FrameType.PING) {
      this.write(Buffer.concat([ping(0, true).subarray(0, FRAME_HEADER), frame.payload]));
    }
    this.onFrame(frame);
  }

  private hearGoAway(payload: Buffer): void {
    const errorCode = payload.readUInt32BE(4);
    // A drain announces itself by two of them; the one that counts is the last.
    this.goAway = {
      lastStreamId: payload.readUInt32BE(0),
      errorCode,
      debug: payload.toString('latin1', 8),
    };
  }

  private wake(): void {
    for (const look of [...this.waiting]) look();
  }
}

function isAckOf(frame: HeardFrame, opaque: number): boolean {
  if (frame.type !== FrameType.PING || (frame.flags & Flag.ACK) === 0) return false;
  return frame.payload.readUInt32BE(4) === opaque;
}

/** The event loop goes round once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Sockets of attacks that are not closed. */
const open = new Set<Socket>();

/** Ends what attacks have left open, after it was measured what that costs. */
export function endOpenSockets(): void {
  for (const socket of open) socket.destroy();
}

/** A connected socket; rejects where nobody listens. */
export function openSocket(address: Address): Promise<Socket> {
  const { port, trusted } = address;
  return new Promise((resolve, reject) => {
    const host = '127.0.0.1';
    const socket =
      trusted === undefined
        ? connectTcp({ host, port, noDelay: true })
        : connectTls({ host, port, ca: trusted, ALPNProtocols: ['h2'] });
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.once('error', reject);
    socket.once(trusted === undefined ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
