// The processes of a row: servers and clients of one runtime, forked ahead of their use, their
// journals in a folder of their own. `end` leaves nothing behind.
// Not here: what they do (server-process.ts, client-process.ts).

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../child.ts';
import type { RuntimeName } from '../report.ts';
import { type HandlerRecord, readJournal } from './journal.ts';
import type { Serving } from './protocol.ts';
import type { ServeSettings } from './subject.ts';

/** Seconds in which a process starts, and answers what takes no time. */
export const PROMPT_SECONDS = 15;

/** A server process that serves. */
export class CrewServer {
  readonly child: Child;
  readonly port: number;
  private readonly journal: string;
  private from: number;

  constructor(child: Child, port: number, journal: string) {
    this.child = child;
    this.port = port;
    this.journal = journal;
    this.from = 0;
  }

  /** Handlers that begin from here on are those that are told. */
  mark(): void {
    this.from = statSync(this.journal).size;
  }

  handlers(): Map<string, HandlerRecord> {
    return readJournal(this.journal, this.from);
  }
}

export class Crew {
  readonly runtime: RuntimeName;
  private readonly folder: string;
  private readonly settings: ServeSettings;
  private readonly children: Child[];
  private journals: number;
  private readonly onExit: () => void;

  constructor(runtime: RuntimeName, settings: ServeSettings = {}) {
    this.runtime = runtime;
    this.folder = mkdtempSync(join(tmpdir(), 'sluice-faults-'));
    this.settings = settings;
    this.children = [];
    this.journals = 0;
    this.onExit = () => this.end();
    process.once('exit', this.onExit);
  }

  async server(): Promise<CrewServer> {
    const child = this.fork('server');
    const { runtime, settings } = this;
    this.journals += 1;
    const journal = join(this.folder, `${this.journals}.journal`);
    const command = { ask: 'serve', runtime, settings, journal };
    const { port } = await child.ask<Serving>(command, PROMPT_SECONDS);
    return new CrewServer(child, port, journal);
  }

  client(): Child {
    return this.fork('client');
  }

  /** A client process with a channel of that name. */
  async connect(child: Child, name: string, port: number, settings: object = {}): Promise<void> {
    const { runtime } = this;
    await child.ask({ ask: 'connect', runtime, name, port, ...settings }, PROMPT_SECONDS);
  }

  end(): void {
    process.off('exit', this.onExit);
    for (const child of this.children) child.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private fork(what: 'server' | 'client'): Child {
    const child = new Child(`faults/${what}-process.js`, []);
    this.children.push(child);
    return child;
  }
}

/** The handlers of these servers together, by the ids of their calls. */
export function handlersOf(servers: readonly CrewServer[]): Map<string, HandlerRecord> {
  const all = new Map<string, HandlerRecord>();
  for (const server of servers) {
    for (const [id, record] of server.handlers()) {
      const known = all.get(id);
      if (known === undefined) all.set(id, record);
      else {
        known.began += record.began;
        known.over += record.over;
        known.overMs = Math.max(known.overMs, record.overMs);
      }
    }
  }
  return all;
}
