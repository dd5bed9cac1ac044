// The faults of a soak: two proxies between the client and one of its servers, and what happens to
// their connections. One breaks them (resets, half-closes, delay, bytes one by one, no reading), one
// lets them go silent, which only keepalive can notice.
// Invariant: drawn from the seed; nothing is left broken by `heal`, so that a soak can end.

import { FaultProxy, type ProxiedConnection } from '../faults/fault-proxy.ts';
import type { LaneSettings } from '../faults/lane.ts';
import type { Random } from './random.ts';

/** Milliseconds between two faults of the one that breaks. */
const FAULT_MS = [700, 2_500] as const;

/** Milliseconds between two silences; keepalive takes 12 s to notice one. */
const SILENCE_MS = 60_000;
const FIRST_SILENCE_MS = 8_000;

/** Milliseconds before the end from which no connection goes silent any more. */
const LAST_SILENCE_MS = 20_000;

/** Milliseconds after which both ends of a silent connection have given it up. */
const FORGOTTEN_MS = 30_000;

type Fault = 'reset' | 'finish' | 'delay' | 'one-byte' | 'random' | 'stop';

const ALL: readonly [Fault, ...Fault[]] = [
  'reset',
  'finish',
  'delay',
  'one-byte',
  'random',
  'stop',
];

/** What a fault makes of bytes that are still to come. */
const SETTINGS: Readonly<Partial<Record<Fault, LaneSettings>>> = {
  delay: { delayMs: 30 },
  'one-byte': { chunking: 'one-byte' },
  random: { chunking: 'random' },
};

export class Faults {
  /** Faults that were injected, by name. */
  readonly counts: Record<string, number>;
  private readonly random: Random;
  private readonly breaking: FaultProxy;
  private readonly silencing: FaultProxy;
  private readonly silent: { readonly connection: ProxiedConnection; readonly sinceMs: number }[];
  private timer: NodeJS.Timeout | undefined;
  private nextSilenceMs: number;
  private endMs: number;

  constructor(port: number, random: Random) {
    this.counts = {};
    this.random = random;
    this.breaking = new FaultProxy(port, { random: () => random.next() });
    this.silencing = new FaultProxy(port);
    this.silent = [];
    this.timer = undefined;
    this.nextSilenceMs = 0;
    this.endMs = 0;
  }

  async listen(): Promise<{ broken: number; silent: number }> {
    return { broken: await this.breaking.listen(), silent: await this.silencing.listen() };
  }

  /** @param forMs milliseconds that the load will last */
  begin(forMs: number): void {
    const now = performance.now();
    this.endMs = now + forMs;
    this.nextSilenceMs = now + FIRST_SILENCE_MS;
    this.arm();
  }

  /** No further faults; connections that are broken for good stay so. */
  heal(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.mend();
  }

  async close(): Promise<void> {
    this.heal();
    await Promise.all([this.breaking.close(), this.silencing.close()]);
  }

  private arm(): void {
    this.timer = setTimeout(
      () => {
        this.mend();
        this.silence();
        this.inject(this.random.pick(...ALL));
        this.arm();
      },
      this.random.between(...FAULT_MS),
    );
  }

  private mend(): void {
    this.breaking.options = { random: () => this.random.next() };
    for (const connection of this.breaking.connections) {
      connection.toServer.settings = {};
      connection.toClient.settings = {};
      connection.resumeReading();
    }
  }

  private inject(fault: Fault): void {
    this.count(fault);
    const settings = SETTINGS[fault];
    if (settings !== undefined) {
      this.breaking.options = {
        toServer: settings,
        toClient: settings,
        random: () => this.random.next(),
      };
    }
    for (const connection of this.breaking.connections) {
      if (settings !== undefined) {
        connection.toServer.settings = settings;
        connection.toClient.settings = settings;
      } else if (fault === 'reset') connection.reset();
      else if (fault === 'stop') connection.stopReading();
      else this.random.pick(connection.toServer, connection.toClient).finish();
    }
  }

  private silence(): void {
    const now = performance.now();
    for (let first = this.silent[0]; first !== undefined; first = this.silent[0]) {
      if (now - first.sinceMs < FORGOTTEN_MS) break;
      this.silent.shift();
      first.connection.destroy();
    }
    if (now < this.nextSilenceMs || now > this.endMs - LAST_SILENCE_MS) return;
    this.nextSilenceMs = now + SILENCE_MS;
    this.count('black-hole');
    const known = new Set(this.silent.map(({ connection }) => connection));
    for (const connection of this.silencing.connections) {
      if (known.has(connection)) continue;
      connection.vanish();
      this.silent.push({ connection, sinceMs: now });
    }
  }

  private count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}
