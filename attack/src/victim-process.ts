// A client under attack, in a process of its own: one channel to the hostile server, which makes the
// calls that a row asks for, and one to a good server, whose calls must not suffer.
// Not here: how it is judged (measure/).

import { setTimeout as pause } from 'node:timers/promises';
import { GoodLoad } from './measure/good-load.ts';
import { Meter } from './measure/meter.ts';
import { serveParent } from './parent-link.ts';
import {
  type CallEnd,
  type ClientRuntime,
  type ConnectPlan,
  connectTo,
} from './runtimes/runtime.ts';

/** Calls to the hostile server. */
export interface VictimLoad {
  /** One call after another in each of so many lines. */
  readonly lines: number;
  readonly kind: 'unary' | 'stream' | 'unread stream';
  readonly path: string;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  /** Milliseconds that a line waits behind a call, on the average. */
  readonly restMs: number;
}

export type VictimCommand =
  | { readonly ask: 'connect'; readonly runtime: string; readonly good: ConnectPlan }
  | { readonly ask: 'warm'; readonly inFlight: number; readonly ms: number }
  | { readonly ask: 'start good'; readonly rps: number }
  | { readonly ask: 'stop good' }
  | {
      readonly ask: 'start calls';
      readonly runtime: string;
      readonly plan: ConnectPlan;
      readonly load: VictimLoad;
    }
  | { readonly ask: 'stop calls' }
  | { readonly ask: 'begin' }
  | { readonly ask: 'read' }
  | { readonly ask: 'settle' };

/** How the calls to the hostile server ended. */
export interface VictimEnds {
  readonly calls: number;
  /** By status code. */
  readonly codes: Record<number, number>;
  /** The first text of each code. */
  readonly details: Record<number, string>;
  readonly bytes: number;
  /** Calls that have not ended. */
  readonly lost: number;
}

/** Milliseconds beside their own deadline in which the last calls have to end. */
const PATIENCE_MS = 3_000;
const LINES_A_TURN = 100;

class HostileCalls {
  private readonly codes: Record<number, number> = {};
  private readonly details: Record<number, string> = {};
  private readonly load: VictimLoad;
  private readonly client: ClientRuntime;
  private readonly lines: Promise<void>[];
  private readonly begun: Promise<void>;
  private calls = 0;
  private ended = 0;
  private bytes = 0;
  private going = true;
  private acted: Record<string, number> = {};

  constructor(client: ClientRuntime, load: VictimLoad) {
    this.client = client;
    this.load = load;
    this.lines = [];
    this.begun = this.begin();
  }

  /** A few at a time: the event loop is to stand still for what the runtime does alone. */
  private async begin(): Promise<void> {
    while (this.lines.length < this.load.lines) {
      this.lines.push(this.line());
      if (this.lines.length % LINES_A_TURN === 0) await new Promise((next) => setImmediate(next));
    }
  }

  limitsActed(): Record<string, number> {
    if (this.going) this.acted = this.client.acted();
    return this.acted;
  }

  async stop(): Promise<VictimEnds> {
    this.limitsActed();
    await this.begun;
    this.going = false;
    const late = new Promise((resolve) => {
      setTimeout(resolve, this.load.timeoutMs + 1.5 * this.load.restMs + PATIENCE_MS).unref();
    });
    await Promise.race([Promise.all(this.lines), late]);
    this.acted = this.client.acted();
    const { calls, codes, details, bytes } = this;
    this.client.close();
    return { calls, codes, details, bytes, lost: calls - this.ended };
  }

  private async line(): Promise<void> {
    while (this.going) {
      this.calls += 1;
      this.note(await this.call());
      // Spread around it: thousands of lines are not to call in one turn.
      const restMs = this.load.restMs * (0.5 + Math.random());
      if (this.going) await pause(restMs);
    }
  }

  private call(): Promise<CallEnd> {
    const { kind, path, request, timeoutMs } = this.load;
    if (kind === 'unary') return this.client.unary(path, request, timeoutMs);
    return this.client.stream(path, request, timeoutMs, kind === 'stream');
  }

  private note({ code, details, bytes }: CallEnd): void {
    this.ended += 1;
    this.bytes += bytes;
    this.codes[code] = (this.codes[code] ?? 0) + 1;
    this.details[code] ??= details;
  }
}

const meter = new Meter();
let good: GoodLoad | undefined;
let calls: HostileCalls | undefined;

serveParent<VictimCommand>(async (command) => {
  switch (command.ask) {
    case 'connect':
      good = new GoodLoad(await connectTo(command.runtime, command.good));
      return null;
    case 'warm':
      return good?.warmUp(command.inFlight, command.ms);
    case 'start good':
      good?.start(command.rps);
      return null;
    case 'stop good':
      return good?.stop();
    case 'start calls':
      calls = new HostileCalls(await connectTo(command.runtime, command.plan), command.load);
      return null;
    case 'stop calls':
      return calls?.stop();
    case 'begin':
      meter.begin();
      return null;
    case 'read':
      return { ...meter.read(), acted: calls?.limitsActed() ?? {}, handlersMost: 0, open: null };
    case 'settle':
      return meter.settle();
    default:
      return command satisfies never;
  }
});
