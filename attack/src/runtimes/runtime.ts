// What an attack needs of a runtime: a server with the same methods on each, and a client that makes
// the same calls. Bytes both ways, the defaults of the runtime unless a row sets a limit.
// Not here: Sluice (sluice.ts), grpc-js (grpc-js.ts).

import type { ServerLimits } from 'sluice';

/** Unary; answers with the request. */
export const ECHO = '/attack.Target/Echo';
/**
 * Unary; the request is milliseconds in decimal, after which it answers with itself; a second number
 * is milliseconds for which it blocks the event loop first.
 */
export const SLOW = '/attack.Target/Slow';
/** Unary; answers with one shared payload of `PAYLOAD_BYTES`. */
export const PAYLOAD = '/attack.Target/Payload';
/** Server streaming; the request is `count,size`: so many messages of so many bytes. */
export const STREAM = '/attack.Target/Stream';
/** Client streaming; reads nothing until the call is over. */
export const STALL = '/attack.Target/Stall';
/** Client streaming; reads everything, answers with the count of messages in decimal. */
export const READ = '/attack.Target/Read';
/** Bidirectional; answers each message with itself. */
export const CHAT = '/attack.Target/Chat';

/** Unary; answers with the paths that an interceptor saw, as JSON; where `seesPaths` is set. */
export const SEEN = '/attack.Target/Seen';

export const PAYLOAD_BYTES: number = 1024 * 1024;

/** What a row sets of a server; each runtime takes what it has a name for. */
export interface ServePlan {
  readonly limits?: Partial<ServerLimits>;
  readonly maxReceiveMessageLength?: number;
  readonly minPingIntervalMs?: number;
  /** Bytes, of the process; Sluice alone has such a budget. */
  readonly memoryBudgetBytes?: number;
  /** An interceptor notes the paths it sees. */
  readonly seesPaths?: boolean;
  /** PEM of certificate and key; none for plain TCP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface ServingRuntime {
  readonly port: number;
  /** How often each limit acted, by name; empty where a runtime counts nothing. */
  acted(): Record<string, number>;
  /** Connections and streams that are open; null where a runtime does not tell. */
  open(): { connections: number; streams: number } | null;
}

/** How a call ended. */
export interface CallEnd {
  readonly code: number;
  readonly details: string;
  readonly messages: number;
  readonly bytes: number;
}

/** What a row sets of a client. */
export interface ConnectPlan {
  readonly port: number;
  /** PEM that is trusted; none for plain TCP. */
  readonly trusted?: string;
  readonly maxReceiveMessageLength?: number;
  readonly memoryBudgetBytes?: number;
  /** Of keepalive, where a row is about it. */
  readonly keepaliveMs?: number;
}

export interface ClientRuntime {
  /** Never rejects. */
  unary(path: string, request: Uint8Array, timeoutMs: number): Promise<CallEnd>;
  /** A server stream read as fast as it comes, or not at all. Never rejects. */
  stream(path: string, request: Uint8Array, timeoutMs: number, reads: boolean): Promise<CallEnd>;
  acted(): Record<string, number>;
  close(): void;
}

/** Handlers that run now, and the most that ever ran since `reset`. */
export class HandlerCount {
  running = 0;
  most = 0;

  begin(): void {
    this.running += 1;
    if (this.running > this.most) this.most = this.running;
  }

  end(): void {
    this.running -= 1;
  }

  reset(): void {
    this.most = this.running;
  }
}

/** A handler allocates by these: whatever a request says, they are such that it can. */
const MOST_NUMBER = 1_000_000;

/** The numbers of a request such as `100,16384`; 0 for what is none. */
export function numbersIn(request: Uint8Array): number[] {
  const texts = Buffer.from(request).toString('latin1').split(',');
  return texts.map((text) => Math.max(0, Math.min(MOST_NUMBER, Math.trunc(Number(text)) || 0)));
}

/** Blocks the event loop, as a handler does that computes. */
export function compute(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

/** Resolves with the runtime; each is loaded only where it is asked for, for the sake of memory. */
export async function serve(
  name: string,
  plan: ServePlan,
  handlers: HandlerCount,
): Promise<ServingRuntime> {
  if (name === 'sluice') return (await import('./sluice-server.ts')).serveSluice(plan, handlers);
  return (await import('./grpc-js-server.ts')).serveGrpcJs(plan, handlers);
}

export async function connectTo(name: string, plan: ConnectPlan): Promise<ClientRuntime> {
  if (name === 'sluice') return (await import('./sluice-client.ts')).connectSluice(plan);
  return (await import('./grpc-js-client.ts')).connectGrpcJs(plan);
}
