// How unary calls end: answers, statuses in all their forms, errors that are thrown, trailers.

import type * as grpcJs from '@grpc/grpc-js';
import { framed, Http2Caller, outcomeOfReply } from '../support/http2-caller.ts';
import {
  type Grpc,
  listening,
  Seen,
  signal,
  toBytes,
  toText,
  turns,
  unary,
  within,
} from '../support/text-server.ts';
import { errorOf, type Observation } from './observation.ts';

type Respond = grpcJs.sendUnaryData<string>;

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  const server = new grpc.Server({ 'grpc.max_send_message_length': 1_000 });
  const answers: Record<string, (callback: Respond) => void> = answersOf(grpc);
  for (const [name, answer] of Object.entries(answers)) {
    unary(server, `/test.Unary/${name}`, (_call, callback) => answer(callback));
  }
  unary(server, '/test.Unary/Twice', (_call, callback) => {
    callback(null, 'one');
    callback(null, 'two');
    callback({ code: 3, details: 'late' });
  });
  unary(server, '/test.Unary/ThrowsLate', (_call, callback) => {
    callback(null, 'answered');
    throw new Error('after the answer');
  });
  unary(server, '/test.Unary/Head', (call, callback) => {
    const head = new grpc.Metadata();
    head.set('x-head', 'h');
    head.set('x-head-bin', Buffer.from([0, 255]));
    call.sendMetadata(head);
    const again = new grpc.Metadata();
    again.set('x-head', 'again');
    call.sendMetadata(again);
    callback(null, 'answered');
  });
  unary(server, '/test.Unary/NoHead', (call, callback) => {
    call.sendMetadata(undefined as unknown as grpcJs.Metadata);
    callback(null, 'answered');
  });
  unary(server, '/test.Unary/Emits', (call) => {
    call.emit('error', { code: grpc.status.NOT_FOUND, details: 'gone' });
  });
  unary(server, '/test.Unary/EmitsLater', (call, callback) => {
    setImmediate(() => {
      call.emit('error', new Error('the message'));
      callback(null, 'too late');
    });
  });
  unary(server, '/test.Unary/EmitsHeard', (call) => {
    call.on('error', (error) => seen.see('an error that is emitted', errorOf(error)));
    call.emit('error', Object.assign(new Error('the message'), { code: 5 }));
  });
  unary(server, '/test.Unary/HeadAndError', (call, callback) => {
    const head = new grpc.Metadata();
    head.set('x-head', 'h');
    call.sendMetadata(head);
    callback({ code: grpc.status.NOT_FOUND, details: 'gone' });
  });
  server.register(
    '/test.Unary/BadSerialize',
    (_call: unknown, callback: Respond) => callback(null, 'x'),
    () => {
      throw new Error('cannot serialize');
    },
    toText,
    'unary',
  );
  server.register(
    '/test.Unary/NoBytes',
    (_call: unknown, callback: Respond) => callback(null, 'x'),
    (() => 'text') as unknown as typeof toBytes,
    toText,
    'unary',
  );
  server.register(
    '/test.Unary/BadDeserialize',
    (_call: unknown, callback: Respond) => callback(null, 'x'),
    toBytes,
    () => {
      throw new Error('cannot deserialize');
    },
    'unary',
  );
  server.register(
    '/test.Unary/ThrowsText',
    () => {
      throw 'text';
    },
    toBytes,
    toText,
    'unary',
  );
  server.register('/test.Unary/OddType', () => {}, toBytes, toText, 'odd');
  server.register(
    '/test.Unary/NoFunction',
    undefined as unknown as grpcJs.handleUnaryCall<string, string>,
    toBytes,
    toText,
    'unary',
  );
  const service = {
    hasNone: method('/test.Own/None'),
    GetIt: { ...method('/test.Own/GetIt'), originalName: 'getIt' },
    Both: { ...method('/test.Own/Both'), originalName: 'both' },
    hasNoStream: { ...method('/test.Own/NoStream'), responseStream: true },
    hasNoUpload: { ...method('/test.Own/NoUpload'), requestStream: true },
    hasNoBidi: { ...method('/test.Own/NoBidi'), requestStream: true, responseStream: true },
  };
  const implementation = {
    prefix: 'own ',
    getIt(this: { prefix: string }, call: { request: string }, callback: Respond): void {
      callback(null, this.prefix + call.request);
    },
    Both: (_call: unknown, callback: Respond) => callback(null, 'upper'),
    both: (_call: unknown, callback: Respond) => callback(null, 'lower'),
  };
  server.addService(service, implementation as unknown as grpcJs.UntypedServiceImplementation);

  const caller = Http2Caller.to(await listening(grpc, server));
  for (const name of [
    ...Object.keys(answers),
    'Twice',
    'ThrowsLate',
    'Head',
    'HeadAndError',
    'NoHead',
    'Emits',
    'EmitsLater',
    'EmitsHeard',
    'BadSerialize',
    'NoBytes',
    'BadDeserialize',
    'ThrowsText',
    'OddType',
    'NoFunction',
    'NotThere',
  ]) {
    seen.see(name, await within(caller.call(`/test.Unary/${name}`, ['request'])));
  }
  for (const name of ['None', 'GetIt', 'Both', 'NoStream', 'NoUpload', 'NoBidi']) {
    seen.see(`service: ${name}`, await within(caller.call(`/test.Own/${name}`, ['request'])));
  }
  seen.see('no message', await within(caller.call('/test.Unary/Plain', [])));
  seen.see('two messages', await within(caller.call('/test.Unary/Plain', ['one', 'two'])));
  seen.see('an empty message', await within(caller.call('/test.Unary/Plain', [''])));
  seen.see('message in pieces', await inPieces(caller, '/test.Unary/Plain'));
  const foreign = caller.open('/test.Unary/Plain', { 'content-type': 'application/json' });
  const refusal = await within(foreign.send('x').end().reply);
  seen.see('another content-type', typeof refusal === 'string' ? refusal : refusal.head[':status']);
  seen.see(
    'grpc+proto',
    await within(
      caller.call('/test.Unary/Plain', ['x'], { 'content-type': 'application/grpc+proto' }),
    ),
  );

  // A handler that is put in another's place, as instrumentation does.
  const handlers = Reflect.get(server, 'handlers') as Map<string, { func: unknown }>;
  const plain = handlers.get('/test.Unary/Plain');
  if (plain !== undefined) {
    plain.func = (_call: unknown, callback: Respond) => callback(null, 'replaced');
  }
  seen.see('a func that was replaced', await within(caller.call('/test.Unary/Plain', ['x'])));
  server.unregister('/test.Unary/Plain');
  seen.see('a handler that was removed', await within(caller.call('/test.Unary/Plain', ['x'])));

  seen.see('cancelled', await cancelled(grpc, server, caller));
  seen.see('after the answer', await afterwards(server, caller));
  seen.see('deadline on the server', await deadline(server, caller));
  seen.see('rejects in an async handler', await rejected(server, caller));
  caller.close();
  server.forceShutdown();
  return seen.all;
}

