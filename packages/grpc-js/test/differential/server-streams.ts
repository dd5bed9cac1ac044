// How streaming calls look to their handlers: events and their order, ends, errors, cancellation.

import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller, outcomeOfReply } from '../support/http2-caller.ts';
import {
  bidi,
  clientStream,
  type Grpc,
  listening,
  Seen,
  serverStream,
  signal,
  turns,
  within,
} from '../support/text-server.ts';
import { errorOf, type Observation } from './observation.ts';

type Emitter = NodeJS.EventEmitter;

const EVENTS: readonly string[] = [
  'data',
  'end',
  'error',
  'finish',
  'close',
  'cancelled',
  'drain',
  'metadata',
];

/** Writes what a stream emits into a log; listening for data is the handler's choice. */
function tap(stream: Emitter, log: unknown[], events: readonly string[] = EVENTS): void {
  for (const event of events) {
    stream.on(event, (value: unknown) => {
      log.push(value === undefined ? event : [event, errorOf(value)]);
    });
  }
}

const WITHOUT_DATA: readonly string[] = EVENTS.filter((event) => event !== 'data');

// Of a call that ends well, or by an error of its handler, 'cancelled' comes before or behind 'close'.
const ENDING: readonly string[] = EVENTS.filter((event) => event !== 'cancelled');

/** Says so when what a program does in promises alone is done: no turn of the event loop goes by. */
async function inPromises(log: unknown[], what: string): Promise<void> {
  for (let i = 0; i < 50; i += 1) await null;
  log.push(what);
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  const server = new grpc.Server();
  const caller = Http2Caller.to(await listening(grpc, server));
  await clientStreaming(grpc, server, caller, seen);
  await serverStreaming(grpc, server, caller, seen);
  await bothWays(grpc, server, caller, seen);
  caller.close();
  server.forceShutdown();
  return seen.all;
}

