// One soak from its start to the end of its processes: load, faults, restarts and samples by the
// clock; then everything is closed and what is left is counted.
// Invariants: it never rejects for what a runtime does, which is an outcome; whatever happens, no
// process and no proxy is left behind.

import { setTimeout as pause } from 'node:timers/promises';
import { SoakChild } from './child.ts';
import { Faults } from './faults.ts';
import type { Sample } from './fit.ts';
import type { Account } from './ledger.ts';
import { type Outcome, reportOf, type SoakReport } from './outcome.ts';
import type {
  ClientCommand,
  Closed,
  Paused,
  Sampled,
  ServerCommand,
  Serving,
  Stopped,
} from './protocol.ts';
import { Random } from './random.ts';
import type { SoakRuntime } from './runtime.ts';

export interface SoakPlan {
  readonly runtime: SoakRuntime;
  readonly seconds: number;
  readonly rps: number;
  readonly seed: number;
}

/** How things stand while a soak is under way. */
export interface Progress {
  readonly atSeconds: number;
  readonly account: Account;
  readonly client: Sampled | undefined;
  readonly server: Sampled | undefined;
  readonly restarts: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Milliseconds for an answer that takes no time, and for those that wait for calls and closes. */
const SOON_MS = 20_000;
const STOP_MS = 90_000;
const CLOSE_MS = 60_000;

/** Seconds between two restarts of the server that is restarted. */
const RESTART_SECONDS = 10;

/** Seconds between two samples: thirty of a run, and no rarer than this. */
const MOST_SAMPLE_SECONDS = 5;
const LEAST_SAMPLE_SECONDS = 1;

class Soak {
  private readonly plan: SoakPlan;
  private readonly onProgress: (progress: Progress) => void;
  private readonly client: SoakChild;
  private readonly server: SoakChild;
  private readonly random: Random;
  private readonly clientSamples: Sample[];
  private readonly serverSamples: Sample[];
  private readonly broken: string[];
  private faults: Faults | undefined;
  private skipped: number;
  private restarts: number;
  private account: Account;
  private stopped: Stopped | undefined;
  private closed: { client: Closed; server: Closed } | undefined;

  constructor(plan: SoakPlan, onProgress: (progress: Progress) => void) {
    this.plan = plan;
    this.onProgress = onProgress;
    this.client = new SoakChild('client');
    this.server = new SoakChild('server');
    this.random = new Random(plan.seed);
    this.clientSamples = [];
    this.serverSamples = [];
    this.broken = [];
    this.faults = undefined;
    this.skipped = 0;
    this.restarts = 0;
    this.account = { begun: 0, open: 0, statuses: {}, twice: 0, wrong: 0, faults: [] };
    this.stopped = undefined;
    this.closed = undefined;
  }

  async run(): Promise<Outcome> {
    try {
      await this.begin();
      await this.load();
      await this.end();
    } catch (error) {
      this.broken.push(error instanceof Error ? error.message : String(error));
    } finally {
      await this.faults?.close();
      this.client.kill();
      this.server.kill();
    }
    return this.outcome();
  }

  private outcome(): Outcome {
    return {
      runtime: this.plan.runtime,
      seconds: this.plan.seconds,
      samples: { client: this.clientSamples, server: this.serverSamples },
      skippedSamples: this.skipped,
      account: this.stopped?.account ?? this.account,
      overdue: this.stopped?.overdue ?? [],
      channels: this.stopped?.channelsMade ?? 0,
      restarts: this.restarts,
      faults: this.faults?.counts ?? {},
      closed: this.closed,
      broken: this.broken,
    };
  }

  private askClient<Done>(command: ClientCommand, withinMs: number): Promise<Done> {
    return this.client.ask(command, withinMs);
  }

  private askServer<Done>(command: ServerCommand, withinMs: number): Promise<Done> {
    return this.server.ask(command, withinMs);
  }

  private async begin(): Promise<void> {
    const { runtime, seed, seconds, rps } = this.plan;
    const assignment = { do: 'start', runtime, seed } as const;
    const serving = await this.askServer<Serving>(assignment, SOON_MS);
    await this.askClient(assignment, SOON_MS);
    const faults = new Faults(serving.proxied, this.random);
    this.faults = faults;
    const { broken, silent } = await faults.listen();
    const { aging, steady, restarted } = serving;
    const ports = { aging, steady, restarted, broken, silent };
    await this.askClient({ do: 'load', ports, rps }, SOON_MS);
    faults.begin(seconds * 1_000);
  }

  private async load(): Promise<void> {
    const { seconds } = this.plan;
    const everySeconds = Math.max(
      LEAST_SAMPLE_SECONDS,
      Math.min(MOST_SAMPLE_SECONDS, seconds / 30),
    );
    const startedMs = performance.now();
    const at = (): number => (performance.now() - startedMs) / 1_000;
    let nextSample = everySeconds;
    let nextRestart = Math.min(RESTART_SECONDS, seconds / 3);
    while (at() < seconds) {
      await pause(1_000 * Math.max(0, Math.min(nextSample, seconds) - at()));
      await this.sample(at);
      // A pause that took its time must not leave a run without load.
      nextSample = Math.max(nextSample + everySeconds, at() + everySeconds / 2);
      if (at() < nextRestart || at() >= seconds) continue;
      nextRestart = at() + RESTART_SECONDS;
      await this.askServer({ do: 'restart' }, SOON_MS);
      this.restarts += 1;
    }
  }

  /** Both processes at a moment at which no call is under way. */
  private async sample(at: () => number): Promise<void> {
    const { quiet } = await this.askClient<Paused>({ do: 'pause' }, SOON_MS);
    let client: Sampled | undefined;
    let server: Sampled | undefined;
    if (quiet) {
      const atSeconds = at();
      server = await this.askServer<Sampled>({ do: 'sample' }, SOON_MS);
      client = await this.askClient<Sampled>({ do: 'sample' }, SOON_MS);
      this.clientSamples.push({ atSeconds, value: client.liveMB });
      this.serverSamples.push({ atSeconds, value: server.liveMB });
    } else this.skipped += 1;
    this.account = await this.askClient<Account>({ do: 'account' }, SOON_MS);
    await this.askClient({ do: 'resume' }, SOON_MS);
    const { account, restarts } = this;
    const faults = this.faults?.counts ?? {};
    this.onProgress({ atSeconds: at(), account, client, server, restarts, faults });
  }

  private async end(): Promise<void> {
    this.faults?.heal();
    this.stopped = await this.askClient<Stopped>({ do: 'stop' }, STOP_MS);
    const client = await this.askClient<Closed>({ do: 'close' }, CLOSE_MS);
    await this.faults?.close();
    const server = await this.askServer<Closed>({ do: 'close' }, CLOSE_MS);
    this.closed = { client, server };
    for (const child of [this.client, this.server]) {
      const fault = await child.leave();
      if (fault !== undefined) this.broken.push(fault);
    }
  }
}

/** Runs one soak; takes its seconds and a few more. */
export async function runSoak(
  plan: SoakPlan,
  onProgress: (progress: Progress) => void = () => {},
): Promise<SoakReport> {
  return reportOf(await new Soak(plan, onProgress).run());
}
