// Interceptors of both sides that do all that their types let them, and some things that they do not.

import type { CallResponse, ClientInterceptor } from '#sluice/channel/interceptor.js';
import { Metadata } from '#sluice/grpc/metadata.js';
import type { ServerInterceptor, ServerResponse } from '#sluice/server/interceptor.js';
import type { Conversation } from './conversation.js';
import { messageBytes } from './messages.js';

async function* passed(world: Conversation, whose: string, messages: AsyncIterable<unknown>) {
  const left = world.begin(`messages of ${whose}`);
  try {
    for await (const message of messages) {
      await world.gates.maybe(0.05);
      world.mayThrow(0.02);
      if (world.dice.chance(0.02)) continue;
      yield message;
      if (world.dice.chance(0.02)) return;
    }
  } finally {
    left();
  }
}

async function* messagesOf(messages: readonly unknown[]) {
  yield* messages;
}

/** The answer of an interceptor that does not ask the server; of whichever shape. */
function made(world: Conversation, id: string | undefined, stream: boolean): CallResponse {
  const message = messageBytes({ call: Number(id ?? 0), seq: 0, length: 3 });
  const common = { header: new Metadata(), trailer: new Metadata() };
  if (!stream) return { stream, message, ...common };
  const count = world.dice.int(3);
  return { stream, message: messagesOf(Array.from({ length: count }, () => message)), ...common };
}

export function clientInterceptor(world: Conversation): ClientInterceptor {
  const { dice, gates } = world;
  return async (request, next) => {
    const id = request.options.metadata?.get('call');
    switch (world.rarely(0.7) ? dice.int(10) : 10 + dice.int(4)) {
      case 0:
        throw world.error();
      case 1:
        await next(request);
        throw world.error();
      case 2:
        await next(request).catch(() => {});
        return next(request);
      case 3: {
        const [one, other] = await Promise.allSettled([next(request), next(request)]);
        if (one.status === 'fulfilled') return one.value;
        if (other.status === 'fulfilled') return other.value;
        throw other.reason;
      }
      case 4:
        return made(world, id, request.stream);
      case 5:
        return made(world, id, !request.stream);
      case 6:
        await gates.wait();
        return next(request);
      case 7:
        for (let i = 0; i < 8; i += 1) await gates.wait();
        throw world.error();
      case 8:
        // As one without types may.
        return undefined as unknown as CallResponse;
      case 9:
        next(request).catch(() => {});
        await gates.maybe(0.5);
        throw world.error();
      case 13:
        return next({
          ...request,
          options: {
            ...request.options,
            timeoutMs: dice.pick(50, 1_000),
            onHeader: () => world.mayThrow(0.1),
            onTrailer: () => world.mayThrow(0.1),
          },
        });
      case 10:
      case 11:
        if (request.stream) {
          const response = await next({
            ...request,
            message: passed(world, `requests ${id}`, request.message),
          });
          return response.stream
            ? { ...response, message: passed(world, `responses ${id}`, response.message) }
            : response;
        }
        return next(request);
      default:
        return next(request);
    }
  };
}

export function serverInterceptor(world: Conversation): ServerInterceptor {
  const { dice, gates } = world;
  return async (request, next): Promise<ServerResponse> => {
    const { context } = request;
    const id = context.metadata.get('call');
    switch (world.rarely(0.7) ? dice.int(10) : 10 + dice.int(4)) {
      case 0:
        throw world.error();
      case 1:
        await next(request);
        throw world.error();
      case 2:
        await next(request).catch(() => {});
        return next(request);
      case 3:
        return made(world, id, request.stream);
      case 4:
        return made(world, id, !request.stream);
      case 5:
        await gates.wait();
        return next(request);
      case 6:
        for (let i = 0; i < 8; i += 1) await gates.wait();
        throw world.error();
      case 7:
        return undefined as unknown as ServerResponse;
      case 8:
        next(request).catch(() => {});
        throw world.error();
      case 9:
        context.sendHeader(new Metadata([['early', 'yes']]));
        return next(request);
      case 10:
      case 11:
        if (request.stream) {
          const response = await next({
            ...request,
            message: passed(world, `requests ${id}`, request.message),
          });
          if (response.stream) {
            response.header.set('seen', 'yes');
            response.trailer.set('x-seen', 'yes');
            return { ...response, message: passed(world, `responses ${id}`, response.message) };
          }
          return response;
        }
        return next(request);
      default:
        return next(request);
    }
  };
}
