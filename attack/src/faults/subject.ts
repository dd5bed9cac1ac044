// A runtime as the faults see it: a server whose handlers follow the scripts of their calls and a
// client that makes such calls, each in a process of its own.
// Not here: Sluice and grpc-js behind these interfaces (sluice-*.ts, grpc-js-*.ts).

import type { RuntimeName } from '../report.ts';
import type { CallScript } from './call-script.ts';

/** Where a server writes down, at once, that a handler began and that it is over. */
export interface HandlerJournal {
  began(id: string): void;
  over(id: string): void;
}

/** Times in milliseconds; what is absent is the runtime's default. */
export interface ServeSettings {
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  /** Streams that a client may have open. */
  readonly streams?: number;
}

export interface SubjectServer {
  readonly port: number;
  /** Connections that are open; null where the runtime does not tell. */
  connections(): number | null;
  /** How often each limit acted, by name; empty where the runtime does not tell. */
  acted(): Record<string, number>;
  /** Resolves when the last connection is gone, gracefully. */
  drain(): Promise<void>;
}

export interface ConnectSettings {
  readonly port: number;
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
}

/** Told by a call; `onEnd` is meant to come last, and once. */
export interface CallEvents {
  onMessage(): void;
  onWritable(): void;
  onEnd(code: number, details: string): void;
}

/** A call that sends messages of its own; of the other kinds only `cancel` is for use. */
export interface OpenCall {
  /** False: wait for `onWritable`. */
  send(message: Buffer): boolean;
  halfClose(): void;
  cancel(): void;
}

export interface SubjectClient {
  /**
   * Begins a call; no event comes before this returns.
   * @param request of the kinds that send one message
   */
  open(script: CallScript, header: string, request: Buffer, events: CallEvents): OpenCall;
  close(): void;
}

/** Each runtime is loaded only where it is asked for. */
export async function serveSubject(
  runtime: RuntimeName,
  settings: ServeSettings,
  journal: HandlerJournal,
): Promise<SubjectServer> {
  if (runtime === 'sluice') {
    return (await import('./sluice-server.ts')).serveSluice(settings, journal);
  }
  return (await import('./grpc-js-server.ts')).serveGrpcJs(settings, journal);
}

export async function connectSubject(
  runtime: RuntimeName,
  settings: ConnectSettings,
): Promise<SubjectClient> {
  if (runtime === 'sluice') return (await import('./sluice-client.ts')).connectSluice(settings);
  return (await import('./grpc-js-client.ts')).connectGrpcJs(settings);
}