async function clientStreaming(
  grpc: Grpc,
  server: grpcJs.Server,
  caller: Http2Caller,
  seen: Seen,
): Promise<void> {
  const trailer = new grpc.Metadata();
  trailer.set('x-trailer', 't');
  const path = (name: string): string => `/test.Up/${name}`;

  const log: unknown[] = [];
  clientStream(server, path('Collect'), (call, callback) => {
    tap(call, log, ENDING);
    let all = '';
    call.on('data', (text: string) => {
      all += text;
    });
    call.on('end', () => callback(null, all, trailer));
  });
  seen.see('up: collect', await within(caller.call(path('Collect'), ['a', 'b', 'c'])));
  await turns(20);
  seen.see('up: events', log);
  seen.see('up: no message', await within(caller.call(path('Collect'), [])));

  const paces: unknown[] = [];
  clientStream(server, path('Promises'), (call, callback) => {
    call.on('data', () => void inPromises(paces, 'of the message'));
    call.on('end', () => {
      paces.push('end');
      callback(null, 'done');
    });
    void inPromises(paces, 'of the handler');
  });
  await within(caller.call(path('Promises'), ['a']));
  seen.see('up: promises, and what is heard next', paces);

  const kinds: unknown[] = [];
  clientStream(server, path('Kinds'), (call, callback) => {
    const own = call as unknown as Record<string, unknown>;
    kinds.push(['read', 'write', 'end', 'push', 'pipe'].map((name) => [name, typeof own[name]]));
    kinds.push([call.readableObjectMode, call.readableHighWaterMark, call.cancelled]);
    callback(null, 'early');
  });
  seen.see('up: an early answer', await within(caller.call(path('Kinds'), ['a', 'b'])));
  seen.see('up: what the call is', kinds);

  clientStream(server, path('Iterate'), async (call, callback) => {
    const all: string[] = [];
    for await (const text of call) all.push(String(text));
    callback(null, all.join('|'));
  });
  const many = Array.from({ length: 200 }, (_, i) => `m${i}`);
  seen.see('up: iterated', await within(caller.call(path('Iterate'), many)));

  clientStream(server, path('Throws'), () => {
    throw new Error('the message');
  });
  seen.see('up: throws', await within(caller.call(path('Throws'), ['a'])));
  clientStream(server, path('Fails'), (_call, callback) => callback({ code: 5, details: 'gone' }));
  seen.see('up: fails', await within(caller.call(path('Fails'), ['a'])));
  clientStream(server, path('FailsTwice'), (_call, callback) => {
    callback({ code: 5, details: 'gone' });
    callback(null, 'x');
  });
  seen.see('up: fails, then answers', await within(caller.call(path('FailsTwice'), ['a'])));

  const odd: Record<string, (call: grpcJs.ServerReadableStream<string, string>) => void> = {
    Emits: (call) => {
      call.emit('error', { code: 5, details: 'gone' } as unknown as string);
    },
    Ends: (call) => {
      (call as unknown as { end(metadata: unknown): void }).end(trailer);
    },
    Writes: (call) => {
      const writable = call as unknown as { write(text: string): boolean; end(): void };
      writable.write('a');
      writable.end();
    },
  };
  for (const [name, act] of Object.entries(odd)) {
    clientStream(server, path(name), act);
    seen.see(`up: ${name}`, await within(caller.call(path(name), ['a']), 300));
  }
  clientStream(server, path('Breaks'), async (call, callback) => {
    for await (const text of call) {
      callback(null, `${text} was enough`);
      break;
    }
  });
  seen.see(
    'up: breaks off, and answered',
    await within(caller.call(path('Breaks'), ['a', 'b']), 300),
  );
  clientStream(server, path('BreaksFirst'), async (call, callback) => {
    for await (const _text of call) break;
    callback(null, 'enough');
  });
  seen.see(
    'up: breaks off, and answers',
    await within(caller.call(path('BreaksFirst'), ['a', 'b']), 300),
  );

  const cancelLog: unknown[] = [];
  const begun = signal();
  const closed = signal();
  clientStream(server, path('Cancelled'), (call) => {
    tap(call, cancelLog);
    call.once('data', () => begun.raise());
    call.on('close', () => closed.raise());
  });
  const call = caller.open(path('Cancelled')).send('a');
  await begun.happened;
  call.cancel();
  cancelLog.push(await within(closed.happened, 300));
  await turns(10);
  seen.see('up: cancelled', cancelLog);

  const paced: unknown[] = [];
  const step = signal();
  clientStream(server, path('Paced'), (call, callback) => {
    call.pause();
    setTimeout(() => {
      paced.push(call.readableLength > 0);
      call.resume();
      call.on('end', () => callback(null, 'done'));
      step.raise();
    }, 50);
  });
  seen.see('up: paused', await within(caller.call(path('Paced'), many)));
  seen.see('up: paused with messages', paced);
}