function method(path: string): grpcJs.MethodDefinition<string, string> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: toBytes,
    requestDeserialize: toText,
    responseSerialize: toBytes,
    responseDeserialize: toText,
  };
}

function answersOf(grpc: Grpc): Record<string, (callback: Respond) => void> {
  const trailer = new grpc.Metadata();
  trailer.set('x-trailer', 't');
  trailer.add('x-trailer', 'u');
  trailer.set('x-trailer-bin', Buffer.from([1, 2, 3]));
  const own = new grpc.Metadata();
  own.set('x-own', 'o');
  const error = (fields: object): Error => Object.assign(new Error('the message'), fields);
  // What types forbid and programs do.
  const odd = (value: unknown): grpcJs.ServerErrorResponse => value as grpcJs.ServerErrorResponse;
  return {
    Plain: (callback) => callback(null, 'answer'),
    Empty: (callback) => callback(null, ''),
    Undefined: (callback) => callback(null),
    Trailer: (callback) => callback(null, 'answer', trailer),
    Flags: (callback) => callback(null, 'answer', undefined, 2),
    Later: (callback) => void setImmediate(callback, null, 'later'),
    Throws: () => {
      throw new Error('the message');
    },
    ThrowsStatus: () => {
      throw error({ code: grpc.status.NOT_FOUND, details: 'gone', metadata: own });
    },
    PlainError: (callback) => callback(new Error('the message')),
    ErrorWithCode: (callback) => callback(error({ code: grpc.status.ABORTED })),
    ErrorWithDetails: (callback) => callback(error({ details: 'only details' })),
    ErrorWithBoth: (callback) => callback(error({ code: grpc.status.ABORTED, details: 'details' })),
    ErrorWithMetadata: (callback) => callback(error({ code: 5, metadata: own })),
    ErrorAndTrailer: (callback) => callback(error({ code: 5, metadata: own }), null, trailer),
    TextCode: (callback) => callback(odd({ code: 'NOT_FOUND', details: 'x' })),
    FractionCode: (callback) => callback(odd({ code: 5.5, details: 'x' })),
    CodeOk: (callback) => callback({ code: grpc.status.OK, details: 'well' }),
    CodeUnknownNumber: (callback) => callback(odd({ code: 99, details: 'x' })),
    CodeHttp: (callback) => callback(odd({ code: 404, details: 'http' })),
    EmptyObject: (callback) => callback({}),
    Text: (callback) => callback(odd('text')),
    Callable: (callback) => callback(odd(Object.assign(() => {}, { code: 5, details: 'x' }))),
    Builder: (callback) =>
      callback(new grpc.StatusBuilder().withCode(7).withDetails('no').withMetadata(own).build()),
    Unicode: (callback) => callback({ code: 3, details: 'häßlich % ☃ \n end' }),
    LongDetails: (callback) => callback({ code: 3, details: 'd'.repeat(5_000) }),
    ErrorAndValue: (callback) => callback({ code: 3, details: 'x' }, 'ignored'),
    TooLarge: (callback) => callback(null, 'x'.repeat(1_001)),
    JustFits: (callback) => callback(null, 'x'.repeat(995)),
    AlmostFits: (callback) => callback(null, 'x'.repeat(996)),
  };
}

