// What keeps the process running while somebody waits for something that no socket of it holds: an
// address, a backoff, a handshake, credentials.
// Invariant: the process is held while more were taken than released. One timer for all, made with
// the first; after that a hold costs one ref. Not here: sockets (socket-hold.ts).

/** A day, ms; what the timer does is to be there. */
const INTERVAL_MS = 24 * 60 * 60 * 1_000;

/** Counts those who hold the process. */
export class ProcessHold {
  private count: number;
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    this.count = 0;
    this.timer = undefined;
  }

  /** Those who hold it. */
  get size(): number {
    return this.count;
  }

  take(): void {
    this.count += 1;
    if (this.count > 1) return;
    if (this.timer === undefined) this.timer = setInterval(nothing, INTERVAL_MS);
    else this.timer.ref();
  }

  /** Once for each `take`. */
  release(): void {
    this.count -= 1;
    if (this.count === 0) this.timer?.unref();
  }
}

function nothing(): void {}

/** That of this process. */
export const processHold: ProcessHold = /* @__PURE__ */ new ProcessHold();
