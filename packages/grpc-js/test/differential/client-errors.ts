// How calls fail: arguments, codecs, limits of length, servers that are away or speak something else.

import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Client, ClientOptions } from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  framed,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  startByHand,
  startServer,
} from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';
import { eventsOf } from './one-call.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  const see = (name: string, value: unknown): void => {
    seen.push({ name, value });
  };
  await seeArguments(grpc, port, see);
  await seeCodecs(grpc, port, see);
  await seeLengths(grpc, port, see);
  await seeServers(grpc, see);
  await seeAway(grpc, see);
  await seeClosed(grpc, port, see);
  return seen;
}

type See = (name: string, value: unknown) => void;

async function seeArguments(grpc: Grpc, port: number, see: See): Promise<void> {
  const client = clientOf(grpc, port);
  const metadata = new grpc.Metadata();
  // Anything at all, as programs without types pass it.
  const make = client.makeUnaryRequest.bind(client) as (...args: unknown[]) => unknown;
  const stream = client.makeServerStreamRequest.bind(client) as (...args: unknown[]) => unknown;
  const callback = (): void => {};
  const lists: Record<string, unknown[]> = {
    nothing: [],
    'metadata only': [metadata],
    'options only': [{}],
    'metadata and options': [metadata, {}],
    'options and metadata': [{}, metadata, callback],
    'no metadata': [undefined, {}, callback],
    'null metadata': [null, callback],
    'undefined and callback': [undefined, callback],
    'options that are null': [metadata, null, callback],
    'options that are a number': [metadata, 1, callback],
    'a string': ['x', callback],
    'callback twice': [callback, callback],
    'all three': [metadata, {}, callback],
  };
  for (const [name, list] of Object.entries(lists)) {
    const outcome = outcomeOf(
      () => typeof make(PATHS.unary, encode, decode, { text: 'a' }, ...list),
    );
    see(`arguments of a unary call: ${name}`, outcome);
  }
  for (const [name, list] of Object.entries({
    nothing: [],
    metadata: [metadata],
    'metadata and options': [metadata, {}],
    options: [{}],
    null: [null],
  })) {
    see(
      `arguments of a server stream: ${name}`,
      outcomeOf(() => {
        const call = stream(PATHS.server, encode, decode, { count: 0 }, ...list);
        (call as NodeJS.EventEmitter).on('error', () => {});
        return typeof call;
      }),
    );
  }
  see(
    'a deadline that is text',
    outcomeOf(
      () => typeof make(PATHS.unary, encode, decode, {}, { deadline: 'tomorrow' }, callback),
    ),
  );
  see(
    'a path that is no text',
    outcomeOf(() => typeof make(7, encode, decode, {}, callback)),
  );
  await pause(50);
  client.close();
}

async function seeCodecs(grpc: Grpc, port: number, see: See): Promise<void> {
  const client = clientOf(grpc, port);
  const fails = (): never => {
    throw new Error('a codec that fails');
  };
  const failsOddly = (): never => {
    throw 'no error at all';
  };
  const unary = async (serialize: (v: Order) => Buffer, deserialize: (b: Buffer) => Answer) => {
    const log = new Log();
    const call = client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      serialize,
      deserialize,
      { text: 'a' },
      log.callback,
    );
    log.add('returned');
    log.hear(call);
    return await log.until('status');
  };
  see('unary: serialize throws', await unary(fails, decode));
  see('unary: serialize throws text', await unary(failsOddly, decode));
  see('unary: deserialize throws', await unary(encode, fails));
  see('unary: deserialize throws text', await unary(encode, failsOddly));
  const readable = new Log();
  readable.hearAll(
    client.makeServerStreamRequest<Order, Answer>(PATHS.server, fails, decode, { count: 1 }),
  );
  see('server stream: serialize throws', await readable.until('status'));
  const unread = new Log();
  unread.hearAll(
    client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, fails, { count: 1 }),
  );
  see('server stream: deserialize throws', await unread.until('status'));
  const writable = new Log();
  const call = client.makeClientStreamRequest<Order, Answer>(
    PATHS.client,
    fails,
    decode,
    writable.callback,
  );
  writable.hear(call);
  call.write({ text: 'a' });
  see('client stream: serialize throws', await writable.until('status'));
  const both = new Log();
  const duplex = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, fails);
  both.hearAll(duplex);
  duplex.write({ text: 'a' });
  see('bidi: deserialize throws', await both.until('status', 60));
  client.close();
}

