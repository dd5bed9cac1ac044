// A child process of a soak: asked one thing at a time, in order, and watched to its end.
// Invariant: no child outlives this process or a question that it does not answer in time.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Milliseconds for a process that nothing keeps alive to be gone. */
const EXIT_MS = 5_000;

/**
 * Without the optimizing compilers: what V8 keeps of code that it optimizes, gives up at a forced
 * collection and optimizes again grows by 1.2 to 1.6 MB/h for at least twenty minutes, which would hide
 * a leak of the same size. What a program holds on to is the same without them.
 */
const ENGINE = ['--expose-gc', '--no-opt', '--no-maglev'];

const STDERR_KEPT = 8_192;

const living = new Set<SoakChild>();

/** Ends every child at once. */
export function endSoakChildren(): void {
  for (const child of living) child.kill();
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class SoakChild {
  private readonly process: ChildProcess;
  private readonly name: string;
  private readonly exited: Promise<string>;
  private waiters: Waiter[];
  private stderr: string;
  private death: string | undefined;

  /** @param name of the file `<name>-process.js` beside this one */
  constructor(name: string) {
    this.name = name;
    this.waiters = [];
    this.stderr = '';
    this.death = undefined;
    this.process = fork(fileURLToPath(new URL(`./${name}-process.js`, import.meta.url)), [], {
      execArgv: [...ENGINE],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    living.add(this);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.stderr.length < STDERR_KEPT) this.stderr += text;
    });
    // The child is this package, of the same build, and answers in the order it is asked.
    this.process.on('message', (message) =>
      this.take(message as { done?: unknown; failed?: string }),
    );
    this.exited = new Promise((resolve) => {
      this.process.on('error', (error) => resolve(this.die(error.message)));
      this.process.on('close', (code, signal) => resolve(this.die(this.epitaph(code, signal))));
    });
  }

  /**
   * The type of the answer is the process's own word.
   * @throws Error, as a rejection, with what became of the process
   */
  ask<Done>(command: { readonly do: string }, withinMs: number): Promise<Done> {
    return new Promise<Done>((resolve, reject) => {
      if (this.death !== undefined) {
        reject(new Error(this.death));
        return;
      }
      const timer = setTimeout(() => {
        this.die(`the ${this.name} did not answer '${command.do}' within ${withinMs} ms`);
        this.kill();
      }, withinMs);
      this.waiters.push({
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value as Done);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.process.send(command);
    });
  }

  /** Lets the process end by itself; what was wrong with its end, or undefined. */
  async leave(): Promise<string | undefined> {
    await this.ask({ do: 'leave' }, EXIT_MS);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`the ${this.name} did not end by itself`), EXIT_MS);
    });
    const end = await Promise.race([this.exited.then(() => undefined), late]);
    clearTimeout(timer);
    this.kill();
    if (end !== undefined) return end;
    return this.process.exitCode === 0 && this.stderr === '' ? undefined : this.death;
  }

  kill(): void {
    living.delete(this);
    this.process.kill('SIGKILL');
  }

  private take(answer: { done?: unknown; failed?: string }): void {
    const waiter = this.waiters.shift();
    if (answer.failed === undefined) waiter?.resolve(answer.done);
    else waiter?.reject(new Error(`the ${this.name}: ${answer.failed}`));
  }

  private die(why: string): string {
    living.delete(this);
    this.death ??= why;
    const error = new Error(this.death);
    for (const waiter of this.waiters.splice(0)) waiter.reject(error);
    return this.death;
  }

  private epitaph(code: number | null, signal: NodeJS.Signals | null): string {
    const lines = this.stderr.split('\n');
    const said = lines.find((line) => /\w*Error\b/.test(line)) ?? lines[0] ?? '';
    const how = signal ?? `exit code ${String(code)}`;
    return `the ${this.name} ended with ${how}${said === '' ? '' : `: ${said.trim()}`}`;
  }
}
