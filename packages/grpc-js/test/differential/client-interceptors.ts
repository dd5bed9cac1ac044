// Interceptors of clients: in which order they see what, what they may change, and how they are given.

import type {
  Client,
  ClientOptions,
  InterceptingListener,
  Interceptor,
  Metadata,
  StatusObject,
} from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  startServer,
  statusOf,
  visible,
} from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  for (const [name, run] of Object.entries(RUNS)) {
    seen.push({ name, value: await run({ grpc, port }) });
  }
  return seen;
}

interface Setting {
  readonly grpc: Grpc;
  readonly port: number;
}

type Run = (setting: Setting) => Promise<unknown>;

/** Tells of everything and changes nothing. */
function logging({ grpc }: Setting, log: Log, name: string): Interceptor {
  return (options, nextCall) => {
    log.add(name, 'called', options.method_definition.path, Object.keys(options).sort());
    return new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        log.add(name, 'start', visible(metadata), typeof listener.onReceiveStatus);
        next(metadata, {
          onReceiveMetadata(received: Metadata, pass: (metadata: Metadata) => void) {
            log.add(name, 'metadata', visible(received));
            pass(received);
          },
          onReceiveMessage(message: Answer | null, pass: (message: Answer | null) => void) {
            log.add(name, 'message', message === null ? null : message.text);
            pass(message);
          },
          onReceiveStatus(status: StatusObject, pass: (status: StatusObject) => void) {
            log.add(name, 'status', statusOf(status));
            pass(status);
          },
        });
      },
      sendMessage(message, next) {
        log.add(name, 'send', message);
        next(message);
      },
      halfClose(next) {
        log.add(name, 'half-close');
        next();
      },
      cancel(next) {
        log.add(name, 'cancel');
        next();
      },
    });
  };
}

function unary(client: Client, log: Log, order: Order, options = {}) {
  const call = client.makeUnaryRequest<Order, Answer>(
    PATHS.unary,
    encode,
    decode,
    order,
    options,
    log.callback,
  );
  log.hear(call);
  return call;
}

async function unaryWith(
  { grpc, port }: Setting,
  options: ClientOptions,
  order: Order,
  callOptions = {},
  log = new Log(),
): Promise<unknown> {
  const client = clientOf(grpc, port, options);
  unary(client, log, order, callOptions);
  const events = await log.until('status');
  client.close();
  return events;
}

