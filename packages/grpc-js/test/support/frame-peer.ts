// One end of an HTTP/2 connection at the level of frames, so that it can stay silent where Node's own
// would answer: it acknowledges SETTINGS, answers pings as it is told, and keeps what it received.
// RFC 9113 §4, §6. Not here: HPACK; blocks are given and passed as they are.

import net from 'node:net';

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
} as const;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEADER_BYTES = 9;
const ACK = 1;
export const END_STREAM = 1;
const END_HEADERS = 4;

/** `:status: 200`, `content-type: application/grpc`, as fields without a table (RFC 7541 §6.2.2). */
const RESPONSE_BLOCK: Buffer = Buffer.concat([
  Buffer.from([0x88]),
  literal('content-type', 'application/grpc'),
]);
const OK_BLOCK: Buffer = literal('grpc-status', '0');

/** `:method: POST` and the rest of a request of gRPC. */
export function requestBlock(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86]),
    literal(':path', path),
    literal(':authority', 'localhost'),
    literal('te', 'trailers'),
    literal('content-type', 'application/grpc'),
  ]);
}

function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export class FramePeer {
  /** What came in, but for SETTINGS. */
  readonly frames: Frame[] = [];
  /** When pings that are no acknowledgements came, ms of the process. */
  readonly pings: number[] = [];
  readonly openedMs: number;
  answersPings = true;
  /** Set once the other end is gone. */
  isClosed = false;
  onFrame: (frame: Frame) => void = () => {};
  private readonly socket: net.Socket;
  private received: Buffer = Buffer.alloc(0);
  private prefaceBytes: number;

  /** @param prefaceBytes what comes before the first frame */
  constructor(socket: net.Socket, prefaceBytes: number) {
    this.openedMs = performance.now();
    this.socket = socket;
    this.prefaceBytes = prefaceBytes;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk: Buffer) => this.read(chunk));
  }

  /** A connection to a server. */
  static connect(port: number): FramePeer {
    const peer = new FramePeer(net.connect(port, '127.0.0.1'), 0);
    peer.socket.write(PREFACE);
    peer.send(FRAME.settings, 0, 0);
    return peer;
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUIntBE(payload.length, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(stream, 5);
    this.socket.write(Buffer.concat([header, payload]));
  }

  /** A request; it ends with `message`, if there is one. */
  request(stream: number, path: string, message?: Buffer): void {
    this.send(FRAME.headers, END_HEADERS, stream, requestBlock(path));
    if (message !== undefined) this.send(FRAME.data, END_STREAM, stream, message);
  }

  /** A response with one message, and OK. */
  answer(stream: number, message: Buffer): void {
    this.send(FRAME.headers, END_HEADERS, stream, RESPONSE_BLOCK);
    this.send(FRAME.data, 0, stream, message);
    this.send(FRAME.headers, END_HEADERS | END_STREAM, stream, OK_BLOCK);
  }

  goAway(lastStream: number, code: number, text: string): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(lastStream, 0);
    head.writeUInt32BE(code, 4);
    this.send(FRAME.goAway, 0, 0, Buffer.concat([head, Buffer.from(text)]));
  }

  ping(): void {
    this.send(FRAME.ping, 0, 0, Buffer.alloc(8));
  }

  count(type: number): number {
    return this.frames.filter((frame) => frame.type === type).length;
  }

  /** Code and text of the GOAWAYs that came in. */
  get goAways(): unknown[] {
    return this.frames
      .filter(({ type }) => type === FRAME.goAway)
      .map(({ payload }) => payload.readUInt32BE(4));
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    if (this.prefaceBytes > 0) {
      if (this.received.length < this.prefaceBytes) return;
      this.received = this.received.subarray(this.prefaceBytes);
      this.prefaceBytes = 0;
      this.send(FRAME.settings, 0, 0);
    }
    while (this.received.length >= HEADER_BYTES) {
      const length = this.received.readUIntBE(0, 3);
      if (this.received.length < HEADER_BYTES + length) return;
      const frame = {
        type: this.received.readUInt8(3),
        flags: this.received.readUInt8(4),
        stream: this.received.readUInt32BE(5) & 0x7fff_ffff,
        payload: Buffer.from(this.received.subarray(HEADER_BYTES, HEADER_BYTES + length)),
      };
      this.received = this.received.subarray(HEADER_BYTES + length);
      this.take(frame);
    }
  }

  private take(frame: Frame): void {
    if (frame.type === FRAME.settings) {
      if ((frame.flags & ACK) === 0) this.send(FRAME.settings, ACK, 0);
      return;
    }
    this.frames.push(frame);
    if (frame.type === FRAME.ping && (frame.flags & ACK) === 0) {
      this.pings.push(performance.now());
      if (this.answersPings) this.send(FRAME.ping, ACK, 0, frame.payload);
    }
    this.onFrame(frame);
  }
}

/** Listens on a free port of 127.0.0.1 for clients. */
export async function listenForClients(
  onPeer: (peer: FramePeer) => void,
): Promise<{ readonly port: number; readonly server: net.Server }> {
  const server = net.createServer((socket) => onPeer(new FramePeer(socket, PREFACE.length)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { port: (server.address() as net.AddressInfo).port, server };
}