async function serverStreaming(
  grpc: Grpc,
  server: grpcJs.Server,
  caller: Http2Caller,
  seen: Seen,
): Promise<void> {
  const trailer = new grpc.Metadata();
  trailer.set('x-trailer', 't');
  const path = (name: string): string => `/test.Down/${name}`;
  const ends: Record<string, (call: grpcJs.ServerWritableStream<string, string>) => void> = {
    Ends: (call) => {
      call.write('a');
      call.write('b');
      call.end();
    },
    EndsWithTrailer: (call) => {
      call.write('a');
      call.end(trailer);
    },
    EndsAtOnce: (call) => call.end(),
    EndsWithTrailerAtOnce: (call) => call.end(trailer),
    Errors: (call) => {
      call.write('a');
      call.emit('error', { code: 5, details: 'gone' });
    },
    ErrorsWithMetadata: (call) => {
      call.end(trailer);
      call.emit('error', { code: 5, details: 'gone' });
    },
    ErrorHasMetadata: (call) => {
      call.emit('error', { code: 5, details: 'gone', metadata: trailer });
    },
    ErrorsPlain: (call) => {
      call.emit('error', new Error('the message'));
    },
    Destroys: (call) => {
      call.write('a');
      call.destroy(Object.assign(new Error('the message'), { code: 5, details: 'gone' }));
    },
    DestroysPlain: (call) => {
      call.destroy();
    },
    Throws: () => {
      throw new Error('the message');
    },
    ThrowsAfterWrite: (call) => {
      call.write('a');
      throw new Error('the message');
    },
    EndsAndThrows: (call) => {
      call.write('a');
      call.end();
      throw new Error('the message');
    },
    SendsHead: (call) => {
      call.sendMetadata(trailer);
      call.end();
    },
    HeadAfterWrite: (call) => {
      call.write('a');
      call.sendMetadata(trailer);
      call.end();
    },
    WritesAfterEnd: (call) => {
      call.on('error', () => {});
      call.write('a');
      call.end();
      call.write('b');
    },
    EndsTwice: (call) => {
      call.end();
      call.end();
    },
    Null: (call) => {
      call.on('error', () => {});
      try {
        call.write(null as unknown as string);
      } catch (error) {
        call.write(`threw ${(error as { code?: unknown }).code}`);
      }
      call.end();
    },
    Corks: (call) => {
      call.cork();
      call.write('a');
      call.write('b');
      call.uncork();
      call.end();
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    serverStream(server, path(name), end);
    seen.see(`down: ${name}`, await within(caller.call(path(name), ['x']), 500));
  }

  const log: unknown[] = [];
  serverStream(server, path('Events'), (call) => {
    tap(call, log, ENDING);
    log.push([call.request, call.writableObjectMode, call.writableHighWaterMark]);
    call.write('a', () => log.push('written a'));
    call.write('b', () => log.push('written b'));
    call.end();
  });
  await within(caller.call(path('Events'), ['x']));
  await turns(20);
  seen.see('down: events', log);

  const errorLog: unknown[] = [];
  serverStream(server, path('ErrorEvents'), (call) => {
    tap(call, errorLog, ENDING);
    call.write('a');
    call.emit('error', { code: 5, details: 'gone' });
  });
  await within(caller.call(path('ErrorEvents'), ['x']));
  await turns(20);
  seen.see('down: events of an error', errorLog);

  const destroyLog: unknown[] = [];
  serverStream(server, path('DestroyEvents'), (call) => {
    tap(call, destroyLog);
    call.destroy(new Error('the message'));
  });
  await within(caller.call(path('DestroyEvents'), ['x']), 300);
  await turns(20);
  seen.see('down: events of destroy', destroyLog);

  const cancelLog: unknown[] = [];
  const begun = signal();
  const closed = signal();
  serverStream(server, path('Cancelled'), (call) => {
    tap(call, cancelLog);
    call.write('a');
    call.on('cancelled', () => cancelLog.push(['then', call.cancelled, call.destroyed]));
    call.on('close', () => closed.raise());
    begun.raise();
  });
  const call = caller.open(path('Cancelled')).send('x').end();
  await begun.happened;
  await call.until(1);
  call.cancel();
  cancelLog.push(await within(closed.happened, 300));
  await turns(10);
  seen.see('down: cancelled', cancelLog);

  const writeLog: unknown[] = [];
  const over = signal();
  serverStream(server, path('WritesAfterCancel'), (served) => {
    served.write('a');
    served.on('error', (error) => writeLog.push(['error', errorOf(error)]));
    served.on('cancelled', () => {
      writeLog.push(
        served.write('late', (error: unknown) => writeLog.push(['late', errorOf(error)])),
      );
      setImmediate(over.raise);
    });
  });
  const second = caller.open(path('WritesAfterCancel')).send('x').end();
  await second.until(1);
  second.cancel();
  writeLog.push(await within(over.happened, 500));
  await turns(10);
  seen.see('down: writes after a cancellation', writeLog);

  serverStream(server, path('Many'), async (served) => {
    for (let i = 0; i < 1_000; i += 1) {
      if (!served.write(`m${i}`)) await new Promise((resolve) => served.once('drain', resolve));
    }
    served.end();
  });
  const many = await within(caller.call(path('Many'), ['x']), 5_000);
  seen.see(
    'down: many',
    typeof many === 'string' ? many : [many.status, many.messages.length, many.messages.at(-1)],
  );
  seen.see('down: no message', await within(caller.call(path('Ends'), [])));
  seen.see('down: two messages', await within(caller.call(path('Ends'), ['a', 'b'])));
}

async function bothWays(
  grpc: Grpc,
  server: grpcJs.Server,
  caller: Http2Caller,
  seen: Seen,
): Promise<void> {
  const trailer = new grpc.Metadata();
  trailer.set('x-trailer', 't');
  const path = (name: string): string => `/test.Both/${name}`;
  bidi(server, path('Echo'), (call) => {
    call.on('data', (text: string) => call.write(`${text}!`));
    call.on('end', () => call.end());
  });
  seen.see('both: echo', await within(caller.call(path('Echo'), ['a', 'b'])));
  seen.see('both: no message', await within(caller.call(path('Echo'), [])));
  const open = caller.open(path('Echo')).send('a');
  await within(open.until(1));
  seen.see('both: an answer before the end', open.messages);
  open.send('b').end();
  seen.see('both: and the rest', await within(open.reply.then(outcomeOfReply)));

  const paces: unknown[] = [];
  bidi(server, path('Promises'), (call) => {
    call.on('data', () => void inPromises(paces, 'of the message'));
    call.on('end', () => {
      paces.push('end');
      call.end();
    });
    void inPromises(paces, 'of the handler');
  });
  await within(caller.call(path('Promises'), ['a']));
  seen.see('both: promises, and what is heard next', paces);

  bidi(server, path('Pipe'), (call) => {
    call.pipe(call);
  });
  seen.see('both: piped', await within(caller.call(path('Pipe'), ['a', 'b'])));

  const log: unknown[] = [];
  bidi(server, path('Events'), (call) => {
    tap(call, log, ENDING);
    call.on('end', () => call.end(trailer));
    call.write('hello');
  });
  seen.see('both: trailer', await within(caller.call(path('Events'), ['a'])));
  await turns(20);
  seen.see('both: events', log);

  const early: unknown[] = [];
  bidi(server, path('EndsEarly'), (call) => {
    tap(call, early, WITHOUT_DATA);
    call.write('bye');
    call.end();
  });
  seen.see('both: ends early', await within(caller.call(path('EndsEarly'), ['a', 'b'])));
  await turns(20);
  seen.see('both: events of an early end', early);

  const failing: unknown[] = [];
  bidi(server, path('Errors'), (call) => {
    tap(call, failing, ['error', 'finish', 'close']);
    call.once('data', () => call.emit('error', { code: 5, details: 'gone', metadata: trailer }));
  });
  seen.see('both: errors', await within(caller.call(path('Errors'), ['a'])));
  await turns(20);
  seen.see('both: events of an error', failing);

  const destroyed: unknown[] = [];
  bidi(server, path('Destroys'), (call) => {
    tap(call, destroyed, WITHOUT_DATA);
    call.once('data', () => call.destroy(new Error('the message')));
  });
  seen.see('both: destroys', await within(caller.call(path('Destroys'), ['a']), 300));
  await turns(20);
  seen.see('both: events of destroy', destroyed);

  bidi(server, path('Throws'), () => {
    throw new Error('the message');
  });
  seen.see('both: throws', await within(caller.call(path('Throws'), ['a'])));

  const cancelLog: unknown[] = [];
  const closed = signal();
  bidi(server, path('Cancelled'), (call) => {
    tap(call, cancelLog);
    call.on('data', (text: string) => call.write(text));
    call.on('close', () => closed.raise());
  });
  const call = caller.open(path('Cancelled')).send('a');
  await within(call.until(1));
  call.cancel();
  cancelLog.push(await within(closed.happened, 300));
  await turns(10);
  seen.see('both: cancelled', cancelLog);

  const lost: unknown[] = [];
  const gone = signal();
  bidi(server, path('Lost'), (served) => {
    tap(served, lost);
    served.on('data', (text: string) => served.write(text));
    served.on('cancelled', () => gone.raise());
  });
  const { port } = new URL(
    `http://${caller.session.socket.remoteAddress}:${caller.session.socket.remotePort}`,
  );
  const other = Http2Caller.to(Number(port));
  const dropped = other.open(path('Lost')).send('a');
  await within(dropped.until(1));
  other.close();
  lost.push(await within(gone.happened, 500));
  await turns(10);
  seen.see('both: the connection is lost', lost);
}
