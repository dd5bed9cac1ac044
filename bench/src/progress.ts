// One line that says what runs now and how far the whole is: redrawn in place on a terminal, a line
// of its own elsewhere.

const BAR = 20;

export class Progress {
  private readonly out: NodeJS.WriteStream;
  private readonly total: number;
  private done: number;
  private readonly startedMs: number;

  /** @param total how many times `step` will be called */
  constructor(out: NodeJS.WriteStream, total: number) {
    this.out = out;
    this.total = total;
    this.done = 0;
    this.startedMs = performance.now();
  }

  /** What runs now. */
  show(what: string): void {
    const seconds = Math.round((performance.now() - this.startedMs) / 1000);
    if (!this.out.isTTY) {
      this.out.write(`[${this.done}/${this.total}] ${seconds} s  ${what}\n`);
      return;
    }
    const filled = Math.round((BAR * this.done) / this.total);
    const bar = '#'.repeat(filled) + '.'.repeat(BAR - filled);
    this.out.write(`\r\x1b[K[${bar}] ${seconds} s  ${what}`);
  }

  /** One of the total is done. */
  step(): void {
    this.done += 1;
  }

  /** Leaves the terminal's line empty. */
  end(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }
}