const RUNS: Record<string, Run> = {
  'two interceptors around a unary call': (setting) => {
    const log = new Log();
    const interceptors = [logging(setting, log, 'outer'), logging(setting, log, 'inner')];
    return unaryWith(setting, { interceptors }, { text: 'a', header: 'h', trailer: 't' }, {}, log);
  },
  'an interceptor around an error': (setting) => {
    const log = new Log();
    const interceptors = [logging(setting, log, 'one')];
    return unaryWith(setting, { interceptors }, { code: 5, details: 'gone' }, {}, log);
  },
  'an interceptor around a cancelled call': async (setting) => {
    const log = new Log();
    const { grpc, port } = setting;
    const client = clientOf(grpc, port, { interceptors: [logging(setting, log, 'one')] });
    const call = unary(client, log, { wait: 500 });
    call.cancel();
    return await log.until('status');
  },
  'an interceptor around a server stream': async (setting) => {
    const log = new Log();
    const { grpc, port } = setting;
    const client = clientOf(grpc, port, { interceptors: [logging(setting, log, 'one')] });
    log.hearAll(
      client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, { count: 2 }),
    );
    return await log.until('status');
  },
  'an interceptor around a client stream': async (setting) => {
    const log = new Log();
    const { grpc, port } = setting;
    const client = clientOf(grpc, port, { interceptors: [logging(setting, log, 'one')] });
    const call = client.makeClientStreamRequest<Order, Answer>(
      PATHS.client,
      encode,
      decode,
      log.callback,
    );
    log.hear(call);
    call.write({ text: 'a' });
    call.end({ text: 'b' });
    return await log.until('status');
  },
  'an interceptor around a bidi stream': async (setting) => {
    const log = new Log();
    const { grpc, port } = setting;
    const client = clientOf(grpc, port, { interceptors: [logging(setting, log, 'one')] });
    const call = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode);
    log.hearAll(call);
    call.write({ text: 'a' });
    await log.until('data');
    call.end();
    return await log.until('status', 60);
  },
  'those of a call replace those of its client': (setting) => {
    const log = new Log();
    const interceptors = [logging(setting, log, 'client')];
    const own = { interceptors: [logging(setting, log, 'call')] };
    return unaryWith(setting, { interceptors }, { text: 'a' }, own, log);
  },
  'an empty list of a call leaves those of its client': (setting) => {
    const log = new Log();
    const interceptors = [logging(setting, log, 'client')];
    return unaryWith(setting, { interceptors }, { text: 'a' }, { interceptors: [] }, log);
  },
  providers: (setting) => {
    const log = new Log();
    const providers = [
      (definition: { path: string }) => {
        log.add('asked for', definition.path);
        return logging(setting, log, 'provided');
      },
      () => undefined as unknown as Interceptor,
    ];
    return unaryWith(setting, { interceptor_providers: providers }, { text: 'a' }, {}, log);
  },
  'providers of a call': (setting) => {
    const log = new Log();
    const interceptors = [logging(setting, log, 'client')];
    const own = { interceptor_providers: [() => logging(setting, log, 'provided')] };
    return unaryWith(setting, { interceptors }, { text: 'a' }, own, log);
  },
  'both kinds for a client': async (setting) => {
    const log = new Log();
    const one = logging(setting, log, 'one');
    return outcomeOf(() =>
      clientOf(setting.grpc, setting.port, {
        interceptors: [one],
        interceptor_providers: [() => one],
      }),
    );
  },
  'both kinds for a call': async (setting) => {
    const log = new Log();
    const one = logging(setting, log, 'one');
    const client = clientOf(setting.grpc, setting.port);
    const options = { interceptors: [one], interceptor_providers: [() => one] };
    return outcomeOf(() => unary(client, log, {}, options));
  },
  'what the error of a configuration is': async ({ grpc }) => {
    const error = new grpc.InterceptorConfigurationError('why');
    return [error.name, error.message, error instanceof Error, Object.keys(error)];
  },
  'metadata, messages and status may be changed': (setting) => {
    const { grpc } = setting;
    const interceptor: Interceptor = (options, nextCall) =>
      new grpc.InterceptingCall(nextCall(options), {
        start(metadata, _listener, next) {
          metadata.set('x-added', 'by interceptor');
          next(metadata, {
            onReceiveMetadata(received: Metadata, pass: (metadata: Metadata) => void) {
              received.set('x-received', 'changed');
              pass(received);
            },
            onReceiveMessage(message: Answer, pass: (message: Answer) => void) {
              pass({ ...message, text: `${message.text}!` });
            },
            onReceiveStatus(status: StatusObject, pass: (status: StatusObject) => void) {
              pass({ ...status, details: 'changed' });
            },
          });
        },
        sendMessage(message: Order, next) {
          next({ ...message, text: `<${message.text}>` });
        },
      });
    return unaryWith(setting, { interceptors: [interceptor] }, { text: 'a', header: 'h' });
  },
  'an OK may become an error, and an error OK': async (setting) => {
    const { grpc } = setting;
    const withStatus =
      (code: number): Interceptor =>
      (options, nextCall) =>
        new grpc.InterceptingCall(nextCall(options), {
          start(metadata, _listener, next) {
            next(metadata, {
              onReceiveStatus(status: StatusObject, pass: (status: StatusObject) => void) {
                pass({ ...status, code });
              },
            });
          },
        });
    return [
      await unaryWith(setting, { interceptors: [withStatus(9)] }, { text: 'a' }),
      await unaryWith(setting, { interceptors: [withStatus(0)] }, { code: 5 }),
    ];
  },
  'everything may be held back': (setting) => {
    const { grpc } = setting;
    const log = new Log();
    const later = (act: () => void): void => {
      setTimeout(act, 20);
    };
    const interceptor: Interceptor = (options, nextCall) =>
      new grpc.InterceptingCall(nextCall(options), {
        start(metadata, _listener, next) {
          later(() =>
            next(metadata, {
              onReceiveMetadata: (received: Metadata, pass: (metadata: Metadata) => void) =>
                later(() => pass(received)),
              onReceiveMessage: (message: unknown, pass: (message: unknown) => void) =>
                later(() => pass(message)),
              onReceiveStatus: (status: StatusObject, pass: (status: StatusObject) => void) =>
                later(() => pass(status)),
            }),
          );
        },
        sendMessage: (message, next) => later(() => next(message)),
        halfClose: (next) => later(next),
      });
    const interceptors = [
      logging(setting, log, 'outer'),
      interceptor,
      logging(setting, log, 'inner'),
    ];
    return unaryWith(setting, { interceptors }, { text: 'a', header: 'h' }, {}, log);
  },
  'metadata held back longer than the message': (setting) => {
    const { grpc } = setting;
    const log = new Log();
    const interceptor: Interceptor = (options, nextCall) =>
      new grpc.InterceptingCall(nextCall(options), {
        start(metadata, listener, next) {
          setTimeout(() => next(metadata, listener), 30);
        },
        sendMessage: (message: Order, next) => next({ ...message, text: 'changed' }),
      });
    const interceptors = [interceptor, logging(setting, log, 'inner')];
    return unaryWith(setting, { interceptors }, { text: 'a' }, {}, log);
  },
  'an answer from an interceptor alone': (setting) => {
    const { grpc } = setting;
    const log = new Log();
    const interceptor: Interceptor = (options, nextCall) => {
      let listener: InterceptingListener | undefined;
      return new grpc.InterceptingCall(nextCall(options), {
        start(_metadata, given, _next) {
          listener = given;
        },
        sendMessage(_message, _next) {},
        halfClose(_next) {
          listener?.onReceiveMetadata(new grpc.Metadata());
          listener?.onReceiveMessage({ text: 'cached' });
          listener?.onReceiveStatus({ code: 0, details: 'OK', metadata: new grpc.Metadata() });
        },
      });
    };
    return unaryWith(setting, { interceptors: [interceptor] }, { text: 'a' }, {}, log);
  },
  'a retry by an interceptor': (setting) => {
    const { grpc } = setting;
    const log = new Log();
    const interceptor: Interceptor = (options, nextCall) => {
      let sent: Order | undefined;
      let given: InterceptingListener | undefined;
      let startMetadata: Metadata | undefined;
      return new grpc.InterceptingCall(nextCall(options), {
        start(metadata, listener, next) {
          given = listener;
          startMetadata = metadata;
          next(metadata, {
            onReceiveMessage(_message: Answer, _pass: (message: Answer) => void) {},
            onReceiveStatus(status: StatusObject, pass: (status: StatusObject) => void) {
              log.add('first', status.code);
              if (status.code === 0) {
                pass(status);
                return;
              }
              const again = nextCall(options);
              let answer: Answer | null = null;
              again.start(startMetadata ?? new grpc.Metadata(), {
                onReceiveMessage(message: Answer) {
                  answer = message;
                },
                onReceiveStatus(second: StatusObject) {
                  log.add('second', second.code);
                  given?.onReceiveMessage(answer);
                  pass(second);
                },
              });
              again.sendMessage({ ...sent, code: undefined, text: 'again' });
              again.halfClose();
            },
          });
        },
        sendMessage(message: Order, next) {
          sent = message;
          next(message);
        },
      });
    };
    return unaryWith(setting, { interceptors: [interceptor] }, { code: 14 }, {}, log);
  },
  'a deadline by an interceptor': (setting) => {
    const interceptor: Interceptor = (options, nextCall) =>
      new setting.grpc.InterceptingCall(nextCall({ ...options, deadline: Date.now() + 60 }));
    return unaryWith(setting, { interceptors: [interceptor] }, { wait: 500 });
  },
  'a call without a requester': (setting) => {
    const interceptor: Interceptor = (options, nextCall) =>
      new setting.grpc.InterceptingCall(nextCall(options));
    return unaryWith(setting, { interceptors: [interceptor] }, { text: 'a', header: 'h' });
  },
  'a cancel that is not passed on': async (setting) => {
    const { grpc, port } = setting;
    const log = new Log();
    const interceptor: Interceptor = (options, nextCall) =>
      new grpc.InterceptingCall(nextCall(options), {
        cancel(_next) {
          log.add('kept');
        },
      });
    const client = clientOf(grpc, port, { interceptors: [interceptor] });
    const call = unary(client, log, { text: 'a', wait: 60 });
    call.cancel();
    return await log.until('status');
  },
  'an interceptor that throws': async (setting) => {
    const log = new Log();
    const interceptor: Interceptor = () => {
      throw new Error('from an interceptor');
    };
    const client = clientOf(setting.grpc, setting.port, { interceptors: [interceptor] });
    return outcomeOf(() => typeof unary(client, log, {}));
  },
  builders: async ({ grpc }) => {
    const nothing = (): void => {};
    const requester = new grpc.RequesterBuilder()
      .withStart(nothing)
      .withSendMessage(nothing)
      .withHalfClose(nothing)
      .withCancel(nothing)
      .build();
    const listener = new grpc.ListenerBuilder()
      .withOnReceiveMetadata(nothing)
      .withOnReceiveMessage(nothing)
      .withOnReceiveStatus(nothing)
      .build();
    const empty = [new grpc.RequesterBuilder().build(), new grpc.ListenerBuilder().build()];
    return [
      Object.entries(requester).map(([name, value]) => [name, typeof value]),
      Object.entries(listener).map(([name, value]) => [name, typeof value]),
      empty.map((built) => Object.entries(built).map(([name, value]) => [name, typeof value])),
    ];
  },
  'a call of an interceptor: peer and auth': async (setting) => {
    const { grpc, port } = setting;
    const log = new Log();
    const client = clientOf(grpc, port, { interceptors: [logging(setting, new Log(), 'x')] });
    const call = unary(client, log, { text: 'a' });
    await log.until('status');
    return [call.getPeer().replace(/\d+$/, 'PORT'), call.getAuthContext()];
  },
  'a transformer of calls': (setting) => {
    const log = new Log();
    const options: ClientOptions = {
      callInvocationTransformer: (properties) => {
        log.add('transformer', Object.keys(properties).sort(), properties.methodDefinition.path);
        const metadata = properties.metadata.clone();
        metadata.set('x-by', 'transformer');
        return { ...properties, metadata, argument: { text: 'transformed' } };
      },
    };
    return unaryWith(setting, options, { text: 'a' }, {}, log);
  },
  'a transformer that replaces the callback': async (setting) => {
    const log = new Log();
    const options: ClientOptions = {
      callInvocationTransformer: (properties) => ({
        ...properties,
        callback: (error, answer) => {
          log.add('its own', error?.code ?? null);
          properties.callback?.(error, answer);
        },
      }),
    };
    return await unaryWith(setting, options, { text: 'a' }, {}, log);
  },
  'a transformer of streams': async (setting) => {
    const log = new Log();
    const client = clientOf(setting.grpc, setting.port, {
      callInvocationTransformer: (properties) => {
        log.add(Object.keys(properties).sort(), properties.call.constructor.name);
        return properties;
      },
    });
    log.hearAll(
      client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, { count: 1 }),
    );
    await log.until('status');
    const call = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode);
    call.on('error', () => {});
    call.cancel();
    await pause(30);
    return log.events;
  },
};
