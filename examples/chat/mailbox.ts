// A mailbox: messages are posted on one side and iterated over on the other.
// Invariant: it never holds more than CAPACITY messages. Whoever posts is told when it is full, and
// decides what that means; in a chat, one slow reader must not make the server's memory grow.

/** Messages that may wait to be read. */
const CAPACITY = 100;

export class Mailbox<T> implements AsyncIterable<T> {
  private readonly waiting: T[] = [];
  private closed = false;
  private wake: () => void = () => {};

  /** False when it is full or closed: the message was not taken. */
  post(message: T): boolean {
    if (this.closed || this.waiting.length === CAPACITY) return false;
    this.waiting.push(message);
    this.wake();
    return true;
  }

  /** No more messages: the iteration ends behind those that wait. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
        yield next;
      }
      if (this.closed) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
