// A socket without a system behind it, and without turns of Node's event loop: what is written waits
// until it is taken, what comes is delivered when the run says so. It behaves as a socket of node:net
// where a transport can tell: `writableLength`, `pause`, an end on each side, `close` at last.

import { Duplex } from 'node:stream';

interface Written {
  readonly chunk: Buffer;
  readonly done: (() => void) | undefined;
}

export class FuzzSocket extends Duplex {
  /** Sees each chunk when it is taken: the buffer is the writer's again after that. */
  onTaken: (chunk: Buffer) => void = () => {};
  /** Sees each chunk right before the transport does. */
  onDelivery: (chunk: Buffer) => void = () => {};
  /** Nothing more is taken until told. */
  stalled = false;
  isEnded = false;
  isClosed = false;
  private isDestroyed = false;
  private peerEnded = false;
  private endDelivered = false;
  private flowing = false;
  private waiting = 0;
  private readonly written: Written[] = [];
  private readonly incoming: Buffer[] = [];

  constructor() {
    super({ allowHalfOpen: false });
    Object.defineProperties(this, DESCRIPTORS);
  }

  /** Bytes that were written and not taken. */
  get backlog(): number {
    return this.waiting;
  }

  get isWritable(): boolean {
    return !this.isEnded && !this.isDestroyed;
  }

  get isGone(): boolean {
    return this.isDestroyed;
  }

  /** Nothing of the peer waits to be delivered. */
  get isRead(): boolean {
    return this.incoming.length === 0;
  }

  // What the transport calls.

  override write(chunk: unknown, ...rest: readonly unknown[]): boolean {
    if (!Buffer.isBuffer(chunk) || !this.isWritable) return false;
    const done = rest.findLast((argument) => typeof argument === 'function');
    this.written.push({ chunk, done: done === undefined ? undefined : (): void => done() });
    this.waiting += chunk.length;
    return false;
  }

  override end(): this {
    this.isEnded = true;
    return this;
  }

  override destroy(): this {
    this.isDestroyed = true;
    this.waiting = 0;
    return this;
  }

  override pause(): this {
    this.flowing = false;
    return this;
  }

  override resume(): this {
    this.flowing = true;
    return this;
  }

  // What the run does.

  /** The peer sends bytes, which are overwritten once they were looked at. */
  receive(chunk: Buffer): void {
    if (!this.peerEnded) this.incoming.push(chunk);
  }

  receiveEnd(): void {
    this.peerEnded = true;
  }

  fail(error: Error): void {
    if (this.isDestroyed) return;
    this.emit('error', error);
    this.destroy();
  }

  /** Delivers what may be delivered; true if anything was. */
  deliver(): boolean {
    let isBusy = false;
    while (this.flowing && !this.isDestroyed) {
      const chunk = this.incoming.shift();
      if (chunk === undefined) break;
      this.onDelivery(chunk);
      this.emit('data', chunk);
      chunk.fill(0xee);
      isBusy = true;
    }
    if (this.peerEnded && !this.endDelivered && this.isRead && this.flowing && !this.isDestroyed) {
      this.endDelivered = true;
      this.emit('end');
      this.end();
      isBusy = true;
    }
    return isBusy;
  }

  /** Takes chunks as long as they are within so many bytes, one at least; true if any was. */
  takeWritten(bytes: number): boolean {
    let left = bytes;
    let isBusy = false;
    while (left > 0 && !this.isDestroyed) {
      const next = this.written.shift();
      if (next === undefined) break;
      left -= next.chunk.length;
      this.waiting -= next.chunk.length;
      this.onTaken(next.chunk);
      next.done?.();
      isBusy = true;
    }
    const isOver = this.isEnded && this.endDelivered && this.written.length === 0;
    if (isOver) this.isDestroyed = true;
    if (this.isDestroyed && !this.isClosed) {
      this.isClosed = true;
      this.emit('close');
      return true;
    }
    return isBusy;
  }
}

// Node's own are getters over a state that nothing here keeps.
const DESCRIPTORS: PropertyDescriptorMap = {
  writableLength: {
    get(this: FuzzSocket): number {
      return this.backlog;
    },
  },
  writable: {
    get(this: FuzzSocket): boolean {
      return this.isWritable;
    },
  },
  destroyed: {
    get(this: FuzzSocket): boolean {
      return this.isGone;
    },
  },
};