async function streamOf(client: Client, order: Order): Promise<unknown> {
  const log = new Log();
  log.hearAll(client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, order));
  return await log.until('status');
}

async function seeLengths(grpc: Grpc, port: number, see: See): Promise<void> {
  const orders: readonly [string, ClientOptions, Order][] = [
    ['more than may be sent', { 'grpc.max_send_message_length': 20 }, { text: 'x'.repeat(30) }],
    ['as much as may be sent', { 'grpc.max_send_message_length': 12 }, { text: 'a' }],
    ['more than may be received', { 'grpc.max_receive_message_length': 20 }, { size: 100 }],
    [
      'no limits',
      { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 },
      { size: 5_000_000 },
    ],
    ['more than may be received by default', {}, { size: 4 * 1024 * 1024 + 1 }],
    ['compressed by gzip', { 'grpc.default_compression_algorithm': 2 }, { text: 'x'.repeat(500) }],
    [
      'compressed by deflate',
      { 'grpc.default_compression_algorithm': 1 },
      { text: 'x'.repeat(500) },
    ],
    ['an option that nobody knows', { 'grpc.unknown': 1, other: true }, { text: 'a' }],
  ];
  for (const [name, options, order] of orders) {
    const client = clientOf(grpc, port, options);
    see(`length: ${name}`, await eventsOf(client, order));
    if (name.includes('received'))
      see(`length of a stream: ${name}`, await streamOf(client, order));
    client.close();
  }
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' };
const MESSAGE = framed(encode({ text: 'a' }));

type ByHand = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

function withTrailers(
  stream: ServerHttp2Stream,
  trailers: Record<string, string>,
  head = {},
): void {
  stream.respond({ ...HEAD, ...head }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
}

// As servers of the original end a call.
const OK = { 'grpc-status': '0', 'grpc-message': 'OK' };

const SERVERS: Record<string, ByHand> = {
  'no message': (stream) => {
    withTrailers(stream, OK);
    stream.end();
  },
  'trailers only with OK': (stream) => stream.respond({ ...HEAD, ...OK }, { endStream: true }),
  'OK without a text': (stream) => {
    withTrailers(stream, { 'grpc-status': '0' });
    stream.end(MESSAGE);
  },
  'trailers only': (stream) =>
    stream.respond(
      { ...HEAD, 'grpc-status': '5', 'grpc-message': 'not%20here', 'x-a': 'b' },
      { endStream: true },
    ),
  'two messages': (stream) => {
    withTrailers(stream, OK);
    stream.end(Buffer.concat([MESSAGE, MESSAGE]));
  },
  'a message and an error': (stream) => {
    withTrailers(stream, { 'grpc-status': '13', 'grpc-message': 'late' });
    stream.end(MESSAGE);
  },
  'no grpc-status': (stream) => {
    withTrailers(stream, { 'x-a': 'b' });
    stream.end(MESSAGE);
  },
  'no trailers': (stream) => {
    stream.respond(HEAD);
    stream.end(MESSAGE);
  },
  'a status that is none': (stream) => {
    withTrailers(stream, { 'grpc-status': 'seven' });
    stream.end(MESSAGE);
  },
  'a message that stops': (stream) => {
    withTrailers(stream, OK);
    stream.end(MESSAGE.subarray(0, 7));
  },
  'compressed without a name': (stream) => {
    withTrailers(stream, OK);
    stream.end(framed(encode({}), 1));
  },
  'compressed by an unknown encoding': (stream) => {
    withTrailers(stream, OK, { 'grpc-encoding': 'snappy' });
    stream.end(framed(encode({}), 1));
  },
  'compressed and damaged': (stream) => {
    withTrailers(stream, OK, { 'grpc-encoding': 'gzip' });
    stream.end(framed(Buffer.from('not gzip'), 1));
  },
};
for (const status of [299, 400, 401, 403, 404, 429, 500, 502, 503, 504]) {
  SERVERS[`HTTP ${status}`] = (stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/plain' });
    stream.end('no gRPC here');
  };
}
for (const code of [0, 1, 2, 3, 5, 7, 8, 9, 11, 12, 13]) {
  SERVERS[`reset with ${code}`] = (stream) => stream.close(code);
  SERVERS[`headers, then reset with ${code}`] = (stream) => {
    stream.respond(HEAD);
    setTimeout(() => stream.close(code), 20);
  };
}

/** Of what is no gRPC the headers are looked at once, at the end. */
function withoutHeader(name: string, events: unknown): unknown {
  if (!name.startsWith('HTTP') || !Array.isArray(events)) return events;
  return events.filter((event) => !(Array.isArray(event) && event[0] === 'metadata'));
}

async function seeServers(grpc: Grpc, see: See): Promise<void> {
  let current: ByHand = () => {};
  const port = await startByHand((stream, headers) => current(stream, headers));
  const client = clientOf(grpc, port, { 'grpc.enable_retries': 0 });
  for (const [name, answer] of Object.entries(SERVERS)) {
    current = answer;
    let deadline = Date.now() + 600;
    const told = await eventsOf(client, { text: 'a' }, { deadline });
    see(`by hand, unary: ${name}`, withoutHeader(name, told));
    deadline = Date.now() + 600;
    const log = new Log();
    log.hearAll(
      client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {}, { deadline }),
    );
    see(`by hand, stream: ${name}`, withoutHeader(name, await log.until('status')));
  }
  current = SERVERS['HTTP 503'] ?? current;
  see('by hand: headers of what is no gRPC', await eventsOf(client, { text: 'a' }));
  current = (stream) => stream.session?.destroy();
  see('by hand: the connection is lost', await eventsOf(client, { text: 'a' }));
  current = (stream) => {
    stream.respond(HEAD);
    setTimeout(() => stream.session?.destroy(), 20);
  };
  see('by hand: the connection is lost after headers', await eventsOf(client, { text: 'a' }));
  client.close();
}

async function seeAway(grpc: Grpc, see: See): Promise<void> {
  const credentials = grpc.credentials.createInsecure();
  const away = new grpc.Client('127.0.0.1:1', credentials);
  see('nobody there', await eventsOf(away, {}));
  see('nobody there, stream', await streamOf(away, {}));
  const metadata = new grpc.Metadata();
  metadata.setOptions({ waitForReady: true });
  const log = new Log();
  const deadline = Date.now() + 150;
  const call = away.makeUnaryRequest<Order, Answer>(
    PATHS.unary,
    encode,
    decode,
    {},
    metadata,
    { deadline },
    log.callback,
  );
  log.hear(call);
  see('nobody there, wait for ready', await log.until('status'));
  see('peer of a call that found nobody', call.getPeer());
  see('auth context of a call that found nobody', call.getAuthContext());
  const text = await new Promise<string>((resolve) => {
    away.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, {}, (error) =>
      resolve(error?.details ?? ''),
    );
  });
  see('nobody there: what programs look for', [
    text.startsWith('No connection established. Last error: '),
    text.includes('ECONNREFUSED'),
    text.includes('127.0.0.1:1'),
  ]);
  away.close();
  const unknown = new grpc.Client('no-such-host.invalid:1', credentials);
  see('a host that does not exist', await eventsOf(unknown, {}));
  unknown.close();
}

