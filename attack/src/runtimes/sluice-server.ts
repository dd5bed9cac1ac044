// Sluice as the server under attack: its defaults, and the limits that a row sets.
// Not here: what the methods are for (runtime.ts).

import { createServer, memoryBudget, type ServerInterceptor } from 'sluice';
import {
  CHAT,
  compute,
  ECHO,
  type HandlerCount,
  numbersIn,
  PAYLOAD,
  PAYLOAD_BYTES,
  READ,
  SEEN,
  type ServePlan,
  type ServingRuntime,
  SLOW,
  STALL,
  STREAM,
} from './runtime.ts';

export async function serveSluice(
  plan: ServePlan,
  handlers: HandlerCount,
): Promise<ServingRuntime> {
  const { tls, memoryBudgetBytes, seesPaths, ...options } = plan;
  if (memoryBudgetBytes !== undefined) memoryBudget.limitBytes = memoryBudgetBytes;
  const seen = new Set<string>();
  const notes: ServerInterceptor = (request, next) => {
    seen.add(request.context.path);
    return next(request);
  };
  const server = createServer({
    ...options,
    ...(tls === undefined ? {} : { tls }),
    ...(seesPaths === true ? { interceptors: [notes] } : {}),
  });
  const shared = Buffer.alloc(PAYLOAD_BYTES, 's');
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    handlers.begin();
    try {
      return await work();
    } finally {
      handlers.end();
    }
  };
  server.unary(ECHO, (request) => request);
  server.unary(SLOW, (request) =>
    counted(() => {
      const [waitMs = 0, computeMs = 0] = numbersIn(request);
      compute(computeMs);
      return new Promise((resolve) => setTimeout(resolve, waitMs, request));
    }),
  );
  server.unary(PAYLOAD, () => shared);
  server.unary(SEEN, () => Buffer.from(JSON.stringify([...seen])));
  server.serverStreaming(STREAM, async function* answers(request) {
    handlers.begin();
    try {
      const [count = 0, size = 0] = numbersIn(request);
      for (let i = 0; i < count; i += 1) yield Buffer.alloc(size, 's');
    } finally {
      handlers.end();
    }
  });
  server.clientStreaming(STALL, (_requests, context) =>
    counted(
      () =>
        new Promise((resolve) => {
          context.signal.addEventListener('abort', () => resolve(Buffer.alloc(0)));
        }),
    ),
  );
  server.clientStreaming(READ, async (requests) => {
    let count = 0;
    for await (const _request of requests) count += 1;
    return Buffer.from(String(count));
  });
  server.bidiStreaming(CHAT, (requests) => requests);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    acted: () =>
      Object.fromEntries(
        Object.entries(server.stats().limits).map(([name, { acted }]) => [name, acted]),
      ),
    open: () => {
      const { connections } = server.stats();
      let streams = 0;
      for (const one of connections) streams += one.streams.open;
      return { connections: connections.length, streams };
    },
  };
}
