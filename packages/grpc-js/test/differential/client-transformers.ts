// What a client's transformer of calls is shown, and what of its changes counts.

import type { CallInvocationTransformer, CallProperties, ClientOptions } from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  type Grpc,
  Log,
  type Order,
  PATHS,
  startServer,
} from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';

type Properties = CallProperties<Order, Answer>;

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  const optionsOf = (change: (properties: Properties) => unknown): ClientOptions => {
    return { callInvocationTransformer: change as CallInvocationTransformer };
  };
  const unary = (change: (properties: Properties) => unknown, path: string): Log => {
    const log = new Log();
    const order = { text: 'a' };
    const client = clientOf(grpc, port, optionsOf(change));
    const call = client.makeUnaryRequest<Order, Answer>(
      path,
      encode,
      decode,
      order,
      (error, answer) => {
        log.callback(error, answer);
        log.add('arrived', answer?.metadata);
      },
    );
    log.hear(call);
    return log;
  };
  for (const [name, change] of Object.entries(CHANGES)) {
    const log = unary(change, '/nowhere/At');
    seen.push({ name: `unary: ${name}`, value: await log.until('status') });
  }
  const shown: unknown[] = [];
  await unary((properties) => {
    shown.push(shapeOf(properties));
    return properties;
  }, PATHS.unary).until('status', 0);
  seen.push({ name: 'what it is shown', value: shown });
  const stream = new Log();
  const fewer = optionsOf((properties) => ({ ...properties, argument: { count: 1 } }));
  stream.hearAll(
    clientOf(grpc, port, fewer).makeServerStreamRequest(PATHS.server, encode, decode, { count: 3 }),
  );
  seen.push({ name: 'server stream: another argument', value: await stream.until('status') });
  seen.push({
    name: 'one that throws',
    value: outcomeOf(
      () =>
        typeof unary(() => {
          throw new Error('from a transformer');
        }, PATHS.unary),
    ),
  });
  const nothing = outcomeOf(() => typeof unary(() => undefined, PATHS.unary));
  seen.push({ name: 'one that returns nothing', value: Object.keys(nothing as object) });
  return seen;
}

const CHANGES: Record<string, (properties: Properties) => unknown> = {
  nothing: (properties) => properties,
  path: (properties) => toUnary(properties),
  'metadata in place': (properties) => {
    properties.metadata.set('x-t', 'set');
    return toUnary(properties);
  },
  argument: (properties) => ({ ...toUnary(properties), argument: { text: 'changed' } }),
  callback: (properties) => ({
    ...toUnary(properties),
    callback: (error: null, answer: Answer) =>
      properties.callback?.(error, { ...answer, text: `<${answer.text}>` }),
  }),
  'call options': (properties) => ({ ...toUnary(properties), callOptions: { deadline: 1 } }),
};

function toUnary(properties: Properties): Properties {
  const { methodDefinition } = properties;
  return { ...properties, methodDefinition: { ...methodDefinition, path: PATHS.unary } };
}

function shapeOf(properties: Properties): unknown {
  const { call, callOptions, methodDefinition } = properties;
  return [
    Object.keys(properties).sort(),
    Object.keys(methodDefinition).sort(),
    callOptions,
    call.constructor.name,
  ];
}