async function seeClosed(grpc: Grpc, port: number, see: See): Promise<void> {
  const client = clientOf(grpc, port);
  const waiting = new Log();
  waiting.hear(
    client.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, {}, waiting.callback),
  );
  client.close();
  see('closed before the call has a connection', await waiting.until('status'));
  await seeAfterClose(grpc, port, see);
  const other = clientOf(grpc, port);
  await eventsOf(other, { text: 'first' });
  const open = new Log();
  const call = other.makeUnaryRequest<Order, Answer>(
    PATHS.unary,
    encode,
    decode,
    { text: 'slow', wait: 150 },
    open.callback,
  );
  open.hear(call);
  await pause(50);
  other.close();
  open.add('closed');
  see('closed while a call is open', await open.until('status'));
}

async function seeAfterClose(grpc: Grpc, port: number, see: See): Promise<void> {
  const client = clientOf(grpc, port);
  await eventsOf(client, { text: 'first' });
  client.close();
  see(
    'a call after close',
    outcomeOf(() => client.makeUnaryRequest(PATHS.unary, encode, decode, {}, () => {})),
  );
  see(
    'a stream after close',
    outcomeOf(() => client.makeServerStreamRequest(PATHS.server, encode, decode, {})),
  );
  see(
    'close twice',
    outcomeOf(() => client.close()),
  );
  see('state after close', client.getChannel().getConnectivityState(false));
  see(
    'watch after close',
    outcomeOf(() => client.getChannel().watchConnectivityState(0, Date.now() + 100, () => {})),
  );
}
