// What server interceptors see and can change, and in which order.

import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller, outcomeOfReply } from '../support/http2-caller.ts';
import {
  bidi,
  bind,
  clientStream,
  type Grpc,
  listening,
  Seen,
  serverStream,
  signal,
  toBytes,
  toText,
  turns,
  unary,
  within,
} from '../support/text-server.ts';
import { type Deep, errorOf, type Observation, outcomeOf } from './observation.ts';

type Interceptor = grpcJs.ServerInterceptor;

export async function observe(grpc: Grpc, deep: Deep): Promise<Observation[]> {
  const seen = new Seen();
  builders(grpc, deep, seen);
  await order(grpc, seen);
  await changes(grpc, seen);
  await ofCredentials(grpc, seen);
  await reads(grpc, seen);
  return seen.all;
}

function builders(grpc: Grpc, deep: Deep, seen: Seen): void {
  const responder = new grpc.ResponderBuilder();
  seen.see(
    'responder: empty',
    Object.keys(responder.build()).filter(
      (key) => responder.build()[key as keyof grpcJs.Responder] !== undefined,
    ),
  );
  const full = responder
    .withStart((next) => next())
    .withSendMetadata((metadata, next) => next(metadata))
    .withSendMessage((message, next) => next(message))
    .withSendStatus((status, next) => next(status))
    .build();
  seen.see('responder: full', Object.keys(full).sort());
  const listener = new grpc.ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => next(metadata))
    .withOnReceiveMessage((message, next) => next(message))
    .withOnReceiveHalfClose((next) => next())
    .withOnCancel(() => {})
    .build();
  seen.see('listener: full', Object.keys(listener).sort());
  const { isInterceptingServerListener: isIntercepting } = deep('server-interceptors') as {
    isInterceptingServerListener(value: unknown): boolean;
  };
  seen.see(
    'intercepting: one argument',
    isIntercepting({ onReceiveMetadata(_metadata: unknown) {} }),
  );
  seen.see(
    'intercepting: two arguments',
    isIntercepting({ onReceiveMetadata(_metadata: unknown, _next: unknown) {} }),
  );
  seen.see('intercepting: empty', isIntercepting({}));
}

function logging(grpc: Grpc, name: string, log: unknown[]): Interceptor {
  return (method, call) => {
    log.push([
      name,
      'call',
      method.path,
      method.requestStream,
      method.responseStream,
      typeof method.requestDeserialize,
      typeof method.responseSerialize,
    ]);
    return new grpc.ServerInterceptingCall(call, {
      start: (next) => {
        log.push([name, 'start']);
        next({
          onReceiveMetadata: (metadata, pass) => {
            log.push([name, 'metadata', metadata.get('x-asked')]);
            pass(metadata);
          },
          onReceiveMessage: (message, pass) => {
            log.push([name, 'message', message]);
            pass(message);
          },
          onReceiveHalfClose: (pass) => {
            log.push([name, 'half-close']);
            pass();
          },
          onCancel: () => {
            log.push([name, 'cancel']);
          },
        });
      },
      sendMetadata: (metadata, next) => {
        log.push([name, 'sendMetadata', metadata.getMap()]);
        next(metadata);
      },
      sendMessage: (message, next) => {
        log.push([name, 'sendMessage', message]);
        next(message);
      },
      sendStatus: (status, next) => {
        log.push([
          name,
          'sendStatus',
          status.code,
          status.details,
          status.metadata?.getMap() ?? null,
        ]);
        next(status);
      },
    });
  };
}

async function order(grpc: Grpc, seen: Seen): Promise<void> {
  const log: unknown[] = [];
  const server = new grpc.Server({
    interceptors: [logging(grpc, 'one', log), logging(grpc, 'two', log)],
  });
  const trailer = new grpc.Metadata();
  trailer.set('x-trailer', 't');
  unary(server, '/test.Order/Unary', (call, callback) => {
    log.push('handler');
    callback(null, `${call.request}!`, trailer);
  });
  unary(server, '/test.Order/Head', (call, callback) => {
    call.sendMetadata(trailer);
    callback(null, 'x');
  });
  unary(server, '/test.Order/Error', (_call, callback) => callback({ code: 5, details: 'gone' }));
  unary(server, '/test.Order/Throws', () => {
    throw new Error('the message');
  });
  clientStream(server, '/test.Order/Up', (call, callback) => {
    call.on('data', () => {});
    call.on('end', () => callback(null, 'x'));
  });
  serverStream(server, '/test.Order/Down', (call) => {
    call.write('a');
    call.write('b');
    call.end(trailer);
  });
  bidi(server, '/test.Order/Both', (call) => {
    call.on('data', (text: string) => call.write(text));
    call.on('end', () => call.end());
  });
  const caller = Http2Caller.to(await listening(grpc, server));
  const messages: Record<string, string[]> = { Up: ['a', 'b'], Both: ['a'] };
  for (const name of ['Unary', 'Head', 'Error', 'Throws', 'Up', 'Down', 'Both', 'Missing']) {
    const call = caller.open(`/test.Order/${name}`, { 'x-asked': 'a' });
    call.send(...(messages[name] ?? ['x']));
    // What a handler writes for a message, and the half-close behind it, come in either order.
    if (name === 'Both') await within(call.until(1));
    const reply = await within(call.end().reply.then(outcomeOfReply));
    await turns(20);
    seen.see(`order: ${name}`, reply);
    seen.see(`order: ${name}: log`, log.splice(0));
  }
  const begun = signal();
  const over = signal();
  unary(server, '/test.Order/Cancelled', (call) => {
    call.on('cancelled', () => {
      log.push('handler: cancelled');
      over.raise();
    });
    begun.raise();
  });
  const call = caller.open('/test.Order/Cancelled').send('x').end();
  await begun.happened;
  call.cancel();
  await within(over.happened);
  await turns(10);
  seen.see('order: cancelled', log.splice(0));
  caller.close();
  server.forceShutdown();
}

