// The four kinds of calls: which events come in which order, with and without an error.

import type { Client } from '@grpc/grpc-js';
import { listening, serverStream, toBytes, toText } from '../support/text-server.ts';
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
} from './client-peer.ts';
import type { Observation } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const client = clientOf(grpc, port);
  const seen: Observation[] = [];
  for (const [name, run] of Object.entries({ ...UNARY, ...SERVER, ...CLIENT, ...BIDI })) {
    seen.push({ name, value: await run(client, grpc) });
  }
  client.close();
  return seen;
}

/** What programs without types pass. */
const NULL_OPTIONS = {
  credentials: null,
  deadline: null,
  host: null,
  interceptor_providers: null,
  interceptors: null,
  parent: null,
  propagate_flags: null,
};

type Run = (client: Client, grpc: Grpc) => Promise<unknown>;

function unary(client: Client, order: Order, options = {}) {
  const log = new Log();
  log.add('called');
  const call = client.makeUnaryRequest<Order, Answer>(
    PATHS.unary,
    encode,
    decode,
    order,
    options,
    log.callback,
  );
  log.hear(call);
  log.add('returned');
  return { call, log };
}

const UNARY: Record<string, Run> = {
  'unary: ok': (client) => unary(client, { text: 'a' }).log.until('status'),
  'unary: header and trailer': (client) =>
    unary(client, { text: 'a', header: 'h', trailer: 't' }).log.until('status'),
  'unary: error': (client) =>
    unary(client, { code: 5, details: 'gone', trailer: 't' }).log.until('status'),
  'unary: error without details': (client) => unary(client, { code: 9 }).log.until('status'),
  'unary: error with header': (client) =>
    unary(client, { code: 5, details: 'gone', header: 'h' }).log.until('status'),
  'unary: unknown code': (client) => unary(client, { code: 77, details: 'x' }).log.until('status'),
  'unary: cancelled at once': (client) => {
    const { call, log } = unary(client, { text: 'a', wait: 500 });
    call.cancel();
    log.add('cancelled');
    return log.until('status');
  },
  'unary: cancelled later': async (client) => {
    const { call, log } = unary(client, { text: 'a', wait: 500 });
    await pause(50);
    call.cancel();
    log.add('cancelled');
    return log.until('status');
  },
  'unary: cancelled twice': async (client) => {
    const { call, log } = unary(client, { text: 'a', wait: 500 });
    call.cancel();
    call.cancel();
    return log.until('status');
  },
  'unary: cancelled after its end': async (client) => {
    const { call, log } = unary(client, { text: 'a' });
    await log.until('status');
    call.cancel();
    return log.until('status');
  },
  'unary: cancelled in its callback': async (client) => {
    const log = new Log();
    const call = client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      { text: 'a' },
      (error, answer) => {
        log.callback(error, answer);
        call.cancel();
      },
    );
    log.hear(call);
    return await log.until('status');
  },
  'unary: deadline as a date': (client) =>
    unary(client, { wait: 500 }, { deadline: new Date(Date.now() + 60) }).log.until('status'),
  'unary: deadline as a number': (client) =>
    unary(client, { wait: 500 }, { deadline: Date.now() + 60 }).log.until('status'),
  'unary: deadline in the past': (client) =>
    unary(client, { text: 'a' }, { deadline: Date.now() - 1_000 }).log.until('status'),
  'unary: deadline of zero': (client) =>
    unary(client, { text: 'a' }, { deadline: 0 }).log.until('status'),
  'unary: deadline that never comes': (client) =>
    unary(client, { text: 'a' }, { deadline: Number.POSITIVE_INFINITY }).log.until('status'),
  'unary: deadline that is far away': (client) =>
    unary(client, { text: 'a' }, { deadline: Date.now() + 1e12 }).log.until('status'),
  'unary: deadline before all time': (client) =>
    unary(client, {}, { deadline: Number.NEGATIVE_INFINITY }).log.until('status'),
  'unary: deadline that is no date': async (client) => {
    // The original has an unhandled rejection as well.
    const ignore = (): void => {};
    process.on('unhandledRejection', ignore);
    const events = await unary(client, {}, { deadline: new Date('soon') }).log.until('status');
    process.off('unhandledRejection', ignore);
    return events;
  },
  'unary: options that are null': (client) =>
    unary(client, { text: 'a' }, NULL_OPTIONS).log.until('status'),
  'unary: a response that deserializes to nothing': async (client) => {
    const seen: unknown[] = [];
    for (const value of [null, undefined, 0, '', false]) {
      const log = new Log();
      const call = client.makeUnaryRequest<Order, unknown>(
        PATHS.unary,
        encode,
        () => value,
        { text: 'a' },
        (error, answer) => log.add('callback', error?.message ?? null, String(answer)),
      );
      call.on('status', (status) => log.add('status', status.code));
      seen.push([String(value), await log.until('status', 0)]);
    }
    return seen;
  },
  'unary: metadata that change once the call is made': async (client, grpc) => {
    const metadata = new grpc.Metadata();
    metadata.set('x-a', 'before');
    const answer = await new Promise<Answer | undefined>((resolve) => {
      const done = (_error: unknown, value?: Answer): void => resolve(value);
      client.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, {}, metadata, done);
      metadata.set('x-a', 'after');
    });
    return answer?.metadata;
  },
  'unary: statuses given by hand': async (client) => {
    const seen: unknown[] = [];
    for (const code of [0, 5, 99]) {
      const { call, log } = unary(client, { text: 'a', wait: 100 });
      await pause(20);
      call.call?.cancelWithStatus(code, 'by hand');
      seen.push(await log.until('status', 0));
    }
    return seen;
  },
  'unary: when codecs are called': async (client) => {
    const log = new Log();
    const call = client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      (order) => {
        log.add('serialize');
        return encode(order);
      },
      (bytes) => {
        log.add('deserialize');
        return decode(bytes);
      },
      { text: 'a', header: 'h' },
      log.callback,
    );
    log.add('returned');
    log.hear(call);
    return await log.until('status');
  },
  'unary: missing method': (client) => {
    const log = new Log();
    const call = client.makeUnaryRequest(PATHS.missing, encode, decode, {}, log.callback);
    log.hear(call);
    return log.until('status');
  },
  'unary: peer and auth': async (client) => {
    const { call, log } = unary(client, { text: 'a' });
    await log.until('status');
    return [call.getPeer().replace(/\d+$/, 'PORT'), call.getAuthContext()];
  },
  'unary: what the emitter has': async (client, grpc) => {
    const { call, log } = unary(client, { text: 'a' });
    await log.until('status');
    const error = await new Promise<Error | null>((resolve) => {
      client.makeUnaryRequest(PATHS.unary, encode, decode, { code: 5 }, resolve);
    });
    return {
      keys: Object.keys(call).filter((key) => !key.startsWith('_')),
      class: call.constructor.name,
      errorKeys: Object.keys(error ?? {}).sort(),
      isError: error instanceof Error,
      hasMetadata: Reflect.get(error ?? {}, 'metadata') instanceof grpc.Metadata,
      forCall: (error?.stack ?? '').includes('for call at'),
    };
  },
  'unary: stack of an error names the caller': async (client) => {
    function theCaller(resolve: (error: Error | null) => void): void {
      client.makeUnaryRequest(PATHS.unary, encode, decode, { code: 5 }, resolve);
    }
    const error = await new Promise<Error | null>((resolve) => theCaller(resolve));
    const stack = error?.stack ?? '';
    return [stack.split('\n')[0], stack.slice(stack.indexOf('for call at')).includes('theCaller')];
  },
};

