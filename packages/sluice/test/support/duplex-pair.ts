// Two sockets joined in memory. What one writes is copied into the pipe to the other, as a kernel
// would, and handed on in chunks of chosen sizes; a pipe has room for so many bytes and no more, so
// a peer that stops reading makes `writableLength` grow.

import { Duplex } from 'node:stream';

export interface PairOptions {
  /** Bytes a pipe holds for a reader that does not read; default unlimited. */
  readonly capacity?: number;
  /** Length of the next chunk handed to a reader, bytes; default all there is. */
  readonly chunkLength?: () => number;
}

/** One direction. */
class Pipe {
  private readonly capacity: number;
  private readonly chunkLength: () => number;
  private chunks: Buffer[] = [];
  private length = 0;
  private ended = false;
  private writing: { chunk: Buffer; done: (error?: Error | null) => void } | undefined = undefined;
  private reader: Duplex | undefined = undefined;
  private wanted = false;

  constructor(options: PairOptions) {
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.chunkLength = options.chunkLength ?? (() => Number.POSITIVE_INFINITY);
  }

  attach(reader: Duplex): void {
    this.reader = reader;
  }

  /** `done` is called once the pipe has taken the whole chunk. */
  write(chunk: Buffer, done: (error?: Error | null) => void): void {
    this.writing = { chunk, done };
    this.fill();
    this.drain();
  }

  end(): void {
    this.ended = true;
    this.drain();
  }

  /** The reader wants more. */
  read(): void {
    this.wanted = true;
    this.drain();
  }

  private fill(): void {
    const writing = this.writing;
    if (writing === undefined) return;
    const room = Math.min(this.capacity - this.length, writing.chunk.length);
    if (room > 0) {
      this.chunks.push(Buffer.from(writing.chunk.subarray(0, room)));
      this.length += room;
      writing.chunk = writing.chunk.subarray(room);
    }
    if (writing.chunk.length > 0) return;
    this.writing = undefined;
    writing.done();
  }

  private drain(): void {
    while (this.wanted && this.length > 0) {
      const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      const length = Math.min(this.length, Math.max(1, this.chunkLength()));
      const chunk = all?.subarray(0, length);
      const rest = all?.subarray(length);
      this.chunks = rest === undefined || rest.length === 0 ? [] : [rest];
      this.length -= length;
      this.wanted = this.reader?.push(chunk) ?? false;
      this.fill();
    }
    if (this.wanted && this.ended && this.length === 0 && this.writing === undefined) {
      this.wanted = false;
      this.reader?.push(null);
    }
  }
}

/** One end: a Duplex as node:net's sockets are, ending its side when the peer ends its own. */
export class MemorySocket extends Duplex {
  private readonly incoming: Pipe;
  private readonly outgoing: Pipe;

  constructor(incoming: Pipe, outgoing: Pipe) {
    super({ allowHalfOpen: false, readableHighWaterMark: 1 });
    this.incoming = incoming;
    this.outgoing = outgoing;
    incoming.attach(this);
  }

  override _read(): void {
    this.incoming.read();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.outgoing.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.outgoing.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.outgoing.end();
    done(error);
  }
}

/** Two ends of one connection. */
export function duplexPair(
  options: { readonly aToB?: PairOptions; readonly bToA?: PairOptions } = {},
): { readonly a: MemorySocket; readonly b: MemorySocket } {
  const aToB = new Pipe(options.aToB ?? {});
  const bToA = new Pipe(options.bToA ?? {});
  return { a: new MemorySocket(bToA, aToB), b: new MemorySocket(aToB, bToA) };
}
