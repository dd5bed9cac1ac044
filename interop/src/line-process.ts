// A process of the run that speaks JSON lines: commands on its stdin, one reply each on its stdout.
// Invariant: one command at a time; a process that dies or stays silent fails the command in flight
// and every later one, so that nothing waits for ever.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a process says; `error` set means the command failed. */
export interface Reply {
  readonly error?: string;
  readonly port?: number;
  readonly transfer?: Transfer;
  readonly samples?: readonly WindowSample[];
  readonly delivered?: readonly DeliverySample[];
}

/** One transfer, as its client saw it. */
export interface Transfer {
  readonly bytes: number;
  readonly ms: number;
}

/** The receiver's windows at a moment. */
export interface WindowSample {
  readonly atMs: number;
  readonly bdpBytes: number;
  readonly receiveWindow: number;
  readonly exposureBytes: number;
  readonly rttMs: number;
}

/** Bytes a link has delivered in one direction since it opened. */
export interface DeliverySample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Milliseconds a process has for its first line and for a reply. */
const PATIENCE_MS = 60_000;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (fault: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class LineProcess {
  /** Where it listens, 0 for a process that does not. */
  port: number;
  private readonly name: string;
  private readonly child: ChildProcess;
  private waiting: Waiting | undefined;
  private gone: string | undefined;

  private constructor(module: string, args: readonly string[]) {
    this.port = 0;
    this.name = module;
    this.waiting = undefined;
    this.gone = undefined;
    const path = fileURLToPath(new URL(`./${module}.js`, import.meta.url));
    this.child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.on('error', (fault) => this.lose(fault.message));
    this.child.on('close', (code, signal) => this.lose(`ended with ${signal ?? `code ${code}`}`));
    // Writing to a process that has just died; its exit says why.
    this.child.stdin?.on('error', () => {});
    if (this.child.stdout !== null) {
      createInterface({ input: this.child.stdout }).on('line', (text) => this.settle(text));
    }
  }

  /** Starts `module` of this folder; resolves with its first line. */
  static async start(module: string, ...args: string[]): Promise<LineProcess> {
    const started = new LineProcess(module, args);
    started.port = (await started.reply()).port ?? 0;
    return started;
  }

  /** Rejects when the process reports an error, dies or stays silent. */
  ask(command: object): Promise<Reply> {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.reply();
  }

  /** Ends it; resolves when it is gone. */
  stop(): Promise<void> {
    if (this.gone !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.kill('SIGKILL');
    });
  }

  private reply(): Promise<Reply> {
    if (this.gone !== undefined) return Promise.reject(new Error(`${this.name} ${this.gone}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.lose(`did not answer within ${PATIENCE_MS / 1000} s`),
        PATIENCE_MS,
      );
      this.waiting = { resolve, reject, timer };
    });
  }

  private settle(text: string): void {
    const waiting = this.waiting;
    if (waiting === undefined) return;
    this.waiting = undefined;
    clearTimeout(waiting.timer);
    // Written by our own process with say().
    const reply = JSON.parse(text) as Reply;
    if (reply.error === undefined) waiting.resolve(reply);
    else waiting.reject(new Error(`${this.name}: ${reply.error}`));
  }

  private lose(why: string): void {
    this.gone ??= why;
    const waiting = this.waiting;
    if (waiting === undefined) return;
    this.waiting = undefined;
    clearTimeout(waiting.timer);
    waiting.reject(new Error(`${this.name} ${this.gone}`));
  }
}

/** The other end: answers the parent. */
export function say(reply: Reply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

/** The other end: carries out the parent's commands until its stdin ends, then ends the process. */
export async function serveLines<Command>(
  handler: (command: Command) => Promise<Reply>,
): Promise<never> {
  // Even in the middle of a command: a parent that is gone leaves no process behind.
  process.stdin.once('end', () => process.exit(0));
  for await (const text of createInterface({ input: process.stdin })) {
    try {
      // The parent writes these lines and is the only one who can.
      say(await handler(JSON.parse(text) as Command));
    } catch (fault) {
      say({ error: fault instanceof Error ? fault.message : String(fault) });
    }
  }
  return process.exit(0);
}
