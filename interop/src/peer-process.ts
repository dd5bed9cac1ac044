// A peer's process: a server that says its port and runs until it is stopped, or a client that says
// one line per case and ends.
// Invariants: no process outlives its use; a client that stays silent is killed, the case it was at
// has failed, and the others get a new process.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Command } from './peers.ts';

/** What became of a case. */
export interface CaseOutcome {
  readonly case: string;
  readonly result: 'pass' | 'fail';
  readonly why: string | null;
}

/** Milliseconds for a server to say its port, and for a client to say its next line. */
const PATIENCE_MS = 30_000;

/** Characters of what a process wrote to its stderr that are kept, from the end. */
const SAID_CHARACTERS = 2_000;

class PeerProcess {
  private readonly child: ChildProcess;
  private said: string;

  constructor(command: Command, args: readonly string[]) {
    this.said = '';
    this.child = spawn(command.program, [...command.args, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.said = `${this.said}${chunk}`.slice(-SAID_CHARACTERS);
    });
    // A process that has died; its end says why.
    this.child.stdin?.on('error', () => {});
  }

  /** Reads lines until `onLine` is content, the process ends, or it is silent for too long. */
  read(onLine: (line: string) => boolean): Promise<string | undefined> {
    return new Promise((resolve) => {
      const { stdout } = this.child;
      if (stdout === null) return resolve('it has no stdout');
      const lines = createInterface({ input: stdout });
      const finish = (why: string | undefined): void => {
        clearTimeout(timer);
        lines.removeAllListeners();
        resolve(why);
      };
      const timer = setTimeout(
        () => finish(this.withSaid(`said nothing for ${PATIENCE_MS / 1000} s`)),
        PATIENCE_MS,
      );
      lines.on('line', (line) => {
        timer.refresh();
        if (onLine(line)) finish(undefined);
      });
      this.child.once('error', (fault) => finish(fault.message));
      this.child.once('close', (code, signal) =>
        finish(this.withSaid(`ended with ${signal ?? `code ${code}`}`)),
      );
    });
  }

  /** Of what it said, the error of a Node program, or the last line. */
  private withSaid(why: string): string {
    const lines = this.said.trim().split('\n');
    const said = lines.find((line) => /^\w*Error\b.*: /.test(line)) ?? lines.at(-1) ?? '';
    return said === '' ? why : `${why}: ${said}`;
  }

  stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.kill('SIGKILL');
    });
  }
}

/** A running server. */
export interface PeerServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Rejects when the server does not come up. */
export async function startServer(command: Command, tls: readonly string[]): Promise<PeerServer> {
  const started = new PeerProcess(command, ['server', '--port', '0', ...tls]);
  let port = 0;
  const why = await started.read((line) => {
    // The first line of a peer, which is ours.
    ({ port } = JSON.parse(line) as { readonly port: number });
    return true;
  });
  if (why !== undefined) {
    await started.stop();
    throw new Error(`the server ${why}`);
  }
  return { port, stop: () => started.stop() };
}

/**
 * Runs `cases`, one after the other, in as few processes as they allow.
 * @param args `--port` and what the client trusts
 */
export async function runClient(
  command: Command,
  args: readonly string[],
  cases: readonly string[],
): Promise<readonly CaseOutcome[]> {
  const outcomes: CaseOutcome[] = [];
  while (outcomes.length < cases.length) {
    const left = cases.slice(outcomes.length);
    const started = new PeerProcess(command, ['client', ...args, '--cases', left.join(',')]);
    const why = await started.read((line) => {
      // A line of a peer, which is ours.
      outcomes.push(JSON.parse(line) as CaseOutcome);
      return outcomes.length === cases.length;
    });
    await started.stop();
    const next = cases[outcomes.length];
    if (why !== undefined && next !== undefined) {
      outcomes.push({ case: next, result: 'fail', why: `the client ${why}` });
    }
  }
  return outcomes;
}
