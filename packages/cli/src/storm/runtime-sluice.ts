// Sluice under the storm, with its defaults: unary calls through the public promise edge, the
// server without a stream limit. Depths are read from `channel.stats()`, as any user would.

import { type Channel, connect, createServer, type RuntimeStats, StatusError } from 'sluice';
import {
  type AwaitTurn,
  type CallSink,
  type ClientRuntime,
  METHOD_PATH,
  type QueueDepths,
} from './runtime.ts';
import { OK, UNKNOWN } from './status-name.ts';

class SluiceClient implements ClientRuntime {
  private readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  call(payload: Buffer, startedMs: number, timeoutMs: number, sink: CallSink): void {
    const options = timeoutMs > 0 ? { timeoutMs } : undefined;
    this.channel.unary(METHOD_PATH, payload, options).then(
      () => sink.ended(startedMs, OK, ''),
      (error: unknown) => {
        if (error instanceof StatusError) sink.ended(startedMs, error.code, error.details);
        else sink.ended(startedMs, UNKNOWN, String(error));
      },
    );
  }

  depths(): QueueDepths {
    return sumDepths(this.channel.stats());
  }
}

function sumDepths(stats: RuntimeStats): QueueDepths {
  const depths: QueueDepths = {
    queueItems: 0,
    queueBytes: 0,
    socketBytes: 0,
    openStreams: 0,
    waitingCalls: stats.waitingCalls,
  };
  for (const connection of stats.connections) {
    depths.queueItems += connection.queueItems;
    depths.queueBytes += connection.queueBytes;
    depths.socketBytes += connection.socketBytes;
    depths.openStreams += connection.streams.open;
  }
  return depths;
}

/** Connects a client. */
export async function connectSluice(port: number): Promise<ClientRuntime> {
  const channel = connect(`127.0.0.1:${port}`);
  await channel.ready();
  return new SluiceClient(channel);
}

/** Starts a server. */
export async function serveSluice(awaitTurn: AwaitTurn): Promise<number> {
  const server = createServer({ limits: { streams: Number.POSITIVE_INFINITY } });
  server.unary(
    METHOD_PATH,
    (request) => new Promise<Uint8Array>((resolve) => awaitTurn(() => resolve(request))),
  );
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return port;
}
