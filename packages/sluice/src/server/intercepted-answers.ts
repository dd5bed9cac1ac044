// The responses of a streaming call behind interceptors, which run when the first is asked for.
// Invariant: leaving the iteration reaches that of the handler at once, even while it waits for a
// message, as a generator in between would not. Not here: the chain (intercepted-handlers.ts).

import { DONE } from '../transport/message-queue.ts';

/** What the outermost interceptor answers with, in order. */
export class InterceptedAnswers<O> implements AsyncIterableIterator<O, undefined> {
  private readonly respond: () => Promise<AsyncIterable<O>>;
  private readonly onOver: () => void;
  private opened: Promise<AsyncIterator<O>> | undefined;
  private left: boolean;

  /**
   * @param respond runs the interceptors, once
   * @param onOver the last response was taken, or nobody takes more of them; must not throw
   */
  constructor(respond: () => Promise<AsyncIterable<O>>, onOver: () => void) {
    this.respond = respond;
    this.onOver = onOver;
    this.opened = undefined;
    this.left = false;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<O, undefined>> {
    if (this.left) return DONE;
    try {
      this.opened ??= this.open();
      const { value, done } = await (await this.opened).next();
      if (done !== true) return { value, done: false };
    } catch (error) {
      this.onOver();
      throw error;
    }
    this.onOver();
    return DONE;
  }

  async return(): Promise<IteratorResult<O, undefined>> {
    this.left = true;
    this.onOver();
    const { opened } = this;
    if (opened === undefined) return DONE;
    let iterator: AsyncIterator<O>;
    try {
      iterator = await opened;
    } catch {
      // Whoever asked for the first response has heard of it.
      return DONE;
    }
    await iterator.return?.();
    return DONE;
  }

  private async open(): Promise<AsyncIterator<O>> {
    return (await this.respond())[Symbol.asyncIterator]();
  }
}
