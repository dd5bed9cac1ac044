// Runs a callback handler where streams of messages are wanted: behind interceptors.
// Invariants: the handler hears what it would hear of a stream, in the same order; one request is
// read ahead, because its end has to be told unasked; what it writes against `send`'s advice is
// bounded. Not here: the usual way of callbacks (callback-listener.ts).

import { Status } from '../grpc/status.ts';
import { checkStatus, StatusError } from '../grpc/status-error.ts';
import { defaultServerLimits, MESSAGE_CHARGE, WRITE_QUOTA } from '../transport/limits.ts';
import { checkMessage } from '../transport/message-check.ts';
import { DONE } from '../transport/message-queue.ts';
import type { ServerStreamListener } from '../transport/server-stream.ts';
import { type CallHandler, checkCallbacks, type ServerCall } from './callback-listener.ts';
import type { ServerContext } from './context.ts';

interface Waiter {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** The responses of a callback handler, as an async iterator; the handler runs from the start. */
export class CallbackBridge implements AsyncIterableIterator<Uint8Array, undefined>, ServerCall {
  private readonly requests: AsyncIterator<Buffer>;
  private readonly context: ServerContext;
  private readonly responses: Uint8Array[];
  private callbacks: ServerStreamListener | undefined;
  /** Bytes of `responses`, as they are charged. */
  private bytes: number;
  private wanted: number;
  private held: Buffer | undefined;
  private paused: boolean;
  private ended: boolean;
  /** The handler was told that its call is over. */
  private cancelled: boolean;
  private error: unknown;
  private waiter: Waiter | undefined;

  constructor(handler: CallHandler, requests: AsyncIterable<Buffer>, context: ServerContext) {
    this.requests = requests[Symbol.asyncIterator]();
    this.context = context;
    this.responses = [];
    this.callbacks = undefined;
    this.bytes = 0;
    this.wanted = 0;
    this.held = undefined;
    this.paused = false;
    this.ended = false;
    this.cancelled = false;
    this.error = undefined;
    this.waiter = undefined;
    this.callbacks = handler(this, context);
    if (this.ended) return;
    checkCallbacks(this.callbacks, context);
    context.follow(this);
    void this.read();
  }

  // ServerCall.

  send(message: Uint8Array): boolean {
    checkMessage(message, 'response');
    if (this.ended) return true;
    const { waiter } = this;
    if (waiter !== undefined) {
      this.waiter = undefined;
      waiter.resolve({ value: message, done: false });
      return true;
    }
    const limit = defaultServerLimits.queuedBytes;
    const charge = message.length + MESSAGE_CHARGE;
    if (this.bytes + charge > limit) {
      const text = `refused by the queued-bytes limit: ${this.bytes} of ${limit} bytes wait for the client to read; this call writes on; wait for onWritable after send() returns false`;
      this.finish(StatusError.refusal(Status.RESOURCE_EXHAUSTED, text));
      this.tellCancel(text);
      return true;
    }
    this.responses.push(message);
    this.bytes += charge;
    this.paused = this.bytes >= WRITE_QUOTA;
    return !this.paused;
  }

  request(count: number): void {
    this.wanted += count;
    this.deliver();
  }

  end(code: Status, details = ''): void {
    checkStatus(code, details);
    this.finish(code === Status.OK ? undefined : StatusError.refusal(code, details));
  }

  /** The call is over before its end; called by the context. */
  cancel(reason: string): void {
    if (!this.ended) this.tellCancel(reason);
  }

  private tellCancel(reason: string): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.tell((callbacks) => callbacks.onCancel(reason));
  }

  // The responses.

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const message = this.responses.shift();
    if (message !== undefined) {
      this.bytes -= message.length + MESSAGE_CHARGE;
      if (this.paused && this.responses.length === 0) {
        this.paused = false;
        queueMicrotask(() => this.tell((callbacks) => callbacks.onWritable()));
      }
      return Promise.resolve({ value: message, done: false });
    }
    if (this.ended) {
      const { error } = this;
      this.error = undefined;
      return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /** Nobody takes more of it. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.cancel('the responses are not wanted any more');
    this.finish(undefined);
    return Promise.resolve(DONE);
  }

  // The requests.

  private async read(): Promise<void> {
    try {
      const { value, done } = await this.requests.next();
      if (this.ended) return;
      if (done === true) {
        this.tell((callbacks) => callbacks.onHalfClose());
        return;
      }
      this.held = value;
    } catch (error) {
      if (this.ended || this.context.cancelled) return;
      // An interceptor's iterable failed: nobody else hears of that.
      this.finish(error);
      this.tellCancel('the requests cannot be read any further');
      return;
    }
    this.deliver();
  }

  private deliver(): void {
    const { held } = this;
    if (held === undefined || this.wanted === 0 || this.ended) return;
    this.wanted -= 1;
    this.held = undefined;
    this.tell((callbacks) => callbacks.onMessage(held, false));
    if (!this.ended) void this.read();
  }

  private finish(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.context.unfollow(this);
    const { waiter } = this;
    this.waiter = undefined;
    if (waiter === undefined) this.error = error;
    else if (error === undefined) waiter.resolve(DONE);
    else waiter.reject(error);
    // Whatever still comes in is of no interest, and neither is how it ends.
    Promise.resolve(this.requests.return?.()).catch(() => {});
  }

  private tell(event: (callbacks: ServerStreamListener) => void): void {
    const { callbacks } = this;
    if (callbacks === undefined) return;
    try {
      event(callbacks);
    } catch (error) {
      this.finish(error);
    }
  }
}
