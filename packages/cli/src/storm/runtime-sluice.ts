// Sluice under the storm, with its defaults: unary calls through the public promise edge, streams
// through `Channel.call`, the server without a stream limit. Depths are read from
// `channel.stats()`, as any user would. The server's share of credit is unlimited as well: with no
// stream limit its default would refuse streams in the place of one, and it is the client's limits
// that a storm is about.

import { type Channel, type ChannelOptions, connect, createServer, StatusError } from 'sluice';
import type { ServeSettings } from './protocol.ts';
import {
  ANSWER_BYTES,
  type AwaitTurn,
  type CallSink,
  type ClientRuntime,
  LARGE_BYTES,
  LARGE_PATH,
  METHOD_PATH,
  type MessageStream,
  type QueueDepths,
  type ServingRuntime,
  STREAM_PATH,
  type StreamSink,
} from './runtime.ts';
import { actedOf, depthsOf } from './runtime-stats.ts';
import { OK, UNKNOWN } from './status-name.ts';

/** Answers of a stream that may arrive before the first of them was counted. */
const ANSWERS_AHEAD = 64;

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
    return depthsOf(this.channel.stats());
  }

  acted(): Record<string, number> {
    return actedOf(this.channel.stats());
  }

  openStream(place: number, sink: StreamSink): MessageStream {
    const call = this.channel.call(
      STREAM_PATH,
      {},
      {
        onHeader: () => {},
        onMessage: () => {
          call.request(1);
          sink.acknowledged(place);
        },
        onWritable: () => sink.writable(place),
        onEnd: (code, details) => sink.streamEnded(place, code, details),
      },
    );
    call.request(ANSWERS_AHEAD);
    return { send: (payload) => call.send(payload), end: () => call.halfClose() };
  }
}

/** Connects a client. */
export async function connectSluice(
  port: number,
  options: Readonly<Record<string, unknown>>,
): Promise<ClientRuntime> {
  // Channel options that a parent process of the same build has sent as JSON.
  const channel = connect(`127.0.0.1:${port}`, options as ChannelOptions);
  await channel.ready();
  return new SluiceClient(channel);
}

/** Holds all connections of this process to so many bytes. */
async function setBudget(bytes: number): Promise<void> {
  // By name, so that a runtime without a budget is told as one and not as a fault of the import.
  const found: unknown = Reflect.get(await import('sluice'), 'memoryBudget');
  if (typeof found !== 'object' || found === null || !Reflect.set(found, 'limitBytes', bytes)) {
    throw new Error('this sluice has no memoryBudget');
  }
}

/** Starts a server. */
export async function serveSluice(
  awaitTurn: AwaitTurn,
  settings: ServeSettings,
): Promise<ServingRuntime> {
  const { streams = Number.POSITIVE_INFINITY, handlerMs = 0, budgetBytes, windowBytes } = settings;
  if (budgetBytes !== undefined) await setBudget(budgetBytes);
  const server = createServer({
    limits: { streams, exposureBytes: Number.POSITIVE_INFINITY },
    ...(windowBytes === undefined
      ? {}
      : { initialConnectionWindow: windowBytes, initialStreamWindow: windowBytes }),
  });
  server.unary(
    METHOD_PATH,
    (request) =>
      new Promise<Uint8Array>((resolve) => {
        const answer = (): void => resolve(request.subarray(0, ANSWER_BYTES));
        awaitTurn(handlerMs > 0 ? () => setTimeout(answer, handlerMs) : answer);
      }),
  );
  server.bidiStreaming(STREAM_PATH, async function* answers(requests) {
    for await (const request of requests) {
      await new Promise<void>((resolve) => awaitTurn(resolve));
      yield request.subarray(0, ANSWER_BYTES);
    }
  });
  server.unary(LARGE_PATH, () => Buffer.alloc(LARGE_BYTES, 's'));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { port, acted: () => actedOf(server.stats()) };
}
