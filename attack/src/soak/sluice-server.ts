// Sluice as a server of a soak: handlers of every kind that do as the metadata of a call orders.
// Health, channelz and stats are served beside them.

import {
  createServer,
  type Server,
  type ServerContext,
  type ServerInterceptor,
  Status,
  StatusError,
} from 'sluice';
import { addChannelz } from 'sluice/channelz';
import { addHealth, type HealthService } from 'sluice/health';
import { addStats } from 'sluice/stats';
import { FILLER_KEY, ORDER_KEY, type Order, orderOf, PATHS, RETRIED_PATH } from './plan.ts';
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
import { waitFor } from './turns.ts';

/** So that every drain of a server is through while a soak goes on. */
const DRAIN_MS = 15_000;

/** Passes on what it is given, with one more trailer. */
const passing: ServerInterceptor = async (request, next) => {
  const response = await next(request);
  response.trailer.append('soak-passed', request.method.kind);
  return response;
};

/** What every handler does before its first answer. */
async function obey(context: ServerContext): Promise<Order> {
  const order = orderOf(context.metadata.get(ORDER_KEY));
  const filling = context.metadata.get(FILLER_KEY);
  const isRetried = order.failedAttempts > 0;
  if (filling !== undefined && !isRetried) context.header.append(FILLER_KEY, filling);
  if (order.compress) context.compress = 'gzip';
  // Headers of their own for the calls that take long: their callers wait for them to cancel. Those
  // that are to be tried again must not have had any.
  if (order.waitMs > 0) {
    if (!isRetried) context.sendHeader();
    await waitFor(order.waitMs, context.signal);
  }
  const before = Number(context.metadata.get('grpc-previous-rpc-attempts') ?? 0);
  if (before < order.failedAttempts) throw new StatusError(Status.UNAVAILABLE, 'as ordered');
  return order;
}

/** The end of a handler that was ordered to fail. */
function settle(order: Order): void {
  if (order.throws) throw new Error('as ordered');
  if (order.code === Status.OK) return;
  // Orders are made from the codes of Status.
  throw new StatusError(order.code as Status, 'as ordered');
}

async function readAll(
  requests: AsyncIterable<Buffer>,
  order: Order,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of requests) {
    if (order.pauseMs > 0) await waitFor(order.pauseMs, signal);
  }
}

async function* answers(order: Order): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < order.responseCount; i += 1) yield payload(order.responseBytes);
}

function addHandlers(server: Server, handlers: HandlerCount): void {
  async function counted<T>(work: () => Promise<T>): Promise<T> {
    handlers.running += 1;
    try {
      return await work();
    } finally {
      handlers.running -= 1;
    }
  }
  const unary = (_request: Buffer, context: ServerContext): Promise<Uint8Array> =>
    counted(async () => {
      const order = await obey(context);
      settle(order);
      return payload(order.responseBytes);
    });
  server.unary(PATHS.unary, unary);
  server.unary(RETRIED_PATH, unary);
  server.serverStreaming(PATHS.serverStreaming, async function* (_request, context) {
    handlers.running += 1;
    try {
      const order = await obey(context);
      yield* answers(order);
      settle(order);
    } finally {
      handlers.running -= 1;
    }
  });
  server.clientStreaming(PATHS.clientStreaming, (requests, context) =>
    counted(async () => {
      const order = await obey(context);
      await readAll(requests, order, context.signal);
      settle(order);
      return payload(order.responseBytes);
    }),
  );
  server.bidiStreaming(PATHS.bidiStreaming, async function* (requests, context) {
    handlers.running += 1;
    try {
      const order = await obey(context);
      const reading = readAll(requests, order, context.signal);
      // Told to whoever awaits it below; until then its failure is nobody's.
      reading.catch(() => {});
      yield* answers(order);
      await reading;
      settle(order);
    } finally {
      handlers.running -= 1;
    }
  });
}

class SluiceServer implements SoakServer {
  readonly port: number;
  private readonly server: Server;
  private readonly health: HealthService;

  constructor(server: Server, health: HealthService, port: number) {
    this.server = server;
    this.health = health;
    this.port = port;
  }

  streams(): number {
    return this.server.stats().connections.reduce((sum, { streams }) => sum + streams.open, 0);
  }

  observe(): void {
    this.server.explain();
    const serving = this.health.get('soak.Soak') === 'SERVING';
    this.health.set('soak.Soak', serving ? 'NOT_SERVING' : 'SERVING');
  }

  drain(): Promise<void> {
    return this.server.drain(DRAIN_MS);
  }

  close(): Promise<void> {
    return this.server.close();
  }
}

export async function serveSluice(plan: ServerPlan, handlers: HandlerCount): Promise<SoakServer> {
  const server = createServer({
    ...(plan.interceptors ? { interceptors: [passing] } : {}),
    keepalive: {
      ...(plan.ages ? { maxAgeMs: AGE_MS, maxAgeGraceMs: AGE_GRACE_MS } : {}),
      ...(plan.pings ? { timeMs: SERVER_PING_MS, timeoutMs: SERVER_PING_TIMEOUT_MS } : {}),
    },
    minPingIntervalMs: 1_000,
    permitPingsWithoutStream: true,
    // Ordered ones; they would fill the terminal.
    onHandlerError: () => {},
  });
  addHandlers(server, handlers);
  const health = addHealth(server, { services: ['soak.Soak'] });
  addChannelz(server);
  addStats(server);
  const { port } = await server.listen({ host: '127.0.0.1', port: plan.port });
  return new SluiceServer(server, health, port ?? 0);
}