function server(client: Client, order: Order, options = {}) {
  const log = new Log();
  const call = client.makeServerStreamRequest<Order, Answer>(
    PATHS.server,
    encode,
    decode,
    order,
    options,
  );
  return { call, log };
}

function serverAll(client: Client, order: Order, options = {}): Promise<unknown> {
  const { call, log } = server(client, order, options);
  log.hearAll(call);
  return log.until('status');
}

const SERVER: Record<string, Run> = {
  'server stream: ok': (client) => serverAll(client, { count: 3 }),
  'server stream: empty': (client) => serverAll(client, { count: 0 }),
  'server stream: promises of a listener, and the end': async (_client, grpc) => {
    // A server of its own: it may write the message and the status at once, as the peer does not.
    const own = new grpc.Server();
    serverStream(own, '/test.Own/Stream', (call) => {
      call.write('a');
      call.end();
    });
    const client = clientOf(grpc, await listening(grpc, own));
    const log = new Log();
    const call = client.makeServerStreamRequest('/test.Own/Stream', toBytes, toText, 'x');
    log.hear(call);
    call.on('data', async () => {
      for (let i = 0; i < 50; i += 1) await null;
      log.add('done with the message');
    });
    const events = await log.until('status');
    client.close();
    own.forceShutdown();
    return events.filter((event) => !Array.isArray(event));
  },
  'server stream: header and trailer': (client) =>
    serverAll(client, { count: 1, header: 'h', trailer: 't' }),
  'server stream: error at once': (client) =>
    serverAll(client, { count: 0, code: 7, details: 'no' }),
  'server stream: error after messages': (client) =>
    serverAll(client, { count: 3, code: 7, details: 'no', trailer: 't' }),
  'server stream: missing method': (client) => {
    const log = new Log();
    log.hearAll(client.makeServerStreamRequest(PATHS.missing, encode, decode, {}));
    return log.until('status');
  },
  'server stream: cancelled at once': (client) => {
    const { call, log } = server(client, { count: 3 });
    log.hearAll(call);
    call.cancel();
    log.add('cancelled');
    return log.until('status');
  },
  'server stream: cancelled at the first message': (client) => {
    const { call, log } = server(client, { count: 3, wait: -1 });
    log.hearAll(call);
    call.once('data', () => call.cancel());
    return log.until('status');
  },
  'server stream: deadline': (client) =>
    serverAll(client, { count: 2, wait: -1 }, { deadline: Date.now() + 100 }),
  'server stream: not read': async (client) => {
    const { call, log } = server(client, { count: 3, header: 'h' });
    log.hear(call);
    await pause(100);
    log.add('paused for 100 ms');
    call.resume();
    return await log.until('status');
  },
  'server stream: read()': async (client) => {
    const { call, log } = server(client, { count: 3 });
    log.hear(call);
    call.on('readable', () => {
      for (let answer = call.read(); answer !== null; answer = call.read()) {
        log.add('read', answer.text);
      }
    });
    return await log.until('status');
  },
  'server stream: for await': async (client) => {
    const { call, log } = server(client, { count: 3 });
    log.hear(call);
    for await (const answer of call) log.add('got', (answer as Answer).text);
    log.add('left');
    return await log.until('status');
  },
  'server stream: for await of an error': async (client) => {
    const { call, log } = server(client, { count: 2, code: 7, details: 'no' });
    try {
      for await (const answer of call) log.add('got', (answer as Answer).text);
    } catch (error) {
      log.add('threw', error instanceof Error ? error.message : error);
    }
    return log.events;
  },
  'server stream: pause and resume': async (client) => {
    const { call, log } = server(client, { count: 4 });
    log.hearAll(call);
    call.once('data', () => {
      call.pause();
      setTimeout(() => {
        log.add('resumed');
        call.resume();
      }, 50);
    });
    return await log.until('status');
  },
  'server stream: cancelled in each of its events': async (client) => {
    const seen: unknown[] = [];
    for (const event of ['metadata', 'data', 'end', 'status']) {
      const { call, log } = server(client, { count: 2 });
      log.hearAll(call);
      call.on(event, () => call.cancel());
      seen.push([event, await log.until('close')]);
    }
    return seen;
  },
  'server stream: destroyed': async (client) => {
    const { call, log } = server(client, { count: 3, wait: -1 });
    log.hear(call);
    call.once('data', () => call.destroy());
    return await log.until('close');
  },
  'server stream: an iteration that is left': async (client) => {
    const { call, log } = server(client, { count: 3, wait: -1 });
    call.on('status', (status) => log.add('status', status.code));
    for await (const answer of call) {
      log.add('got', (answer as Answer).text);
      break;
    }
    await pause(50);
    return log.events;
  },
  'server stream: what the stream is': async (client) => {
    const { call, log } = server(client, { count: 1 });
    log.hearAll(call);
    await log.until('status');
    return [
      call.constructor.name,
      call.readableObjectMode,
      call.readableHighWaterMark,
      call.readableEnded,
      call.destroyed,
      typeof call.deserialize,
      call.getPeer().replace(/\d+$/, 'PORT'),
    ];
  },
};

