// The orchestrator's end of a peer process: starts it on its core, sends commands, gives up on one
// that does not answer. A peer that dies fails the command in flight and every later one.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pinned } from '../machine.ts';
import type { Command, Reply } from './protocol.ts';

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (fault: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** How long a peer may take beyond the seconds of its load. Milliseconds. */
const PATIENCE_MS = 60_000;

export class Peer {
  version: string;
  port: number;
  private readonly child: ChildProcess;
  private readonly name: string;
  private waiting: Waiting | undefined;
  private gone: string | undefined;

  private constructor(name: string, core: number | null, command: readonly string[]) {
    const [program = '', ...args] = pinned(core, command);
    this.version = '';
    this.port = 0;
    this.name = name;
    this.waiting = undefined;
    this.gone = undefined;
    this.child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, GOMAXPROCS: '1' },
    });
    this.child.on('error', (fault) => this.lose(fault.message));
    // 'close' and not 'exit': a last reply may still be in the pipe.
    this.child.on('close', (code, signal) => this.lose(`ended with ${signal ?? `code ${code}`}`));
    // Writing to a peer that has just died; its exit says why.
    this.child.stdin?.on('error', () => {});
    if (this.child.stdout !== null) {
      createInterface({ input: this.child.stdout }).on('line', (line) => this.settle(line));
    }
  }

  /** Resolves when the peer has said its version and, if it is a server, its port. */
  static async start(name: string, core: number | null, command: readonly string[]): Promise<Peer> {
    const peer = new Peer(name, core, command);
    const opening = await peer.reply(PATIENCE_MS);
    peer.version = opening.version ?? '';
    peer.port = opening.port ?? 0;
    return peer;
  }

  /** One command at a time. Rejects when the peer reports an error, dies or stays silent. */
  ask(command: Command): Promise<Reply> {
    const seconds = 'seconds' in command ? command.seconds : 0;
    this.child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.reply(seconds * 1000 + PATIENCE_MS);
  }

  /** Resolves when the process has ended. */
  stop(): Promise<void> {
    if (this.gone !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.stdin?.end();
      // What hangs on purpose (pending calls) may keep a peer from ending by itself.
      this.child.kill('SIGKILL');
    });
  }

  private reply(withinMs: number): Promise<Reply> {
    if (this.gone !== undefined) return Promise.reject(new Error(`${this.name} ${this.gone}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.lose(`did not answer within ${withinMs / 1000} s`);
        this.child.kill('SIGKILL');
      }, withinMs);
      this.waiting = { resolve, reject, timer };
    });
  }

  private settle(line: string): void {
    const waiting = this.waiting;
    if (waiting === undefined) return;
    this.waiting = undefined;
    clearTimeout(waiting.timer);
    // Written by our own peer, whose shape protocol.ts fixes.
    const reply = JSON.parse(line) as Reply;
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
