// The client of one runtime, in a process of its own: runs the phases the parent asks for and sends
// a sample of its counts, queues and memory every 100 ms. Needs --expose-gc for `settle`.

import { type Generator, Load } from './load.ts';
import { servePageHere, serveParent, tellParent } from './parent-link.ts';
import type { ClientCommand, Done, Sample } from './protocol.ts';
import type { ClientRuntime, ConnectRuntime } from './runtime.ts';
import { SAMPLE_EVERY_MS } from './scenarios.ts';
import { StreamLoad } from './stream-load.ts';

const BEST_WINDOW_MS = 250;
const DRAIN_LOOK_MS = 10;

async function loadConnect(runtime: string): Promise<ConnectRuntime> {
  if (runtime === 'sluice') return (await import('./runtime-sluice.ts')).connectSluice;
  if (runtime === 'grpc-js') return (await import('./runtime-grpc-js.ts')).connectGrpcJs;
  if (runtime === 'drop-in') return (await import('./runtime-drop-in.ts')).connectDropIn;
  return (await import('./runtime-no-op.ts')).connectNoOp;
}

function now(): number {
  return performance.now();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One runtime connected, its load, and the memory of the process around it. */
class ClientUnderLoad {
  private readonly runtime: ClientRuntime;
  private readonly load: Generator;
  /** The same, where the load is streaming. */
  private readonly streams: StreamLoad | null;
  private readonly startedMs: number;
  private maxRssKB: number;

  constructor(runtime: ClientRuntime, payloadBytes: number, streams: number) {
    this.runtime = runtime;
    const payload = Buffer.alloc(payloadBytes, 's');
    this.streams = streams > 0 ? new StreamLoad(runtime, payload, streams, now) : null;
    this.load = this.streams ?? new Load(runtime, payload, now);
    this.startedMs = now();
    this.maxRssKB = process.resourceUsage().maxRSS;
    setInterval(() => tellParent({ tell: 'sample', sample: this.sample() }), SAMPLE_EVERY_MS);
  }

  sample(): Sample {
    const memory = process.memoryUsage();
    const depths = this.runtime.depths();
    return {
      ...this.load.counts(),
      atMs: now() - this.startedMs,
      rss: memory.rss,
      heapUsed: memory.heapUsed,
      external: memory.external,
      queueItems: depths?.queueItems ?? null,
      queueBytes: depths?.queueBytes ?? null,
      socketBytes: depths?.socketBytes ?? null,
      openStreams: depths?.openStreams ?? null,
      waitingCalls: depths?.waitingCalls ?? null,
      connections: depths?.connections ?? null,
      concurrencyLimit: depths?.concurrencyLimit ?? null,
    };
  }

  /** What the kernel saw between two samples: the process's highest RSS, if it rose. */
  raisedMaxRss(): { maxRss?: number } {
    const maxRssKB = process.resourceUsage().maxRSS;
    if (maxRssKB <= this.maxRssKB) return {};
    this.maxRssKB = maxRssKB;
    return { maxRss: maxRssKB * 1024 };
  }

  async closedLoop(seconds: number, inFlight: number): Promise<Done> {
    const endMs = now() + seconds * 1000;
    let peakRps = 0;
    this.load.startReplacing(inFlight);
    while (now() < endMs) {
      const fromMs = now();
      const fromOk = this.load.okCalls;
      await pause(BEST_WINDOW_MS);
      const rps = ((this.load.okCalls - fromOk) * 1000) / (now() - fromMs);
      if (rps > peakRps) peakRps = rps;
    }
    this.load.stopReplacing();
    return { peakRps };
  }

  async openLoop(rate: number, seconds: number, timeoutMs: number): Promise<Done> {
    const fromOffered = this.load.offeredCalls;
    const fromOk = this.load.okCalls;
    const loadSeconds = await this.load.openLoop(rate, seconds, timeoutMs);
    return {
      loadSeconds,
      offered: this.load.offeredCalls - fromOffered,
      ok: this.load.okCalls - fromOk,
      ...this.raisedMaxRss(),
      sample: this.sample(),
    };
  }

  async drain(seconds: number): Promise<Done> {
    const endMs = now() + seconds * 1000;
    while (this.load.inFlight > 0 && now() < endMs) await pause(DRAIN_LOOK_MS);
    return { ...this.raisedMaxRss(), sample: this.sample() };
  }

  /** Ends the streams, if the load has any, and waits for their ends. */
  async endStreams(seconds: number): Promise<Done> {
    const endMs = now() + seconds * 1000;
    this.streams?.end();
    while ((this.streams?.openStreams ?? 0) > 0 && now() < endMs) await pause(DRAIN_LOOK_MS);
    return { ...this.raisedMaxRss(), sample: this.sample() };
  }

  /** Two collections, each followed by a turn so that what they freed can be given back. */
  async settle(): Promise<Done> {
    for (let collection = 0; collection < 2; collection++) {
      globalThis.gc?.();
      await pause(DRAIN_LOOK_MS);
    }
    return { ...this.raisedMaxRss(), sample: this.sample() };
  }

  /** The state since the last lap; latencies count from here. */
  lap(): Done {
    const sample = this.sample();
    this.load.lap();
    return { sample, acted: this.runtime.acted() };
  }

  reset(): Done {
    this.load.reset();
    return {};
  }
}

let client: ClientUnderLoad | null = null;
let guardedPid: number | null = null;

async function handle(command: ClientCommand): Promise<Done> {
  if (command.ask === 'guard') {
    guardedPid = command.pid;
    return {};
  }
  if (command.ask === 'connect') {
    const connect = await loadConnect(command.runtime);
    const runtime = await connect(command.port, command.options ?? {});
    client = new ClientUnderLoad(runtime, command.payloadBytes, command.streams);
    return {};
  }
  if (command.ask === 'page') return servePageHere();
  if (client === null) throw new Error(`${command.ask} before connect`);
  switch (command.ask) {
    case 'closed-loop':
      return client.closedLoop(command.seconds, command.inFlight);
    case 'open-loop':
      return client.openLoop(command.rate, command.seconds, command.timeoutMs);
    case 'drain':
      return client.drain(command.seconds);
    case 'end-streams':
      return client.endStreams(command.seconds);
    case 'lap':
      return client.lap();
    case 'reset':
      return client.reset();
    case 'settle':
      return client.settle();
  }
}

// A stopped server cannot see that the parent is gone; this process wakes it so that it can exit.
serveParent(handle, () => {
  if (guardedPid === null) return;
  try {
    process.kill(guardedPid, 'SIGCONT');
  } catch {
    // It was ended already.
  }
});
