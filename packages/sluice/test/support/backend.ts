// Starts, restarts and kills the backend of backend-process.ts, and puts an open-loop load on a
// channel.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type CallOptions, type Channel, StatusError } from '#sluice/index.js';

const PROGRAM = fileURLToPath(new URL('./backend-process.js', import.meta.url));

/** The path that every backend serves. */
export const WHO = '/test.Backend/Who';

/** One backend, whatever process serves it. */
export class Backend {
  port: number;
  pid: string;
  private child: ChildProcess | undefined;

  constructor() {
    this.port = 0;
    this.pid = '';
    this.child = undefined;
  }

  /** Resolves when it listens; a second start takes the port of the first. */
  async start(): Promise<void> {
    const child = fork(PROGRAM, [String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.child = child;
    this.pid = String(child.pid);
    const [line] = await Promise.race([
      once(child.stdout ?? child, 'data'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the backend ended with code ${String(code)}`);
      }),
    ]);
    this.port = Number(String(line));
    // Its pipe to this process must not hold it when it is told to end.
    child.disconnect();
  }

  /** Ends the process with a signal and resolves when it is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** A call of the load that did not end with OK. */
export interface FailedCall {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly error: StatusError;
}

/** Calls started at a fixed rate, whatever becomes of those before. */
export class OpenLoop {
  started: number;
  readonly answers: Map<string, number>;
  readonly failed: FailedCall[];
  private readonly timer: NodeJS.Timeout;
  private readonly calls: Set<Promise<void>>;
  private watchers: { readonly pid: string; readonly resolve: () => void }[];

  constructor(channel: Channel, perSecond: number, request: Buffer, options: CallOptions) {
    this.started = 0;
    this.answers = new Map();
    this.failed = [];
    this.calls = new Set();
    this.watchers = [];
    const begun = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - begun) / 1_000) * perSecond;
      while (this.started < due) this.call(channel, request, options);
    }, 5);
  }

  private call(channel: Channel, request: Buffer, options: CallOptions): void {
    this.started += 1;
    const startedMs = performance.now();
    const call: Promise<void> = channel
      .unary(WHO, request, options)
      .then(
        (answer) => this.answered(String(answer)),
        (error: unknown) => {
          if (!(error instanceof StatusError)) throw error;
          this.failed.push({ startedMs, endedMs: performance.now(), error });
        },
      )
      .finally(() => this.calls.delete(call));
    this.calls.add(call);
  }

  private answered(pid: string): void {
    this.answers.set(pid, (this.answers.get(pid) ?? 0) + 1);
    for (const watcher of this.watchers) if (watcher.pid === pid) watcher.resolve();
    this.watchers = this.watchers.filter((watcher) => watcher.pid !== pid);
  }

  /** Resolves with the next answer of that process. */
  answerOf(pid: string): Promise<void> {
    return new Promise((resolve) => {
      this.watchers.push({ pid, resolve });
    });
  }

  /** No more calls; resolves when the open ones have ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.calls);
  }
}
