// Servers whose messages are text, and what programs about servers share.
// Not here: how they are called (http2-caller.ts).

import type * as grpcJs from '@grpc/grpc-js';
import type { Observation } from '../differential/observation.ts';

export type Grpc = typeof grpcJs;

/** What was seen, in order. */
export class Seen {
  readonly all: Observation[] = [];

  see(name: string, value: unknown): void {
    this.all.push({ name, value: value === undefined ? null : value });
  }
}

export const toBytes = (text: unknown): Buffer => Buffer.from(String(text));

export const toText = (bytes: Buffer): string => bytes.toString();

export function unary(
  server: grpcJs.Server,
  path: string,
  handler: grpcJs.handleUnaryCall<string, string>,
): void {
  server.register(path, handler, toBytes, toText, 'unary');
}

export function clientStream(
  server: grpcJs.Server,
  path: string,
  handler: grpcJs.handleClientStreamingCall<string, string>,
): void {
  server.register(path, handler, toBytes, toText, 'clientStream');
}

export function serverStream(
  server: grpcJs.Server,
  path: string,
  handler: grpcJs.handleServerStreamingCall<string, string>,
): void {
  server.register(path, handler, toBytes, toText, 'serverStream');
}

export function bidi(
  server: grpcJs.Server,
  path: string,
  handler: grpcJs.handleBidiStreamingCall<string, string>,
): void {
  server.register(path, handler, toBytes, toText, 'bidi');
}

/** Binds without TLS; answers the callback's arguments. */
export function bind(
  grpc: Grpc,
  server: grpcJs.Server,
  port = '127.0.0.1:0',
  credentials: grpcJs.ServerCredentials = grpc.ServerCredentials.createInsecure(),
): Promise<{ readonly error: Error | null; readonly port: number }> {
  return new Promise((resolve) => {
    server.bindAsync(port, credentials, (error, bound) => resolve({ error, port: bound }));
  });
}

/** The port of a server on 127.0.0.1; throws what binding failed with. */
export async function listening(grpc: Grpc, server: grpcJs.Server): Promise<number> {
  const { error, port } = await bind(grpc, server);
  if (error !== null) throw error;
  return port;
}

/** What a promise resolves with, or "nothing" when it takes too long to wait for. */
export async function within<T>(promise: Promise<T>, ms = 1_000): Promise<T | 'nothing'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'nothing'>((resolve) => {
    timer = setTimeout(() => resolve('nothing'), ms);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}

/** Something that happens once. */
export function signal<T = void>(): {
  readonly happened: Promise<T>;
  readonly raise: (value: T) => void;
} {
  let raise: (value: T) => void = () => {};
  const happened = new Promise<T>((resolve) => {
    raise = resolve;
  });
  return { happened, raise };
}

/** Turns of the event loop, for what comes a little later. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
