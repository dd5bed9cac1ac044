// Gathers frames into one buffer and hands it to the socket in one write: the only place that
// writes to a socket, used by loopy alone.
// Invariant: at most MAX_WRITE bytes per write; a buffer is reused only after the socket is done
// with it. Buffers are shared by all connections of the process, a batch holds one only while it
// gathers or while the socket still owns it.

import type { Duplex } from 'node:stream';
import { MAX_FRAME, MAX_SOCKET_BACKLOG, MAX_TURN_BYTES, MAX_WRITE } from './limits.ts';

// Idle buffers kept for the next turn: as many as one turn writes, each with a frame less than it could
// hold. Of what is not kept, V8 collects its whole heap up to a hundred times a second.
const MAX_IDLE_BUFFERS: number = Math.ceil(MAX_TURN_BYTES / (MAX_WRITE - MAX_FRAME));
const idleBuffers: Buffer[] = [];

function takeBuffer(): Buffer {
  return idleBuffers.pop() ?? Buffer.allocUnsafeSlow(MAX_WRITE);
}

function giveBuffer(buffer: Buffer): void {
  if (buffer.length === MAX_WRITE && idleBuffers.length < MAX_IDLE_BUFFERS)
    idleBuffers.push(buffer);
}

const NONE: Buffer = Buffer.alloc(0);

// Bytes below which a write is copied rather than let keep a whole buffer.
const SMALL_WRITE: number = MAX_WRITE / 4;

/** Told when the socket has taken what was written before. */
export interface WriteListener {
  onWritten(): void;
}

export class WriteBatch {
  /** Valid after reserve(); frames are written into it at the offset reserve() returned. */
  buffer: Buffer;
  length: number;
  /** Bytes handed to the socket since the connection began. */
  bytesWritten: number;
  private readonly socket: Duplex;
  private readonly listener: WriteListener;
  // Buffers the socket still owns, oldest first; writes complete in order.
  private readonly pending: Buffer[];
  private readonly onWritten: () => void;

  constructor(socket: Duplex, listener: WriteListener) {
    this.buffer = NONE;
    this.length = 0;
    this.bytesWritten = 0;
    this.socket = socket;
    this.listener = listener;
    this.pending = [];
    this.onWritten = () => {
      const buffer = this.pending.shift();
      if (buffer !== undefined) giveBuffer(buffer);
      this.listener.onWritten();
    };
  }

  /** Makes room for `bytes` more, writing what is gathered if it must; returns where they go. */
  reserve(bytes: number): number {
    if (this.length + bytes > this.buffer.length) {
      this.flush();
      this.buffer = bytes > MAX_WRITE ? Buffer.allocUnsafeSlow(bytes) : takeBuffer();
    }
    return this.length;
  }

  /** True when the socket's own backlog leaves no room for another full write. */
  get blocked(): boolean {
    return this.socket.writableLength + MAX_WRITE > MAX_SOCKET_BACKLOG;
  }

  /** Bytes in the socket's own backlog. */
  get socketBytes(): number {
    return this.socket.writableLength;
  }

  /** Hands what is gathered to the socket. */
  flush(): void {
    const buffer = this.buffer;
    const length = this.length;
    this.buffer = NONE;
    this.length = 0;
    if (length === 0 || !this.socket.writable) {
      giveBuffer(buffer);
      return;
    }
    this.bytesWritten += length;
    if (this.socket.writableLength > 0 && length < SMALL_WRITE) {
      // Behind a stalled socket many small writes pile up; each holds no more than its bytes.
      this.pending.push(NONE);
      this.socket.write(Buffer.from(buffer.subarray(0, length)), this.onWritten);
      giveBuffer(buffer);
      return;
    }
    this.pending.push(buffer);
    this.socket.write(
      length === buffer.length ? buffer : buffer.subarray(0, length),
      this.onWritten,
    );
  }
}