async function inPieces(caller: Http2Caller, path: string): Promise<unknown> {
  const call = caller.open(path);
  for (const byte of framed('in pieces')) call.stream.write(Buffer.from([byte]));
  return within(call.end().reply.then(outcomeOfReply));
}

async function cancelled(grpc: Grpc, server: grpcJs.Server, caller: Http2Caller): Promise<unknown> {
  const log: unknown[] = [];
  const begun = signal();
  const over = signal();
  unary(server, '/test.Unary/Cancelled', (call, callback) => {
    log.push(['begun', call.cancelled]);
    call.on('cancelled', (...args: unknown[]) => {
      log.push(['cancelled', call.cancelled, args]);
      callback({ code: grpc.status.CANCELLED, details: 'stopped' });
      callback(null, 'x');
      over.raise();
    });
    begun.raise();
  });
  const call = caller.open('/test.Unary/Cancelled').send('x').end();
  await begun.happened;
  call.cancel();
  log.push(await within(over.happened));
  return log;
}

async function afterwards(server: grpcJs.Server, caller: Http2Caller): Promise<unknown> {
  const log: unknown[] = [];
  let served: grpcJs.ServerUnaryCall<string, string> | undefined;
  unary(server, '/test.Unary/After', (call, callback) => {
    served = call;
    call.on('cancelled', () => log.push('cancelled'));
    callback(null, 'answer');
    log.push(['right after', call.cancelled]);
    setImmediate(() => log.push(['a turn later', call.cancelled]));
  });
  await within(caller.call('/test.Unary/After', ['x']));
  await turns(20);
  log.push(['in the end', served?.cancelled]);
  return log;
}

async function deadline(server: grpcJs.Server, caller: Http2Caller): Promise<unknown> {
  const log: unknown[] = [];
  const over = signal();
  unary(server, '/test.Unary/Deadline', (call) => {
    call.on('cancelled', () => {
      log.push(['cancelled', call.cancelled]);
      over.raise();
    });
  });
  const reply = await within(caller.call('/test.Unary/Deadline', ['x'], { 'grpc-timeout': '50m' }));
  log.push(await within(over.happened));
  const { status } = typeof reply === 'string' ? { status: reply } : reply;
  return [status, log];
}

async function rejected(server: grpcJs.Server, caller: Http2Caller): Promise<unknown> {
  const found: unknown[] = [];
  const heard = (error: unknown): void => {
    found.push(errorOf(error));
  };
  process.on('unhandledRejection', heard);
  unary(server, '/test.Unary/Rejects', async () => {
    throw new Error('rejected');
  });
  const call = caller.open('/test.Unary/Rejects').send('x').end();
  const reply = await within(call.reply, 200);
  call.cancel();
  process.off('unhandledRejection', heard);
  return [reply, found];
}
