// A child process of the storm: started pinned to a core, asked one thing at a time, ended with the
// parent. A Node child is talked to over its IPC channel, another program by the same messages, one
// JSON text a line, over stdin and stdout. Its death is an outcome (`ChildDied` carries why), since a runtime dying under the load is
// a result of the storm and not a fault of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Cores } from './cores.ts';
import type {
  ChildMessage,
  ClientCommand,
  Done,
  HostileCommand,
  Sample,
  ServerCommand,
} from './protocol.ts';
import { NO_ANSWER } from './storm-report.ts';

/** Enough of stderr for V8's last words, which come before its stack traces. */
const STDERR_KEPT = 16_384;

/** Thrown to whoever waits for a child that died or no longer answers. */
export class ChildDied extends Error {
  /** Seconds from `loadBegins`, or from its start, to its death. */
  readonly ageSeconds: number;

  constructor(why: string, ageSeconds: number) {
    super(why);
    this.name = 'ChildDied';
    this.ageSeconds = ageSeconds;
  }
}

/** How a child is started. */
export interface ChildPlan {
  readonly role: 'client' | 'server' | 'hostile';
  /** Cap of the old generation in MB; null for Node's default. */
  readonly heapCapMB: number | null;
  readonly cores: Cores;
  /** A client that is not this package's; null for Node. */
  readonly program: string | null;
}

interface Waiter {
  resolve(done: Done): void;
  reject(error: Error): void;
}

/** Children that have not ended, so that Ctrl-C can end them all. */
const living = new Set<Child>();

/** Ends every child at once. SIGKILL also ends a stopped one. */
export function endAllChildren(): void {
  for (const child of living) child.end();
}

function nodeCommand(plan: ChildPlan): string[] {
  const script = fileURLToPath(new URL(`./${plan.role}-process.js`, import.meta.url));
  const heap = plan.heapCapMB === null ? [] : [`--max-old-space-size=${plan.heapCapMB}`];
  return [process.execPath, '--expose-gc', ...heap, script];
}

/** One child. */
export class Child {
  /** Called for each sample; set by whoever runs the phases. */
  onSample: (sample: Sample) => void;
  private readonly process: ChildProcess;
  /** Start of the load, or of the process until there is one. */
  private startedMs: number;
  private waiter: Waiter | null;
  private died: ChildDied | null;
  private stderr: string;

  constructor(plan: ChildPlan) {
    this.onSample = () => {};
    this.waiter = null;
    this.died = null;
    this.stderr = '';
    this.startedMs = performance.now();
    const program = plan.program === null ? nodeCommand(plan) : [plan.program];
    const core = plan.role === 'client' ? plan.cores.client : plan.cores.server;
    const pinned = core === null ? program : ['taskset', '-c', String(core), ...program];
    // No core file: a client that dies of its heap cap would leave one of half a gigabyte.
    const command = ['sh', '-c', 'ulimit -c 0; exec "$@"', 'sh', ...pinned];
    this.process = spawn(command[0] ?? 'sh', command.slice(1), {
      stdio: plan.program === null ? ['ignore', 'ignore', 'pipe', 'ipc'] : 'pipe',
    });
    living.add(this);
    if (this.process.stdout !== null) {
      // What it was built from is beside this package; its lines are trusted as IPC messages are.
      createInterface(this.process.stdout).on('line', (line) => {
        this.take(JSON.parse(line) as ChildMessage);
      });
    }
    this.process.stdin?.on('error', () => {});
    this.process.stderr?.setEncoding('utf8');
    this.process.stderr?.on('data', (text: string) => {
      if (this.stderr.length < STDERR_KEPT) this.stderr += text;
    });
    // The child is this package, of the same build.
    this.process.on('message', (message) => this.take(message as ChildMessage));
    this.process.on('error', (error) => this.die(error.message));
    this.process.on('close', (code, signal) => this.die(this.epitaph(code, signal)));
  }

  get pid(): number | null {
    return this.process.pid ?? null;
  }

  /** Asks one thing and waits for its answer; past `seconds` the child counts as dead. */
  ask(command: ClientCommand | ServerCommand | HostileCommand, seconds: number): Promise<Done> {
    return new Promise((resolve, reject) => {
      if (this.died !== null) {
        reject(this.died);
        return;
      }
      const timer = setTimeout(() => {
        this.giveUp(`for ${seconds} s; ended`);
      }, seconds * 1000);
      this.waiter = {
        resolve: (done) => {
          clearTimeout(timer);
          resolve(done);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (this.process.stdin === null) this.process.send(command);
      else this.process.stdin.write(`${JSON.stringify(command)}\n`);
    });
  }

  /** From here on the age of the process is counted as seconds of load. */
  loadBegins(): void {
    this.startedMs = performance.now();
  }

  /** Stops the process where it stands: it reads nothing, and its kernel buffers fill. */
  stop(): void {
    this.process.kill('SIGSTOP');
  }

  continue(): void {
    this.process.kill('SIGCONT');
  }

  /** Counts the child as dead, for whoever waits for it, and ends it. */
  giveUp(why: string): void {
    this.die(`${NO_ANSWER} ${why} ${this.ageSeconds()} s into the load`);
    this.end();
  }

  /** Ends the process, stopped or not. */
  end(): void {
    living.delete(this);
    this.process.kill('SIGKILL');
  }

  private take(message: ChildMessage): void {
    if (message.tell === 'sample') {
      this.onSample(message.sample);
      return;
    }
    const waiter = this.waiter;
    this.waiter = null;
    if (message.tell === 'done') waiter?.resolve(message.done);
    else waiter?.reject(new Error(message.why));
  }

  private die(why: string): void {
    living.delete(this);
    if (this.died !== null) return;
    this.died = new ChildDied(why, (performance.now() - this.startedMs) / 1000);
    const waiter = this.waiter;
    this.waiter = null;
    waiter?.reject(this.died);
  }

  private epitaph(code: number | null, signal: NodeJS.Signals | null): string {
    const age = this.ageSeconds();
    if (this.stderr.includes('heap out of memory'))
      return `heap out of memory ${age} s into the load`;
    const first = this.stderr.split('\n').find((line) => line.trim() !== '') ?? '';
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    return `ended with ${how} ${age} s into the load${first === '' ? '' : `: ${first.trim()}`}`;
  }

  private ageSeconds(): string {
    return ((performance.now() - this.startedMs) / 1000).toFixed(1);
  }
}
