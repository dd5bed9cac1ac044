// A caller's requests as interceptors see them: one async iterable, whatever the caller gave.
// Invariant: what can be iterated once is iterated once, and a second attempt says why it cannot
// have the messages, instead of sending none.

import type { Messages } from '../transport/message-pump.ts';

/** Starts again where the caller's own iterable does. */
export class RequestMessages implements AsyncIterable<unknown> {
  private readonly source: Messages<unknown>;
  private readonly path: string;
  private spent: boolean;

  constructor(source: Messages<unknown>, path: string) {
    this.source = source;
    this.path = path;
    this.spent = false;
  }

  /** @throws TypeError for the second iteration of a generator, or of any other iterator */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    if (this.spent) {
      throw new TypeError(
        `the requests of ${this.path} can be iterated once only; to send them again, make the call with an array or keep them in the interceptor`,
      );
    }
    const { source } = this;
    if (Symbol.asyncIterator in source) {
      const iterator = source[Symbol.asyncIterator]();
      this.spent = Object.is(iterator, source);
      return iterator;
    }
    const iterator = source[Symbol.iterator]();
    this.spent = Object.is(iterator, source);
    return eachOf({ [Symbol.iterator]: () => iterator });
  }
}

async function* eachOf(source: Iterable<unknown>): AsyncGenerator<unknown, undefined> {
  yield* source;
  return undefined;
}
