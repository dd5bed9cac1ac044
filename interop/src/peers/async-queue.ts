// Values that one side puts in and the other takes out, with an end: what turns callbacks into an
// async iterable.
// Invariant: values come out in order; an end or a failure comes after all of them.

export class AsyncQueue<T> implements AsyncIterable<T> {
  private readonly values: T[];
  private readonly takers: (() => void)[];
  private ended: boolean;
  private fault: Error | undefined;

  constructor() {
    this.values = [];
    this.takers = [];
    this.ended = false;
    this.fault = undefined;
  }

  put(value: T): void {
    if (this.ended) return;
    this.values.push(value);
    this.wake();
  }

  /** @param fault rejects the takers that find nothing more */
  end(fault?: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.fault = fault;
    this.wake();
  }

  /** Undefined at the end. */
  async take(): Promise<T | undefined> {
    for (;;) {
      const value = this.values.shift();
      if (value !== undefined) return value;
      if (this.fault !== undefined) throw this.fault;
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => this.takers.push(resolve));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (let value = await this.take(); value !== undefined; value = await this.take()) yield value;
  }

  private wake(): void {
    for (const taker of this.takers.splice(0)) taker();
  }
}
