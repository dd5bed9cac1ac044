// Sluice as a client of a soak: planned calls by promises and by callbacks, and what programs do
// beside them: a watch of a server's health, figures, listeners for events.

import { setTimeout as pause } from 'node:timers/promises';
import {
  type Call,
  type CallListener,
  type CallOptions,
  type Channel,
  type ChannelOptions,
  type ClientInterceptor,
  connect,
  createClient,
  Metadata,
  type Status,
  StatusError,
  subscribe,
} from 'sluice';
import { Channelz } from 'sluice/channelz';
import { Health } from 'sluice/health';
import { Stats } from 'sluice/stats';
import type { CallWatcher } from './ledger.ts';
import {
  type CallPlan,
  FILLER_KEY,
  MAX_ATTEMPTS,
  MAX_RECEIVE,
  ORDER_KEY,
  orderText,
  pathOf,
  SMALL_RECEIVE,
} from './plan.ts';
import {
  type ChannelPlan,
  CLIENT_PING_MS,
  CLIENT_PING_TIMEOUT_MS,
  filler,
  payload,
  RETRY_BACKOFF,
  type SoakChannel,
} from './runtime.ts';

/** Passes on what it is given, with one more metadata field. */
const passing: ClientInterceptor = (request, next) => {
  const metadata = request.options.metadata?.clone() ?? new Metadata();
  metadata.append('soak-passed', request.method.kind);
  return next({ ...request, options: { ...request.options, metadata } });
};

/** Milliseconds between the end of a health watch and the next one. */
const WATCH_AGAIN_MS = 300;

function metadataOf(plan: CallPlan): Metadata {
  const metadata = new Metadata({ [ORDER_KEY]: orderText(plan.order) });
  if (plan.metadataBytes > 0) {
    metadata.append(FILLER_KEY, filler(plan.metadataBytes));
    metadata.append('soak-bin', payload(plan.metadataBytes));
  }
  return metadata;
}

function optionsOf(plan: CallPlan): CallOptions {
  return {
    metadata: metadataOf(plan),
    timeoutMs: plan.timeoutMs > 0 ? plan.timeoutMs : undefined,
    compress: plan.compress ? 'gzip' : undefined,
    maxReceiveMessageLength: plan.tooLarge ? SMALL_RECEIVE : undefined,
  };
}

function* requestsOf(plan: CallPlan): Generator<Uint8Array> {
  for (let i = 0; i < plan.requestCount; i += 1) yield payload(plan.requestBytes);
}

/** A call by the callbacks of `Channel.call`, which can show an end that comes twice. */
class CallbackCall implements CallListener {
  private readonly plan: CallPlan;
  private readonly watcher: CallWatcher;
  private call: Call | undefined;
  private left: number;
  private closed: boolean;

  constructor(plan: CallPlan, watcher: CallWatcher) {
    this.plan = plan;
    this.watcher = watcher;
    this.call = undefined;
    this.left = plan.requestCount;
    this.closed = false;
  }

  begin(channel: Channel): void {
    const call = channel.call(pathOf(this.plan), optionsOf(this.plan), this);
    this.call = call;
    call.request(1);
    this.write();
  }

  cancel(): void {
    this.call?.cancel('as planned');
  }

  private write(): void {
    const { call } = this;
    if (call === undefined || this.closed) return;
    while (this.left > 0) {
      this.left -= 1;
      if (!call.send(payload(this.plan.requestBytes)) && this.left > 0) return;
    }
    this.closed = true;
    call.halfClose();
  }

  onHeader(): void {
    this.watcher.onHeader();
  }

  onMessage(message: Buffer): void {
    this.watcher.onMessage(message.length);
    if (this.plan.pauseMs === 0) this.call?.request(1);
    else setTimeout(() => this.call?.request(1), this.plan.pauseMs);
  }

  onWritable(): void {
    this.write();
  }

  onEnd(code: Status, details: string): void {
    this.watcher.onEnd(code, details);
  }
}

async function read(
  responses: AsyncIterable<Buffer>,
  plan: CallPlan,
  watcher: CallWatcher,
): Promise<void> {
  for await (const message of responses) {
    watcher.onMessage(message.length);
    if (plan.pauseMs > 0) await pause(plan.pauseMs);
  }
}