function clientStream(client: Client, options = {}) {
  const log = new Log();
  const call = client.makeClientStreamRequest<Order, Answer>(
    PATHS.client,
    encode,
    decode,
    options,
    log.callback,
  );
  log.hear(call);
  return { call, log };
}

const CLIENT: Record<string, Run> = {
  'client stream: ok': (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a' });
    call.write({ text: 'b' });
    call.end();
    return log.until('status');
  },
  'client stream: nothing sent': (client) => {
    const { call, log } = clientStream(client);
    call.end();
    return log.until('status');
  },
  'client stream: end with a message': (client) => {
    const { call, log } = clientStream(client);
    call.end({ text: 'last' });
    return log.until('status');
  },
  'client stream: error before its end': (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a', code: 3, details: 'bad', trailer: 't' });
    return log.until('status');
  },
  'client stream: write after the error': async (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a', code: 3, details: 'bad' });
    await log.until('status');
    log.add(
      'write',
      call.write({ text: 'b' }, () => log.add('written')),
    );
    await pause(50);
    return log.events;
  },
  'client stream: cancelled': (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a' });
    call.cancel();
    return log.until('status');
  },
  'client stream: cancelled after end': (client) => {
    const { call, log } = clientStream(client);
    call.end({ text: 'a' });
    call.cancel();
    return log.until('status');
  },
  'client stream: destroyed': async (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a' });
    await pause(20);
    call.destroy();
    return await log.until('close');
  },
  'client stream: write after cancel': async (client) => {
    const { call, log } = clientStream(client);
    call.cancel();
    call.write({ text: 'a' }, () => log.add('written'));
    call.end();
    const events = await log.until('close');
    // Of the original one more comes behind the status: its metadata.
    return events
      .map(String)
      .filter((event) => !event.startsWith('metadata'))
      .sort();
  },
  'client stream: deadline': (client) =>
    clientStream(client, { deadline: Date.now() + 80 }).log.until('status'),
  'client stream: callbacks of writes': async (client) => {
    const { call, log } = clientStream(client);
    call.write({ text: 'a' }, () => log.add('written a'));
    call.write({ text: 'b' }, () => log.add('written b'));
    (call as unknown as NodeJS.WritableStream).end(() => log.add('ended'));
    return await log.until('status');
  },
  'client stream: what the stream is': async (client) => {
    const { call, log } = clientStream(client);
    const before = [
      call.constructor.name,
      call.writableObjectMode,
      call.writableHighWaterMark,
      typeof call.serialize,
    ];
    call.end();
    await log.until('status');
    return [before, call.writableFinished, call.destroyed];
  },
};

