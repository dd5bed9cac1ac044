// Received messages as an async iterator's `next` hands them out, for both ends of a call.
// Invariant: a message is asked for only when the consumer asks, so what nobody reads stays in the
// stream's window; each `next` is answered once, in order.
// Not here: what leaving an iteration means to the call (channel/, server/).

/** Makes of a message's bytes what is handed out. What it throws is what `next` rejects with. */
export interface MessageDecoder<T> {
  decode(bytes: Buffer): T;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
  next: Waiter<T> | undefined;
}

/** The answer of an iterator that is done. */
export const DONE: IteratorReturnResult<undefined> = Object.freeze({
  value: undefined,
  done: true,
});

export class MessageQueue<T = Buffer> {
  /** The last message was handed out; an error may still be. */
  ended: boolean;
  private error: unknown;
  private ready: Buffer | undefined;
  // A list, and not an array, which would be large for the one waiter that there mostly is.
  private firstWaiter: Waiter<T> | undefined;
  private lastWaiter: Waiter<T> | undefined;
  private readonly decoder: MessageDecoder<T>;

  /** @param decoder asked for each message when it is handed out, and not before */
  constructor(decoder: MessageDecoder<T>) {
    this.ended = false;
    this.error = undefined;
    this.ready = undefined;
    this.firstWaiter = undefined;
    this.lastWaiter = undefined;
    this.decoder = decoder;
  }

  /** Somebody waits for a message. */
  get isAwaited(): boolean {
    return this.firstWaiter !== undefined;
  }

  /** The next message of `call`, from which it is asked for; DONE or the error behind the last. */
  next(call: { request(count: number): void }): Promise<IteratorResult<T, undefined>> {
    if (this.ended) return this.last();
    if (this.firstWaiter !== undefined) {
      const answer = this.wait();
      call.request(1);
      return answer;
    }
    // A message that is here already comes from inside `request`.
    call.request(1);
    const ready = this.ready;
    if (ready !== undefined) {
      this.ready = undefined;
      return this.handOut(ready);
    }
    return this.ended ? this.last() : this.wait();
  }

  /** A message that was asked for. */
  push(message: Buffer): void {
    const waiter = this.shift();
    if (waiter === undefined) this.ready = message;
    else this.answer(waiter, message);
  }

  private answer(waiter: Waiter<T>, message: Buffer): void {
    try {
      waiter.resolve({ value: this.decoder.decode(message), done: false });
    } catch (error) {
      waiter.reject(error);
    }
  }

  private handOut(message: Buffer): Promise<IteratorResult<T, undefined>> {
    try {
      return Promise.resolve({ value: this.decoder.decode(message), done: false });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** No message follows; only the first end counts. @param error thrown once, after which the iteration is done */
  end(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) {
      void this.last().then(waiter.resolve, waiter.reject);
    }
  }

  /** Fails whoever waits, and leaves the end to the caller. */
  fail(error: unknown): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) {
      waiter.reject(error);
    }
  }

  /** Nobody wants to hear of the error any more. */
  forgive(): void {
    this.error = undefined;
  }

  private wait(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, next: undefined };
      if (this.lastWaiter === undefined) this.firstWaiter = waiter;
      else this.lastWaiter.next = waiter;
      this.lastWaiter = waiter;
    });
  }

  private shift(): Waiter<T> | undefined {
    const waiter = this.firstWaiter;
    this.firstWaiter = waiter?.next;
    if (this.firstWaiter === undefined) this.lastWaiter = undefined;
    return waiter;
  }

  private last(): Promise<IteratorResult<T, undefined>> {
    const error = this.error;
    this.error = undefined;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }
}
