// Breaks the conversation at each frame of either direction: by RST, FIN, and SIGKILL of the server
// or of the client, once per break, and holds what clients and handlers saw against what may be.
// Invariant: one break at a time, on a channel of its own; its connection is the first one of that
// channel, and later ones pass unharmed. Not here: what is said of it all (broken-at-each-frame.ts).

import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { UNAVAILABLE } from './call-script.ts';
import { type Crew, type CrewServer, handlersOf } from './crew.ts';
import { type Direction, FaultProxy, type ProxiedConnection } from './fault-proxy.ts';
import { monotonicMs } from './monotonic-clock.ts';
import type { CallRecord } from './scripted-call.ts';

export type Break = 'reset' | 'fin' | 'kill-server' | 'kill-client';

/** What all breaks together came to. */
export interface BreakTotals {
  breaks: number;
  /** The conversation was over before that frame. */
  notReached: number;
  calls: number;
  unavailable: number;
  /** From the break, or from the call's start where that was later, to the end of the call. */
  longestMs: number;
  /** What did not hold, told once per break. */
  readonly faults: string[];
}

const WITHIN_MS = 1_000;
const CONVERSE_SECONDS = 60;
const POLL_MS = 5;

export class EveryFrame {
  readonly totals: BreakTotals;
  private readonly crew: Crew;
  private readonly proxy: FaultProxy;
  private port: number;
  private server: CrewServer;
  private nextServer: Promise<CrewServer>;
  private client: Child;
  private nextClient: Child;
  private count: number;
  private broken: ProxiedConnection | undefined;
  private brokenMs: number;
  /** While the conversation is held; the frames of its farewell are not broken. */
  private armed: boolean;

  private constructor(crew: Crew, proxy: FaultProxy, port: number, server: CrewServer) {
    this.totals = {
      breaks: 0,
      notReached: 0,
      calls: 0,
      unavailable: 0,
      longestMs: 0,
      faults: [],
    };
    this.crew = crew;
    this.proxy = proxy;
    this.port = port;
    this.server = server;
    this.nextServer = crew.server();
    // Its fault is told to whoever awaits it; here only so that nobody having done so yet is none.
    this.nextServer.catch(() => {});
    this.client = crew.client();
    this.nextClient = crew.client();
    this.count = 0;
    this.broken = undefined;
    this.brokenMs = 0;
    this.armed = false;
  }

  static async start(crew: Crew): Promise<EveryFrame> {
    const server = await crew.server();
    const proxy = new FaultProxy(server.port);
    return new EveryFrame(crew, proxy, await proxy.listen(), server);
  }

  close(): Promise<void> {
    return this.proxy.close();
  }

  /** Frames of the conversation without a fault, each way. */
  async measure(): Promise<Record<Direction, number>> {
    let first: ProxiedConnection | undefined;
    this.proxy.onConnection = (connection) => {
      first ??= connection;
    };
    const name = this.nextName();
    await this.crew.connect(this.client, name, this.port);
    const records = await this.converse(name);
    await this.client.ask({ ask: 'close', name }, CONVERSE_SECONDS);
    const odd = records.find((record) => record.ends !== 1 || record.code !== record.expected);
    if (odd !== undefined) throw new Error(`without a fault: ${tell(odd)}`);
    return { toServer: first?.toServer.frames ?? 0, toClient: first?.toClient.frames ?? 0 };
  }

  /** Holds the conversation once and breaks it at the end of that frame. */
  async breakOnce(direction: Direction, frame: number, how: Break): Promise<void> {
    const name = this.nextName();
    const { server } = this;
    const heir = how === 'kill-server' ? await this.nextServer : server;
    this.broken = undefined;
    let isFirst = true;
    this.proxy.upstreamPort = server.port;
    this.proxy.onConnection = (connection) => {
      if (!isFirst) return;
      isFirst = false;
      connection.breakAtFrame(direction, frame, () =>
        this.strike(connection, direction, how, heir),
      );
    };
    server.mark();
    await this.crew.connect(this.client, name, this.port);
    const faults =
      how === 'kill-client'
        ? await this.breakClient(name)
        : await this.breakServer(name, how, heir);
    this.totals.breaks += 1;
    if (this.broken === undefined) this.totals.notReached += 1;
    if (faults.length > 0) {
      const [first = ''] = faults;
      const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
      this.totals.faults.push(`${how} ${direction} at frame ${frame}: ${first}${more}`);
    }
  }

  private nextName(): string {
    this.count += 1;
    return `c${this.count}`;
  }

  private async converse(name: string): Promise<CallRecord[]> {
    this.armed = true;
    try {
      return await this.client.ask<CallRecord[]>({ ask: 'converse', name }, CONVERSE_SECONDS);
    } finally {
      this.armed = false;
    }
  }

