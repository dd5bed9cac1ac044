// What a soak needs of a runtime: channels that make planned calls, and servers that do as ordered.
// Bytes both ways. Not here: Sluice (sluice-*.ts), grpc-js (grpc-js-*.ts).

import type { CallWatcher, Way } from './ledger.ts';
import type { CallPlan } from './plan.ts';

export type SoakRuntime = 'sluice' | 'grpc-js';

/** Balancing policies that channels of a soak use. */
export type Policy = 'pick_first' | 'round_robin' | 'least_request' | 'ring_hash';

/** A channel as it is to be made; a runtime takes what it has a name for. */
export interface ChannelPlan extends Way {
  readonly ports: readonly number[];
  readonly policy: Policy;
  readonly connections: 'single' | 'fixed' | 'automatic';
  readonly keepalive: boolean;
  readonly interceptors: boolean;
  readonly shared: boolean;
  /** Of a runtime that compresses by channel; another one does so by call. */
  readonly compresses: boolean;
  /** Watches the health of its server all the time, and reads figures now and then. */
  readonly observes: boolean;
}

/** Makes calls; `begin` answers with what cancels the call. */
export interface SoakChannel {
  begin(plan: CallPlan, watcher: CallWatcher): () => void;
  /** What a program does beside its calls: reads figures, asks for explanations. */
  observe(): void;
  /** Streams that are open now; 0 where a runtime does not tell. */
  streams(): number;
  /** Ends what `observes` began, so that nothing is open but calls. */
  stopObserving(): Promise<void>;
  close(): Promise<void>;
}

/** A server that is up. */
export interface SoakServer {
  readonly port: number;
  streams(): number;
  observe(): void;
  /** Takes nothing new and lets calls finish. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** How a server is to be made. */
export interface ServerPlan {
  /** 0 for a free one. */
  readonly port: number;
  /** Its connections end by age. */
  readonly ages: boolean;
  /** It pings quiet clients; they may be behind a black hole. */
  readonly pings: boolean;
  readonly interceptors: boolean;
}

/** Handlers that run now. */
export interface HandlerCount {
  running: number;
}

/** What requests and responses are cut from; nothing writes to it. */
export const POOL: Buffer = Buffer.alloc(1_048_576, 'sluice soak ');

export function payload(bytes: number): Buffer {
  return POOL.subarray(0, bytes);
}

/** The value of a metadata key that has only a length. */
export function filler(bytes: number): string {
  return 'x'.repeat(bytes);
}

/** Of connections that end by age: how old they become, and how long their calls have then. */
export const AGE_MS = 8_000;
export const AGE_GRACE_MS = 15_000;

/** Of clients and servers that ping: the least that a client may choose, and what a server chooses. */
export const CLIENT_PING_MS = 10_000;
export const CLIENT_PING_TIMEOUT_MS = 1_500;
export const SERVER_PING_MS = 2_000;
export const SERVER_PING_TIMEOUT_MS = 3_000;

/** Retries of the one method that has a policy. */
export const RETRY_BACKOFF = { initial: '0.01s', max: '0.05s', multiplier: 2 } as const;

/** Channels and servers of a runtime; each is loaded only where it is asked for, for its memory. */
export async function channelMaker(
  runtime: SoakRuntime,
): Promise<(plan: ChannelPlan) => SoakChannel> {
  if (runtime === 'sluice') return (await import('./sluice-client.ts')).openSluice;
  return (await import('./grpc-js-client.ts')).openGrpcJs;
}

export async function serverMaker(
  runtime: SoakRuntime,
): Promise<(plan: ServerPlan, handlers: HandlerCount) => Promise<SoakServer>> {
  if (runtime === 'sluice') return (await import('./sluice-server.ts')).serveSluice;
  return (await import('./grpc-js-server.ts')).serveGrpcJs;
}
