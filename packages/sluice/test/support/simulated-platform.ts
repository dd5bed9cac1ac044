// Node's clock, timers, check phase, randomness and network in a test's hands, so that whole channels
// and servers run as users make them, and every run repeats by its seed.
// Invariant: between `install` and `restore` nothing of the code under test sees real time, real
// sockets or real randomness; promises, ticks and streams are Node's own.

import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { compressionJobs } from '#sluice/transport/compression-jobs.js';
import { processHold } from '#sluice/transport/process-hold.js';
import {
  type ConnectOptions,
  SimulatedListener,
  SimulatedNetwork,
  type SimulatedSocket,
  type WireOptions,
} from './simulated-network.js';
import { Turns } from './turns.js';
import { VirtualClock } from './virtual-clock.js';

/** Rounds in which nothing may happen before things count as quiet. */
const QUIET_TURNS = 3;

/**
 * Milliseconds between the starts of two runs: a whole turn of the timer wheel, whose state is that
 * of the process, so that a run finds the same wheel whatever ran before it.
 */
const RUN_SPAN_MS = 2 ** 28;

let nextStartMs = RUN_SPAN_MS;

/** What is replaced while a platform is installed. */
interface Replaced {
  readonly target: object;
  readonly key: string;
  readonly original: PropertyDescriptor | undefined;
}

export interface PlatformOptions {
  readonly random: () => number;
  /** Milliseconds until a connection is made or refused. */
  readonly connectMs: () => number;
  /** Of the next connection to an address. */
  readonly wireOptions: (address: string) => WireOptions;
}

export class SimulatedPlatform {
  readonly clock: VirtualClock;
  readonly turns: Turns = new Turns();
  readonly network: SimulatedNetwork;
  /** What callbacks of the check phase threw. */
  readonly thrown: unknown[] = [];
  /** Jobs of encodings that the test answers itself. */
  jobs = 0;
  private readonly random: () => number;
  private readonly refs: Set<number> = new Set();
  private readonly replaced: Replaced[] = [];

  constructor({ random, connectMs, wireOptions }: PlatformOptions) {
    this.clock = new VirtualClock(nextStartMs);
    nextStartMs += RUN_SPAN_MS;
    this.random = random;
    this.network = new SimulatedNetwork(
      (callback) => void this.clock.setTimer(callback, connectMs(), false),
      wireOptions,
    );
  }

  /** What holds the process beside sockets. */
  get holds(): number {
    return this.refs.size + processHold.size;
  }

  install(): void {
    const { clock, network, turns } = this;
    this.replace(performance, 'now', () => clock.now());
    this.replace(performance, 'timeOrigin', 1_700_000_000_000);
    this.replace(Math, 'random', this.random);
    this.replace(globalThis, 'setTimeout', (callback: () => void, ms: number) =>
      this.setTimeout(callback, ms),
    );
    this.replace(globalThis, 'clearTimeout', (handle: { id: number }) => {
      this.refs.delete(handle.id);
      clock.clearTimer(handle.id);
    });
    this.replace(
      globalThis,
      'setImmediate',
      (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
        turns.schedule(() => this.guard(() => callback(...args)));
      },
    );
    this.replace(net, 'connect', (options: ConnectOptions) => network.connect(options));
    this.replace(
      net,
      'createServer',
      (_options: unknown, onSocket: (socket: SimulatedSocket) => void) =>
        new SimulatedListener(network, onSocket),
    );
  }

  restore(): void {
    for (const { target, key, original } of this.replaced.splice(0)) {
      if (original === undefined) Reflect.deleteProperty(target, key);
      else Object.defineProperty(target, key, original);
    }
  }

  private guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.thrown.push(error);
    }
  }

  private replace(target: object, key: string, value: unknown): void {
    const original = Object.getOwnPropertyDescriptor(target, key);
    this.replaced.push({ target, key, original });
    Object.defineProperty(target, key, { value, configurable: true, writable: true });
  }

  private setTimeout(callback: () => void, ms: number): { id: number; unref(): void } {
    const { refs } = this;
    const handle = this.clock.setTimer(
      () => {
        refs.delete(id);
        callback();
      },
      ms,
      true,
    );
    const id = Number(handle);
    refs.add(id);
    return { id, unref: () => void refs.delete(id) };
  }

  /** Lets promises, ticks and streams run, and threads come back. */
  async breathe(): Promise<void> {
    await nextTurn();
    while (threadsAtWork() > this.jobs) await nextTurn();
  }

  /** Runs what is due until nothing is left to do at this time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const ran = this.turns.run();
      await this.breathe();
      quiet = ran + this.turns.waiting === 0 ? quiet + 1 : 0;
    }
  }

  /** Lets time pass in steps, settling after each. */
  async pass(ms: number, stepMs: number = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await this.settle();
    }
  }
}

/** Messages that encodings of this process compress in threads now; what waits behind them is none. */
function threadsAtWork(): number {
  const running: unknown = Reflect.get(compressionJobs, 'running');
  return typeof running === 'number' ? running : 0;
}
