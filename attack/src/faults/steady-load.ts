// Unary calls at a steady rate, whatever becomes of those before: an open loop.
// Invariant: each call that was offered is told as ended OK or as lost.

import { type CallScript, PLAIN } from './call-script.ts';
import type { LoadResult } from './protocol.ts';
import { type CallRecord, ScriptedCall } from './scripted-call.ts';
import type { SubjectClient } from './subject.ts';

const TICK_MS = 4;
/** How long the last calls may take. */
const LAST_CALLS_MS = 5_000;
/** Handlers hold calls for up to so long, so that some are always under way. */
const LONGEST_HOLD_MS = 20;

export class SteadyLoad {
  private readonly client: SubjectClient;
  private readonly name: string;
  private readonly rps: number;
  private readonly startedMs: number;
  private readonly records: CallRecord[];
  private readonly timer: NodeJS.Timeout;
  private open: number;
  private onIdle: (() => void) | undefined;

  constructor(client: SubjectClient, name: string, rps: number) {
    this.client = client;
    this.name = name;
    this.rps = rps;
    this.startedMs = performance.now();
    this.records = [];
    this.open = 0;
    this.onIdle = undefined;
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Offers no more, and resolves when what was offered has ended or its time is over. */
  async end(): Promise<LoadResult> {
    clearInterval(this.timer);
    if (this.open > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LAST_CALLS_MS);
        this.onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.result();
  }

  private tick(): void {
    const due = ((performance.now() - this.startedMs) * this.rps) / 1000;
    while (this.records.length < due) {
      const number = this.records.length;
      const script: CallScript = { ...PLAIN, holdMs: (number * 7) % LONGEST_HOLD_MS };
      const call = new ScriptedCall(`${this.name}.${number}`, script, () => this.ended());
      this.records.push(call.record);
      this.open += 1;
      call.start(this.client);
    }
  }

  private ended(): void {
    this.open -= 1;
    if (this.open === 0) this.onIdle?.();
  }

  private result(): LoadResult {
    const lost = this.records.filter((record) => record.ends !== 1 || record.code !== 0);
    const times = this.records
      .filter((record) => record.ends > 0)
      .map((record) => record.endedMs - record.startedMs)
      .sort((a, b) => a - b);
    const first = lost[0];
    return {
      offered: this.records.length,
      ok: this.records.length - lost.length,
      lost: lost.length,
      firstLost: first === undefined ? '' : `${first.code} ${first.details}, ${first.ends} ends`,
      p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
      longestMs: times.at(-1) ?? 0,
    };
  }
}
