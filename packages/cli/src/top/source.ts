// Asks a process for looks at it: by its stats service, or by channelz where it has no other.
// Invariants: which service it is, is found out once; a look is asked for when the one before has come.
// Not here: what channelz looks are made of (channelz-source.ts).

import { type Channel, createClient, Status, StatusError } from 'sluice';
import { Stats } from 'sluice/stats';
import { channelzLook } from './channelz-source.ts';
import type { Look } from './look.ts';

/** Connections of each channel and server that are asked for. */
const CONNECTIONS = 200;

/** How long an answer may take, ms. */
const TIMEOUT_MS = 10_000;

/** The line that a program needs. */
export const STATS_LINE: string = "addStats(server), with import { addStats } from 'sluice/stats'";

/** A process cannot be asked: the text says why, and what to do. */
export class CannotAsk extends Error {}

/** Which service answers. */
export type SourceKind = 'stats' | 'channelz';

/** The services of a process. */
export class Source {
  /** Which one answers; undefined until one has. */
  kind: SourceKind | undefined;
  private readonly channel: Channel;
  private readonly address: string;

  constructor(channel: Channel, address: string) {
    this.kind = undefined;
    this.channel = channel;
    this.address = address;
  }

  /**
   * A look now.
   * @throws CannotAsk
   */
  async once(): Promise<Look> {
    try {
      return await this.ask();
    } catch (error) {
      throw this.cannotAsk(error);
    }
  }

  /**
   * Looks, until the signal aborts.
   * @throws CannotAsk
   */
  async *looks(intervalMs: number, signal: AbortSignal): AsyncGenerator<Look, void> {
    try {
      // Which service it is.
      if (this.kind === undefined) yield await this.ask();
      if (this.kind === 'stats') {
        const client = createClient(Stats, this.channel);
        const asked = { intervalMs, maxConnections: CONNECTIONS };
        for await (const look of client.watch(asked, { signal })) yield look;
        if (!signal.aborted) throw new StatusError(Status.UNAVAILABLE, 'the server drains');
      }
      while (this.kind === 'channelz' && !signal.aborted) {
        await pause(intervalMs, signal);
        if (!signal.aborted) yield await this.ask();
      }
    } catch (error) {
      if (!signal.aborted) throw this.cannotAsk(error);
    }
  }

  private async ask(): Promise<Look> {
    if (this.kind === 'channelz') return channelzLook(this.channel, CONNECTIONS, TIMEOUT_MS);
    try {
      const client = createClient(Stats, this.channel, { timeoutMs: TIMEOUT_MS });
      const look = await client.get({ maxConnections: CONNECTIONS });
      this.kind = 'stats';
      return look;
    } catch (error) {
      if (!isUnimplemented(error) || this.kind === 'stats') throw error;
    }
    const look = await channelzLook(this.channel, CONNECTIONS, TIMEOUT_MS);
    this.kind = 'channelz';
    return look;
  }

  private cannotAsk(error: unknown): CannotAsk {
    if (isUnimplemented(error)) {
      const text = `${this.address} serves neither sluice.stats.v1 nor channelz; add one line to its program: ${STATS_LINE}`;
      return new CannotAsk(text);
    }
    if (!(error instanceof StatusError)) throw error;
    const cure =
      error.code === Status.UNAVAILABLE || error.code === Status.DEADLINE_EXCEEDED
        ? '; is the address right, does the process listen there, and does it take --tls?'
        : '';
    return new CannotAsk(`${this.address} cannot be asked: ${error.details}${cure}`);
  }
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof StatusError && error.code === Status.UNIMPLEMENTED;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
