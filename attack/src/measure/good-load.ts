// The good client's load: unary calls at an even rate, each timed from the moment it was due, so that
// a stall of the server is seen whole. Calls never wait for those before them.

import { type ClientRuntime, ECHO, SLOW } from '../runtimes/runtime.ts';
import { Latencies } from './latencies.ts';

export interface GoodFigures {
  readonly calls: number;
  readonly failures: number;
  readonly p99Ms: number;
  /** Of the first failures. */
  readonly why: readonly string[];
}

const REQUEST = Buffer.alloc(16, 'g');
/** Milliseconds that a call takes, and bytes behind them that it holds. */
const SLOW_REQUEST = Buffer.from('20'.padEnd(4_000));
const TIMEOUT_MS = 10_000;
const REASONS = 3;

export class GoodLoad {
  private readonly client: ClientRuntime;
  private latencies = new Latencies();
  private failures: string[] = [];
  private underWay: Set<Promise<void>> = new Set();
  private timer: NodeJS.Timeout | undefined;
  private due = 0;

  constructor(client: ClientRuntime) {
    this.client = client;
  }

  /** @param rps calls a second, until `stop` */
  start(rps: number): void {
    this.latencies = new Latencies();
    this.failures = [];
    this.due = performance.now();
    this.schedule(1000 / rps);
  }

  /** Resolves when every call has ended. */
  async stop(): Promise<GoodFigures> {
    clearTimeout(this.timer);
    await Promise.all(this.underWay);
    return {
      calls: this.latencies.all.length + this.failures.length,
      failures: this.failures.length,
      p99Ms: this.latencies.quantile(0.99),
      why: [...new Set(this.failures)].slice(0, REASONS),
    };
  }

  /**
   * Calls in a closed loop for so long: it makes a process warm. Half of the time they take a while,
   * so that what they hold outlives collections: V8 sizes its young generation by that, and would
   * else do so in the midst of the first attack.
   */
  async warmUp(inFlight: number, ms: number): Promise<void> {
    await this.closedLoop(inFlight, ms / 2, ECHO, REQUEST);
    await this.closedLoop(2 * inFlight, ms / 2, SLOW, SLOW_REQUEST);
  }

  private async closedLoop(
    inFlight: number,
    ms: number,
    path: string,
    request: Buffer,
  ): Promise<void> {
    const until = performance.now() + ms;
    const line = async (): Promise<void> => {
      while (performance.now() < until) await this.client.unary(path, request, TIMEOUT_MS);
    };
    await Promise.all(Array.from({ length: inFlight }, line));
  }

  /** A timer for each moment: one at an interval drifts, and calls would wait for its next round. */
  private schedule(everyMs: number): void {
    this.timer = setTimeout(
      () => {
        for (const now = performance.now(); this.due <= now; this.due += everyMs) {
          const call = this.call(this.due).finally(() => this.underWay.delete(call));
          this.underWay.add(call);
        }
        this.schedule(everyMs);
      },
      Math.max(0, this.due - performance.now()),
    );
  }

  private async call(dueMs: number): Promise<void> {
    const { code, details } = await this.client.unary(ECHO, REQUEST, TIMEOUT_MS);
    if (code === 0) this.latencies.record(performance.now() - dueMs);
    else this.failures.push(`${code}: ${details}`);
  }
}