/** A call by the promises and iterators of a channel. */
async function runCall(
  channel: Channel,
  plan: CallPlan,
  options: CallOptions,
  watcher: CallWatcher,
): Promise<void> {
  const path = pathOf(plan);
  const request = payload(plan.requestBytes);
  switch (plan.kind) {
    case 'unary':
      watcher.onMessage((await channel.unary(path, request, options)).length);
      return;
    case 'clientStreaming':
      watcher.onMessage((await channel.clientStreaming(path, requestsOf(plan), options)).length);
      return;
    case 'serverStreaming':
      return read(channel.serverStreaming(path, request, options), plan, watcher);
    case 'bidiStreaming':
      return read(channel.bidiStreaming(path, requestsOf(plan), options), plan, watcher);
  }
}

class SluiceChannel implements SoakChannel {
  private readonly channel: Channel;
  private readonly stopping: AbortController;
  private watch: Promise<void> | undefined;
  private unsubscribe: (() => void) | undefined;
  private readonly reads: Set<Promise<unknown>>;

  constructor(channel: Channel, observes: boolean) {
    this.channel = channel;
    this.stopping = new AbortController();
    this.watch = observes ? this.watchHealth() : undefined;
    this.unsubscribe = observes ? subscribe('sluice:call', () => {}) : undefined;
    this.reads = new Set();
  }

  begin(plan: CallPlan, watcher: CallWatcher): () => void {
    if (plan.callbacks) {
      const call = new CallbackCall(plan, watcher);
      call.begin(this.channel);
      return () => call.cancel();
    }
    const controller = new AbortController();
    const options: CallOptions = {
      ...optionsOf(plan),
      signal: controller.signal,
      onHeader: () => watcher.onHeader(),
    };
    runCall(this.channel, plan, options, watcher).then(
      () => watcher.onEnd(0, ''),
      (error: unknown) => {
        if (error instanceof StatusError) watcher.onEnd(error.code, error.details);
        else watcher.onEnd(-1, String(error));
      },
    );
    return () => controller.abort();
  }

  observe(): void {
    this.channel.stats();
    this.channel.explain();
    if (this.watch === undefined) return;
    const { signal } = this.stopping;
    this.keep(createClient(Channelz, this.channel).getServers({}, { signal }));
    this.keep(createClient(Stats, this.channel).get({}, { signal }));
  }

  private keep(read: Promise<unknown>): void {
    const done = read.catch(() => {}).finally(() => this.reads.delete(done));
    this.reads.add(done);
  }

  streams(): number {
    return this.channel.stats().connections.reduce((sum, { streams }) => sum + streams.open, 0);
  }

  private async watchHealth(): Promise<void> {
    const { signal } = this.stopping;
    const health = createClient(Health, this.channel);
    while (!signal.aborted) {
      try {
        for await (const _ of health.watch({ service: 'soak.Soak' }, { signal })) {
          // Each is a status that the server has set.
        }
      } catch {
        // Its connection ended, as connections do in a soak.
      }
      if (!signal.aborted) await pause(WATCH_AGAIN_MS);
    }
  }

  async stopObserving(): Promise<void> {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
    this.stopping.abort();
    await this.watch;
    await Promise.all(this.reads);
  }

  async close(): Promise<void> {
    await Promise.all([this.channel.close(), this.stopObserving()]);
  }
}

export function openSluice(plan: ChannelPlan): SoakChannel {
  const { connections } = plan;
  const policy =
    plan.policy === 'ring_hash'
      ? // Its defaults are for many more backends.
        { ring_hash: { minRingSize: 64, maxRingSize: 256 } }
      : { [plan.policy]: {} };
  const options: ChannelOptions = {
    maxReceiveMessageLength: MAX_RECEIVE,
    backoff: { initialMs: 100, maxMs: 500 },
    proxy: false,
    shareConnections: plan.shared,
    connections:
      connections === 'single' ? { policy: 'single' } : { policy: connections, maxConnections: 3 },
    ...(plan.interceptors ? { interceptors: [passing] } : {}),
    ...(plan.keepalive
      ? { keepalive: { timeMs: CLIENT_PING_MS, timeoutMs: CLIENT_PING_TIMEOUT_MS } }
      : {}),
    serviceConfig: {
      loadBalancingConfig: [policy],
      methodConfig: [
        {
          name: [{ service: 'soak.Soak', method: 'Retried' }],
          retryPolicy: {
            maxAttempts: MAX_ATTEMPTS,
            initialBackoff: RETRY_BACKOFF.initial,
            maxBackoff: RETRY_BACKOFF.max,
            backoffMultiplier: RETRY_BACKOFF.multiplier,
            retryableStatusCodes: ['UNAVAILABLE'],
          },
        },
      ],
    },
  };
  const targets = plan.ports.map((port) => `127.0.0.1:${port}`);
  return new SluiceChannel(connect(targets, options), plan.observes);
}
