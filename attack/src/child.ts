// A child process of an attack: forked with what it is to do, asked one thing at a time, ended with
// the parent. Its death is an outcome (`ChildDied`), not a fault of the run.
// Invariant: no child outlives this process, or a question that it does not answer in time.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Thrown to whoever asks a child that died, or does not answer. */
export class ChildDied extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'ChildDied';
  }
}

type Answer = { readonly done: unknown } | { readonly failed: string };

const STDERR_KEPT = 8_192;
const living = new Set<Child>();

/** Ends every child at once. */
export function endAllChildren(): void {
  for (const child of living) child.end();
}

export class Child {
  /** What it printed on stderr, from the beginning. */
  stderr: string;
  private readonly process: ChildProcess;
  private waiter: { resolve(value: unknown): void; reject(error: Error): void } | undefined;
  private died: ChildDied | undefined;

  /**
   * @param file from this folder, compiled: `target-process.js`
   * @param execArgv options of Node
   * @param enter what starts the process somewhere else: goes before the command line of Node
   */
  constructor(
    file: string,
    execArgv: readonly string[] = ['--expose-gc'],
    enter: readonly string[] = [],
  ) {
    this.stderr = '';
    this.waiter = undefined;
    this.died = undefined;
    const [program = '', ...before] = [...enter, process.execPath];
    this.process = fork(fileURLToPath(new URL(`./${file}`, import.meta.url)), [], {
      execPath: program,
      execArgv: [...before, ...execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    living.add(this);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.stderr.length < STDERR_KEPT) this.stderr += text;
    });
    this.process.on('message', (message) => this.take(message as Answer));
    this.process.on('error', (error) => this.die(error.message));
    this.process.on('close', (code, signal) => this.die(this.epitaph(code, signal)));
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Why it is gone; undefined while it lives. */
  get death(): string | undefined {
    return this.died?.message;
  }

  /** Asks one thing; the type of the answer is the process's own word, of the same build. */
  ask<Done>(command: object, withinSeconds: number): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.died !== undefined) {
        reject(this.died);
        return;
      }
      const timer = setTimeout(() => {
        this.die(`did not answer for ${withinSeconds} s`);
        this.end();
      }, withinSeconds * 1000);
      this.waiter = {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value as Done);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.process.send(command);
    });
  }

  /** SIGSTOP, SIGCONT or SIGKILL to this process alone. */
  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  end(): void {
    living.delete(this);
    this.process.kill('SIGKILL');
  }

  /** As a death of its own: whoever asks is told why. */
  stop(why: string): void {
    this.die(why);
    this.process.kill('SIGKILL');
  }

  private take(answer: Answer): void {
    const waiter = this.waiter;
    this.waiter = undefined;
    if ('done' in answer) waiter?.resolve(answer.done);
    else waiter?.reject(new Error(answer.failed));
  }

  private die(why: string): void {
    living.delete(this);
    this.died ??= new ChildDied(why);
    const waiter = this.waiter;
    this.waiter = undefined;
    waiter?.reject(this.died);
  }

  private epitaph(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.stderr.includes('heap out of memory')) return 'died: heap out of memory';
    const said = this.stderr.split('\n').find((line) => /\w*Error\b/.test(line)) ?? '';
    const how = signal === null ? `exit code ${code}` : signal;
    return `died: ${how}${said === '' ? '' : `: ${said.trim()}`}`;
  }
}
