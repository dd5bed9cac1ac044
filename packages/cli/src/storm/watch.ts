// `sluice storm --watch`: Sluice alone under storms that follow each other until it is told to end, each of
// its two processes with a page of its own to look at meanwhile.
// Invariant: no process is left, however it ends; the pages are on loopback.
// Not here: what the pages show (sluice/page), what is measured and judged (storm.ts).

import { Child, ChildDied, endAllChildren } from './child.ts';
import type { Cores } from './cores.ts';
import { HEAP_CAP_MB, PAYLOAD_BYTES, PHASES } from './scenarios.ts';
import { count } from './text-table.ts';

/** How to watch. */
export interface WatchOptions {
  /** Calls offered per second in a storm. */
  readonly rate: number;
  /** When it ends by itself; null for never. */
  readonly seconds: number | null;
}

/** Calls per second that the server answers by its clock. */
const CAPACITY_RPS = 10_000;

/** Lengths of the parts of a round, s. */
const CALM_SECONDS = 8;
const STORM_SECONDS = 12;
const STOP_SECONDS = 6;

/** Calls to a stopped server wait for so much longer than it is stopped, ms. */
const BEYOND_STOP_MS = 2_000;

const START_SECONDS = 30;
const EXIT_FAILED = 1;

/** Nothing is measured: the processes run wherever there is room. */
const ANY: Cores = { client: null, server: null };

/** Runs until Ctrl-C or for as long as it was told; resolves to the exit code. */
export async function watchStorm(options: WatchOptions): Promise<number> {
  const server = new Child({ role: 'server', heapCapMB: null, cores: ANY, program: null });
  const client = new Child({
    role: 'client',
    heapCapMB: HEAP_CAP_MB,
    cores: ANY,
    program: null,
  });
  const ended = endOf(options.seconds);
  try {
    await Promise.race([new Watch(server, client, options.rate).run(), ended.happened]);
    return 0;
  } catch (error) {
    if (!(error instanceof ChildDied)) throw error;
    process.stderr.write(`sluice: a process of the storm ended: ${error.message}\n`);
    return EXIT_FAILED;
  } finally {
    ended.forget();
    endAllChildren();
  }
}

/** Ctrl-C, SIGTERM, or the time. */
function endOf(seconds: number | null): { happened: Promise<void>; forget: () => void } {
  let end = (): void => {};
  const happened = new Promise<void>((resolve) => {
    end = resolve;
  });
  const timer = seconds === null ? undefined : setTimeout(end, seconds * 1_000);
  process.on('SIGINT', end).on('SIGTERM', end);
  const forget = (): void => {
    clearTimeout(timer);
    process.off('SIGINT', end).off('SIGTERM', end);
  };
  return { happened, forget };
}

class Watch {
  private readonly server: Child;
  private readonly client: Child;
  private readonly rate: number;

  constructor(server: Child, client: Child, rate: number) {
    this.server = server;
    this.client = client;
    this.rate = rate;
  }

  /** Round after round. @throws ChildDied */
  async run(): Promise<never> {
    await this.start();
    for (;;) {
      say(`calm: ${count(CAPACITY_RPS / 2)} calls a second, half of what the server answers`);
      await this.load(CAPACITY_RPS / 2, CALM_SECONDS, 0);
      say(`storm: ${count(this.rate)} calls a second, the server answers ${count(CAPACITY_RPS)}`);
      await this.load(this.rate, STORM_SECONDS, 0);
      await this.drain();
      say('stall: the server process is stopped, its page with it');
      await this.client.ask({ ask: 'guard', pid: this.server.pid }, PHASES.grace);
      this.server.stop();
      await this.load(this.rate, STOP_SECONDS, STOP_SECONDS * 1_000 + BEYOND_STOP_MS);
      this.server.continue();
      await this.client.ask({ ask: 'guard', pid: null }, PHASES.grace);
      await this.drain();
    }
  }

  private async start(): Promise<void> {
    const runtime = 'sluice';
    const { port = 0 } = await this.server.ask({ ask: 'serve', runtime }, START_SECONDS);
    await this.client.ask(
      { ask: 'connect', runtime, port, payloadBytes: PAYLOAD_BYTES, streams: 0 },
      START_SECONDS,
    );
    await this.server.ask({ ask: 'capacity', rps: CAPACITY_RPS }, PHASES.grace);
    const ofServer = await this.server.ask({ ask: 'page' }, START_SECONDS);
    const ofClient = await this.client.ask({ ask: 'page' }, START_SECONDS);
    say(`the client's page: ${ofClient.pageUrl}`);
    say(`the server's page: ${ofServer.pageUrl}`);
    say('open them in a browser; Ctrl-C ends the storm\n');
  }

  private async load(rate: number, seconds: number, timeoutMs: number): Promise<void> {
    await this.client.ask(
      { ask: 'open-loop', rate, seconds, timeoutMs },
      seconds + PHASES.drain + PHASES.grace,
    );
  }

  private async drain(): Promise<void> {
    await this.client.ask({ ask: 'drain', seconds: PHASES.drain }, PHASES.drain + PHASES.grace);
    await this.client.ask({ ask: 'reset' }, PHASES.grace);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