  private strike(
    connection: ProxiedConnection,
    direction: Direction,
    how: Break,
    heir: CrewServer,
  ): void {
    if (!this.armed) {
      connection[direction].release();
      return;
    }
    this.broken = connection;
    this.brokenMs = monotonicMs();
    switch (how) {
      case 'reset':
        connection.resetBehind();
        return;
      case 'fin':
        connection[direction].finish();
        return;
      case 'kill-server':
        this.proxy.upstreamPort = heir.port;
        connection.toServer.discard();
        connection.toClient.discard();
        this.server.child.end();
        return;
      case 'kill-client':
        connection.toServer.discard();
        connection.toClient.discard();
        this.client.end();
        return;
    }
  }

  private async breakServer(name: string, how: Break, heir: CrewServer): Promise<string[]> {
    const { server } = this;
    const records = await this.converse(name);
    const wasKilled = how === 'kill-server' && this.broken !== undefined;
    const faults = this.judgeCalls(records);
    const servers = wasKilled ? [server, heir] : [server];
    if (!wasKilled) faults.push(...(await this.leftOpen([server])));
    const handlers = handlersOf(servers);
    for (const { id, code } of records) {
      const began = handlers.get(id)?.began ?? 0;
      if (began > 1) faults.push(`the handler of ${id} ran ${began} times`);
      if (code === 0 && began === 0) faults.push(`${id} is OK, its handler never ran`);
    }
    await this.client.ask({ ask: 'close', name }, CONVERSE_SECONDS);
    if (wasKilled) {
      this.server = heir;
      this.nextServer = this.crew.server();
      this.nextServer.catch(() => {});
    }
    return faults;
  }

  private async breakClient(name: string): Promise<string[]> {
    try {
      await this.converse(name);
    } catch (error) {
      if (this.broken === undefined) throw error;
    }
    if (this.broken === undefined) {
      await this.client.ask({ ask: 'close', name }, CONVERSE_SECONDS);
    } else {
      this.client = this.nextClient;
      this.nextClient = this.crew.client();
    }
    const faults = await this.leftOpen([this.server]);
    for (const [id, { began }] of this.server.handlers()) {
      if (began > 1) faults.push(`the handler of ${id} ran ${began} times`);
    }
    const open = await this.settled(async () => {
      const connections = await this.server.child.ask({ ask: 'connections' }, CONVERSE_SECONDS);
      return connections === null || connections === 0;
    });
    if (!open) faults.push('the server keeps a connection of the client that is gone');
    return faults;
  }

  private judgeCalls(records: readonly CallRecord[]): string[] {
    const faults: string[] = [];
    for (const record of records) {
      this.totals.calls += 1;
      if (record.code === UNAVAILABLE) this.totals.unavailable += 1;
      if (record.ends !== 1) {
        faults.push(tell(record));
        continue;
      }
      const isRightful = record.code === record.expected || record.code === UNAVAILABLE;
      if (!isRightful) faults.push(tell(record));
      else if (record.code === 0 && record.messages !== record.expectedMessages) {
        faults.push(
          `${tell(record)} with ${record.messages} of ${record.expectedMessages} answers`,
        );
      }
      const fromMs = this.broken === undefined ? 0 : this.brokenMs;
      const tookMs = record.endedMs - Math.max(record.startedMs, fromMs);
      this.totals.longestMs = Math.max(this.totals.longestMs, tookMs);
      if (tookMs > WITHIN_MS) faults.push(`${tell(record)} after ${tookMs.toFixed(0)} ms`);
    }
    return faults;
  }

  /** Handlers and connections of the break that are still there in a second. */
  private async leftOpen(servers: readonly CrewServer[]): Promise<string[]> {
    const faults: string[] = [];
    const allOver = await this.settled(async () =>
      [...handlersOf(servers).values()].every(({ began, over }) => over >= began),
    );
    if (!allOver) {
      const open = [...handlersOf(servers)].find(([, { began, over }]) => over < began);
      faults.push(`the handler of ${open?.[0]} has not ended`);
    }
    const { broken } = this;
    if (broken === undefined) return faults;
    const closed = await this.settled(async () => !this.proxy.connections.includes(broken));
    if (!closed) faults.push('the broken connection was not closed');
    return faults;
  }

  /** Whether that is so within a second of the break, or of now where there was none. */
  private async settled(isSo: () => Promise<boolean>): Promise<boolean> {
    const untilMs = WITHIN_MS + (this.broken === undefined ? monotonicMs() : this.brokenMs);
    while (!(await isSo())) {
      if (monotonicMs() > untilMs) return false;
      await pause(POLL_MS);
    }
    return true;
  }
}

function tell({ id, ends, code, expected, details }: CallRecord): string {
  if (ends !== 1) return `${id} ended ${ends} times`;
  return `${id} ended ${code} "${details}" where ${expected} was due`;
}