function bidi(client: Client, options = {}) {
  const log = new Log();
  const call = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode, options);
  log.hearAll(call);
  return { call, log };
}

const BIDI: Record<string, Run> = {
  'bidi: ok': (client) => {
    const { call, log } = bidi(client);
    call.write({ text: 'a' });
    call.write({ text: 'b' });
    call.end();
    return log.until('status', 60);
  },
  'bidi: ping pong': (client) => {
    const { call, log } = bidi(client);
    let count = 0;
    call.on('data', () => {
      count += 1;
      if (count < 4) call.write({ text: `${count}` });
      else call.end();
    });
    call.write({ text: '0', header: 'h' });
    return log.until('status', 60);
  },
  'bidi: error': (client) => {
    const { call, log } = bidi(client);
    call.write({ text: 'a' });
    call.write({ code: 10, details: 'stop', trailer: 't' });
    return log.until('status', 60);
  },
  'bidi: cancelled': async (client) => {
    const { call, log } = bidi(client);
    call.write({ text: 'a' });
    await log.until('data');
    call.cancel();
    return await log.until('status', 60);
  },
  'bidi: destroyed': async (client) => {
    const { call, log } = bidi(client);
    call.write({ text: 'a' });
    await log.until('data');
    call.destroy();
    return await log.until('close');
  },
  'bidi: deadline': (client) => bidi(client, { deadline: Date.now() + 80 }).log.until('status', 60),
  'bidi: nothing sent': (client) => {
    const { call, log } = bidi(client);
    call.end();
    return log.until('status', 60);
  },
  'bidi: what the stream is': async (client) => {
    const { call, log } = bidi(client);
    call.end();
    await log.until('status', 60);
    return [
      call.constructor.name,
      call.readableObjectMode,
      call.writableObjectMode,
      call.readableHighWaterMark,
      call.writableHighWaterMark,
      typeof call.serialize,
      typeof call.deserialize,
    ];
  },
};