async function changes(grpc: Grpc, seen: Seen): Promise<void> {
  const { ServerInterceptingCall } = grpc;
  const each: Record<string, Interceptor> = {
    'passes on': (_method, call) => new ServerInterceptingCall(call),
    'empty responder': (_method, call) => new ServerInterceptingCall(call, {}),
    'changes messages': (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) => next({ onReceiveMessage: (message, pass) => pass(`<${message}>`) }),
        sendMessage: (message, next) => next(`[${message}]`),
      }),
    'changes metadata': (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              metadata.set('x-asked', 'changed');
              pass(metadata);
            },
          }),
        sendMetadata: (metadata, next) => {
          metadata.set('x-head', 'h');
          next(metadata);
        },
        sendStatus: (status, next) => {
          const metadata = status.metadata ?? new grpc.Metadata();
          metadata.set('x-trailer', 't');
          next({ ...status, metadata });
        },
      }),
    'changes the status': (_method, call) =>
      new ServerInterceptingCall(call, {
        sendStatus: (_status, next) => next({ code: 9, details: 'changed' }),
      }),
    refuses: (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: () => call.sendStatus({ code: 16, details: 'who are you' }),
          }),
      }),
    'refuses at once': (_method, call) => {
      call.sendStatus({ code: 16, details: 'who are you' });
      return new ServerInterceptingCall(call);
    },
    'answers itself': (_method, call) =>
      new ServerInterceptingCall(call, {
        start: () => {
          call.start({
            onReceiveMetadata: () => call.startRead(),
            onReceiveMessage: (message: string) =>
              call.sendMessage(`own ${message}`, () => call.sendStatus({ code: 0, details: 'OK' })),
            onReceiveHalfClose: () => {},
            onCancel: () => {},
          });
        },
      }),
    'delays everything': (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          setImmediate(() =>
            next({
              onReceiveMetadata: (metadata, pass) => void setImmediate(pass, metadata),
              onReceiveMessage: (message, pass) => void setImmediate(pass, message),
              onReceiveHalfClose: (pass) => void setImmediate(pass),
            }),
          ),
        sendMetadata: (metadata, next) => void setTimeout(next, 20, metadata),
        sendMessage: (message, next) => void setTimeout(next, 10, message),
        sendStatus: (status, next) => next(status),
      }),
    'drops the half-close': (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({ onReceiveHalfClose: () => call.sendStatus({ code: 9, details: 'no end' }) }),
      }),
    builders: (_method, call) =>
      new ServerInterceptingCall(
        call,
        new grpc.ResponderBuilder()
          .withStart((next) =>
            next(
              new grpc.ServerListenerBuilder()
                .withOnReceiveMessage((message, pass) => pass(`b${message}`))
                .build(),
            ),
          )
          .build(),
      ),
    facts: (_method, call) => {
      const info = call.getConnectionInfo();
      seen.see('facts', [
        call.getPeer().replace(/:\d+$/, ''),
        call.getHost().replace(/:\d+$/, ''),
        call.getDeadline() === Number.POSITIVE_INFINITY,
        call.getAuthContext(),
        info.localAddress,
        info.remoteAddress,
        typeof info.localPort,
        typeof info.remotePort,
        typeof call.getMetricsRecorder().recordQpsMetric,
      ]);
      return new ServerInterceptingCall(call);
    },
  };
  for (const [name, interceptor] of Object.entries(each)) {
    const server = new grpc.Server({ interceptors: [interceptor] });
    unary(server, '/test.Change/Unary', (call, callback) => {
      callback(null, `${call.request} ${call.metadata.get('x-asked')}`);
    });
    bidi(server, '/test.Change/Both', (call) => {
      call.on('data', (text: string) => call.write(text));
      call.on('end', () => call.end());
    });
    const caller = Http2Caller.to(await listening(grpc, server));
    seen.see(
      `${name}: unary`,
      await within(caller.call('/test.Change/Unary', ['x'], { 'x-asked': 'a' })),
    );
    // In the original a stream hangs without its half-close.
    if (name !== 'facts' && name !== 'drops the half-close')
      seen.see(`${name}: both`, await within(caller.call('/test.Change/Both', ['x', 'y'])));
    caller.close();
    server.forceShutdown();
  }
}

