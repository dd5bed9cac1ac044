// @grpc/grpc-js as a server of a soak: the same handlers, as far as its API goes.
// It has no health service, no stats and no count of its streams.

import type { EventEmitter } from 'node:events';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { Status } from 'sluice';
import { bytesMethod } from '../bytes-method.ts';
import {
  type CallKind,
  FILLER_KEY,
  isStreaming,
  ORDER_KEY,
  type Order,
  orderOf,
  PATHS,
  RETRIED_PATH,
} from './plan.ts';
import {
  AGE_GRACE_MS,
  AGE_MS,
  type HandlerCount,
  payload,
  SERVER_PING_MS,
  SERVER_PING_TIMEOUT_MS,
  type ServerPlan,
  type SoakServer,
} from './runtime.ts';
import { inTime, waitFor } from './turns.ts';

const DRAIN_MS = 15_000;

function definitionOf(path: string, kind: CallKind): ServiceDefinition[string] {
  return bytesMethod(path, isStreaming(kind, 'request'), isStreaming(kind, 'response'));
}

type AnyCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/** An error that its status is read from. */
function statusError(code: number): Error & { code: number } {
  return Object.assign(new Error('as ordered'), { code });
}

function failure(order: Order): Error | undefined {
  if (order.throws) return new Error('as ordered');
  return order.code === Status.OK ? undefined : statusError(order.code);
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return value === undefined ? undefined : String(value);
}

function signalOf(call: AnyCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  // The overloads of its kinds have no common form.
  const events: EventEmitter = call;
  events.on('cancelled', () => controller.abort());
  return controller.signal;
}

async function obey(call: AnyCall, signal: AbortSignal): Promise<Order> {
  const order = orderOf(textOf(call.metadata, ORDER_KEY));
  const filling = textOf(call.metadata, FILLER_KEY);
  const header = new Metadata();
  if (filling !== undefined) header.add(FILLER_KEY, filling);
  // What is to be tried again must not have had headers.
  const hasHeader = filling !== undefined || order.waitMs > 0;
  if (hasHeader && order.failedAttempts === 0) call.sendMetadata(header);
  if (order.waitMs > 0) await waitFor(order.waitMs, signal);
  const before = Number(textOf(call.metadata, 'grpc-previous-rpc-attempts') ?? 0);
  if (before < order.failedAttempts) throw statusError(Status.UNAVAILABLE);
  return order;
}

/** By events: an iteration that is through destroys a stream, the side that answers included. */
function readAll(
  call: ServerReadableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  order: Order,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    call.on('data', () => {
      if (order.pauseMs === 0) return;
      call.pause();
      setTimeout(() => call.resume(), order.pauseMs);
    });
    call.on('end', resolve);
    call.on('error', () => resolve());
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

async function writeAll(
  call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  order: Order,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 0; i < order.responseCount && !signal.aborted; i += 1) {
    if (call.write(payload(order.responseBytes))) continue;
    await new Promise<void>((resolve) => {
      call.once('drain', resolve);
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve());
    });
  }
}

function handlersOf(handlers: HandlerCount): Record<string, (...args: never[]) => void> {
  async function answerOnce(
    call: ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ): Promise<void> {
    handlers.running += 1;
    try {
      const signal = signalOf(call);
      const order = await obey(call, signal);
      if (!('request' in call)) await readAll(call, order, signal);
      const error = failure(order);
      if (error === undefined) callback(null, payload(order.responseBytes));
      else callback(error);
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)));
    } finally {
      handlers.running -= 1;
    }
  }
  async function answerMany(
    call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  ): Promise<void> {
    handlers.running += 1;
    call.on('error', () => {});
    try {
      const signal = signalOf(call);
      const order = await obey(call, signal);
      const reading = 'request' in call ? Promise.resolve() : readAll(call, order, signal);
      await writeAll(call, order, signal);
      await reading;
      const error = failure(order);
      if (error === undefined) call.end();
      else call.emit('error', error);
    } catch (error) {
      call.emit('error', error instanceof Error ? error : new Error(String(error)));
    } finally {
      handlers.running -= 1;
    }
  }
  return {
    unary: answerOnce,
    retried: answerOnce,
    clientStreaming: answerOnce,
    serverStreaming: answerMany,
    bidiStreaming: answerMany,
  };
}

class GrpcJsServer implements SoakServer {
  readonly port: number;
  private readonly server: Server;

  constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  streams(): number {
    return 0;
  }

  observe(): void {
    // It has no figures.
  }

  async drain(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.server.tryShutdown(() => resolve());
    });
    if (!(await inTime(done, DRAIN_MS))) this.server.forceShutdown();
  }

  close(): Promise<void> {
    this.server.forceShutdown();
    return Promise.resolve();
  }
}

export function serveGrpcJs(plan: ServerPlan, handlers: HandlerCount): Promise<SoakServer> {
  const options: ServerOptions = {
    'grpc.max_receive_message_length': 4_194_304,
    ...(plan.ages
      ? {
          'grpc.max_connection_age_ms': AGE_MS,
          'grpc.max_connection_age_grace_ms': AGE_GRACE_MS,
        }
      : {}),
    ...(plan.pings
      ? {
          'grpc.keepalive_time_ms': SERVER_PING_MS,
          'grpc.keepalive_timeout_ms': SERVER_PING_TIMEOUT_MS,
        }
      : {}),
  };
  const server = new Server(options);
  server.addService(
    {
      unary: definitionOf(PATHS.unary, 'unary'),
      retried: definitionOf(RETRIED_PATH, 'unary'),
      clientStreaming: definitionOf(PATHS.clientStreaming, 'clientStreaming'),
      serverStreaming: definitionOf(PATHS.serverStreaming, 'serverStreaming'),
      bidiStreaming: definitionOf(PATHS.bidiStreaming, 'bidiStreaming'),
    },
    // Its type is one of functions of anything.
    handlersOf(handlers) as Parameters<Server['addService']>[1],
  );
  return new Promise((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${plan.port}`,
      ServerCredentials.createInsecure(),
      (error, port) => {
        if (error) reject(error);
        else resolve(new GrpcJsServer(server, port));
      },
    );
  });
}