async function ofCredentials(grpc: Grpc, seen: Seen): Promise<void> {
  const log: unknown[] = [];
  const short =
    (name: string): Interceptor =>
    (_method, call) => {
      log.push(name);
      return new grpc.ServerInterceptingCall(call, {
        sendStatus: (status, next) => {
          log.push(`${name}: status`);
          next(status);
        },
      });
    };
  const { createServerCredentialsWithInterceptors: withInterceptors } = grpc.experimental;
  const insecure = grpc.ServerCredentials.createInsecure();
  const a = short('a');
  const credentials = withInterceptors(insecure, [a, short('b')]);
  const server = new grpc.Server({ interceptors: [short('server')] });
  unary(server, '/test.Own/Unary', (_call, callback) => callback(null, 'x'));
  const own = await within(bind(grpc, server, '127.0.0.1:0', credentials));
  const plain = await listening(grpc, server);
  if (typeof own === 'string') throw new Error('cannot listen');
  const first = Http2Caller.to(own.port);
  seen.see('credentials: reply', await within(first.call('/test.Own/Unary', ['x'])));
  await turns(10);
  seen.see('credentials: log', log.splice(0));
  const second = Http2Caller.to(plain);
  await within(second.call('/test.Own/Unary', ['x']));
  await turns(10);
  seen.see('credentials: the other port', log.splice(0));
  seen.see('credentials: equal', [
    credentials._equals(withInterceptors(insecure, [a])),
    withInterceptors(insecure, [a])._equals(withInterceptors(insecure, [a])),
    insecure._equals(withInterceptors(insecure, [])),
    withInterceptors(insecure, [])._equals(insecure),
    credentials._isSecure(),
    credentials._getInterceptors().length,
  ]);
  const shut = signal();
  server.tryShutdown(() => shut.raise());
  seen.see('credentials: shutdown', await within(shut.happened.then(() => 'over')));
  first.close();
  second.close();
}

/** One message for each read. */
async function reads(grpc: Grpc, seen: Seen): Promise<void> {
  const log: unknown[] = [];
  const interceptor: Interceptor = (_method, call) => {
    let left = 0;
    const wrapped = new grpc.ServerInterceptingCall(call, {
      start: () => {
        call.start({
          onReceiveMetadata: () => {
            log.push('metadata');
            call.startRead();
          },
          onReceiveMessage: (message: string) => {
            log.push(message);
            left += 1;
            setTimeout(() => call.startRead(), 10);
          },
          onReceiveHalfClose: () => {
            log.push(['half-close', left]);
            call.sendMetadata(new grpc.Metadata());
            call.sendStatus({ code: 0, details: 'OK', metadata: null });
            call.sendStatus({ code: 5, details: 'again', metadata: null });
          },
          onCancel: () => log.push('cancel'),
        });
      },
    });
    return wrapped;
  };
  const server = new grpc.Server({ interceptors: [interceptor] });
  server.register('/test.Reads/Both', () => {}, toBytes, toText, 'bidi');
  const caller = Http2Caller.to(await listening(grpc, server));
  const call = caller.open('/test.Reads/Both').send('a', 'b', 'c').end();
  seen.see('reads: reply', await within(call.reply.then(outcomeOfReply)));
  await turns(20);
  seen.see('reads: log', log);
  const thrown: unknown[] = [];
  const heard = (error: unknown): void => {
    thrown.push(errorOf(error));
  };
  process.on('uncaughtException', heard);
  const failing = new grpc.Server({
    interceptors: [
      () => {
        throw new Error('thrown by an interceptor');
      },
    ],
  });
  server.unregister('/test.Reads/Both');
  unary(failing, '/test.Reads/Unary', (_call, callback) => callback(null, 'x'));
  const other = Http2Caller.to(await listening(grpc, failing));
  const open = other.open('/test.Reads/Unary').send('x').end();
  const reply = await within(open.reply.then(outcomeOfReply), 300);
  process.off('uncaughtException', heard);
  seen.see('an interceptor that throws', [reply === 'nothing' ? reply : 'a reply', thrown]);
  caller.close();
  other.close();
  seen.see(
    'end',
    outcomeOf(() => {
      server.forceShutdown();
      failing.forceShutdown();
    }),
  );
}
