// Limits of messages, metadata and streams, by the options of channels and by what peers set and do;
// and responses at the edge of the protocol.
// Not here: resets, HTTP statuses and limits of unary calls (client-errors.ts), those of servers
// (server-calls.ts, server-options.ts).

import type { IncomingHttpHeaders, ServerHttp2Stream, Settings } from 'node:http2';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
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
  startByHand,
  startServer,
  textOf,
} from './client-peer.ts';
import type { Observation } from './observation.ts';
import { type CallEnd, endOf, eventsOf } from './one-call.ts';

type See = (name: string, value: unknown) => void;
type ByHand = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' };
const MESSAGE = framed(encode({ text: 'a' }));

function brief({ code, text, details }: CallEnd): unknown {
  return details === undefined ? [code, text] : [code, textOf(details)];
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  const port = await startServer();
  await Promise.all([
    seeStreamedLengths(grpc, port, see),
    seeOptionValues(grpc, port, see),
    seeMetadata(grpc, see),
    seeStreams(grpc, see),
    seeRefusals(grpc, see),
    seeResponses(grpc, see),
  ]);
  return seen;
}

async function seeStreamedLengths(grpc: Grpc, port: number, see: See): Promise<void> {
  const small = clientOf(grpc, port, {
    'grpc.max_send_message_length': 40,
    'grpc.max_receive_message_length': 40,
  });
  const long = 'x'.repeat(100);
  const up = new Log();
  const writer = small.makeClientStreamRequest<Order, Answer>(
    PATHS.client,
    encode,
    decode,
    up.callback,
  );
  up.hear(writer);
  writer.write({ text: 'a' });
  writer.write({ text: long });
  see('client stream: the second is too long to be sent', await up.until('status'));

  const both = new Log();
  const duplex = small.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode);
  both.hearAll(duplex);
  duplex.write({ text: 'a' });
  await both.until('data');
  duplex.write({ text: long });
  see('both ways: the second is too long to be sent', await both.until('status'));

  const down = new Log();
  down.hearAll(
    small.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {
      count: 2,
      size: 100,
    }),
  );
  see('server stream: too long to be received', await down.until('status'));
  see('another call of that client', brief(await endOf(small, { text: 'a' })));
  small.close();

  const limited = await startServer({
    'grpc.max_receive_message_length': 60,
    'grpc.max_send_message_length': 60,
  });
  const client = clientOf(grpc, limited);
  see('a server that takes less, unary', (await endOf(client, { text: long })).code);
  const stream = new Log();
  const call = client.makeClientStreamRequest<Order, Answer>(
    PATHS.client,
    encode,
    decode,
    stream.callback,
  );
  stream.hear(call);
  call.write({ text: 'a' });
  call.write({ text: long });
  see('a server that takes less, client stream', await stream.until('status'));
  see('a server that sends less, unary', brief(await endOf(client, { size: 100 })));
  client.close();
}

const LENGTHS: readonly [name: string, value: unknown][] = [
  ['0', 0],
  ['11', 11],
  ['12', 12],
  ['-1', -1],
  ['-2', -2],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['text', '11'],
  ['null', null],
  ['undefined', undefined],
];

async function seeOptionValues(grpc: Grpc, port: number, see: See): Promise<void> {
  for (const name of ['grpc.max_send_message_length', 'grpc.max_receive_message_length']) {
    for (const [told, value] of LENGTHS) {
      // Whatever programs without types may give.
      const client = clientOf(grpc, port, { [name]: value } as ClientOptions);
      see(`${name} of ${told}`, brief(await endOf(client, { text: 'a' })));
      client.close();
    }
  }
  const accepted: ClientOptions = {
    'grpc-node.max_session_memory': 5,
    'grpc.max_metadata_size': 100,
    'grpc.max_concurrent_streams': 1,
    'grpc.http2.max_frame_size': 20_000,
    'grpc.http2.lookahead_bytes': 0,
    'grpc.ssl_session_cache': 1,
    'grpc.testing.fixed_reconnect_backoff_ms': 1,
    'grpc-node.flow_control_window': 65_535,
  };
  for (const [name, value] of Object.entries(accepted)) {
    const client = clientOf(grpc, port, { [name]: value });
    see(`accepted: ${name}`, brief(await endOf(client, { text: 'a' })));
    client.close();
  }
}

function ok(stream: ServerHttp2Stream, head = {}, trailers = {}): void {
  stream.respond({ ...HEAD, ...head }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }));
  stream.end(MESSAGE);
}

async function seeMetadata(grpc: Grpc, see: See): Promise<void> {
  let answer: ByHand = (stream) => ok(stream);
  let arrived = 0;
  const port = await startByHand((stream, headers) => {
    arrived = String(headers['x-large'] ?? '').length;
    stream.resume();
    answer(stream, headers);
  });
  const client = clientOf(grpc, port);
  for (const size of [1_000, 8_000, 14_000, 16_000, 20_000, 40_000, 60_000]) {
    const metadata = new grpc.Metadata();
    metadata.set('x-large', 'x'.repeat(size));
    const end = await endOf(client, { text: 'a' }, { deadline: Date.now() + 3_000 }, metadata);
    see(`${size} bytes of metadata sent`, [brief(end), arrived]);
  }
  for (const size of [1_000, 8_000, 14_000, 20_000, 40_000, 60_000]) {
    answer = (stream) => ok(stream, { 'x-large': 'x'.repeat(size) });
    see(`${size} bytes of headers received`, (await endOf(client, { text: 'a' })).code);
    answer = (stream) => ok(stream, {}, { 'x-large': 'x'.repeat(size) });
    see(`${size} bytes of trailers received`, (await endOf(client, { text: 'a' })).code);
  }
  answer = (stream) =>
    stream.respond(
      { ...HEAD, 'grpc-status': '9', 'grpc-message': 'x'.repeat(5_000) },
      { endStream: true },
    );
  const { code, details } = await endOf(client, { text: 'a' });
  see('5,000 bytes of details received', [code, details?.length]);
  const many = new grpc.Metadata();
  for (let i = 0; i < 200; i += 1) many.set(`x-key-${i}`, `${i}`);
  answer = (stream, headers) => {
    arrived = Object.keys(headers).filter((name) => name.startsWith('x-key-')).length;
    ok(stream);
  };
  see('200 fields of metadata sent', [brief(await endOf(client, {}, {}, many)), arrived]);
  client.close();
}

/** A server whose settings are given, and which notes how many streams are open at once. */
async function settled(
  settings: Settings,
  answer: (stream: ServerHttp2Stream) => void,
): Promise<{
  readonly port: number;
  readonly most: () => number;
  readonly sessions: () => number;
}> {
  let open = 0;
  let most = 0;
  let sessions = 0;
  const server = http2.createServer({ settings });
  server.on('sessionError', () => {});
  server.on('session', () => {
    sessions += 1;
  });
  server.on('stream', (stream) => {
    open += 1;
    most = Math.max(most, open);
    stream.on('error', () => {});
    stream.on('close', () => {
      open -= 1;
    });
    stream.resume();
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return { port, most: () => most, sessions: () => sessions };
}

async function seeStreams(grpc: Grpc, see: See): Promise<void> {
  for (const maxConcurrentStreams of [1, 3]) {
    const peer = await settled({ maxConcurrentStreams }, (stream) => {
      setTimeout(() => ok(stream), 10);
    });
    const client = clientOf(grpc, peer.port);
    await endOf(client, { text: 'a' });
    const ends = await Promise.all(
      Array.from({ length: 12 }, () =>
        endOf(client, { text: 'a' }, { deadline: Date.now() + 5_000 }),
      ),
    );
    see(`12 calls, ${maxConcurrentStreams} at once`, [
      [...new Set(ends.map(({ code }) => code))],
      peer.most(),
      peer.sessions(),
    ]);
    client.close();
  }
  const held = await settled({ maxConcurrentStreams: 1 }, () => {});
  const client = clientOf(grpc, held.port);
  const deadline = Date.now() + 600;
  const [first, second] = await Promise.all([
    endOf(client, { text: 'a' }, { deadline }),
    endOf(client, { text: 'a' }, { deadline }),
  ]);
  see('a call that waits for another one', [brief(first), brief(second), held.most()]);
  client.close();
  const window = await settled({ initialWindowSize: 100 }, (stream) => ok(stream));
  const slow = clientOf(grpc, window.port);
  see('a peer with a window of 100 bytes', brief(await endOf(slow, { text: 'x'.repeat(5_000) })));
  slow.close();
  const tabled = await settled({ headerTableSize: 0 }, (stream) => ok(stream));
  const plain = clientOf(grpc, tabled.port);
  see('a peer without a table of fields', [
    brief(await endOf(plain, { text: 'a' })),
    brief(await endOf(plain, { text: 'a' })),
  ]);
  plain.close();
}

async function seeRefusals(grpc: Grpc, see: See): Promise<void> {
  let attempts = 0;
  let refusals = 0;
  let answer: ByHand = (stream) => ok(stream);
  const port = await startByHand((stream, headers) => {
    attempts += 1;
    stream.resume();
    if (attempts <= refusals) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    else answer(stream, headers);
  });
  const run = async (name: string, times: number, options: ClientOptions = {}): Promise<void> => {
    attempts = 0;
    refusals = times;
    const client = clientOf(grpc, port, options);
    const end = await endOf(client, { text: 'a' }, { deadline: Date.now() + 3_000 });
    see(`refused: ${name}`, [brief(end), attempts]);
    client.close();
  };
  await run('once', 1);
  await run('twice', 2);
  await run('five times', 5);
  await run('once, without retries', 1, { 'grpc.enable_retries': 0 });
  await run('twice, without retries', 2, { 'grpc.enable_retries': 0 });
  answer = (stream) => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  await run('told to calm down', 0);
  answer = (stream) => {
    stream.respond(HEAD);
    stream.write(MESSAGE);
    setTimeout(() => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM), 20);
  };
  await run('told to calm down behind a message', 0);
  answer = (stream) => {
    stream.respond(HEAD);
    stream.write(MESSAGE);
    setTimeout(() => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM), 20);
  };
  await run('refused behind a message', 0);
  answer = (stream) => {
    ok(stream);
    setTimeout(() => stream.close(http2.constants.NGHTTP2_NO_ERROR), 5);
  };
  await run('reset behind the status', 0);
}

const RESPONSES: Record<string, ByHand> = {
  'content-type application/grpc': (stream) => ok(stream, { 'content-type': 'application/grpc' }),
  'content-type application/grpc;charset=utf-8': (stream) =>
    ok(stream, { 'content-type': 'application/grpc;charset=utf-8' }),
  'content-type application/grpc+json': (stream) =>
    ok(stream, { 'content-type': 'application/grpc+json' }),
  'content-type application/grpc-web': (stream) =>
    ok(stream, { 'content-type': 'application/grpc-web' }),
  'content-type text/html': (stream) => ok(stream, { 'content-type': 'text/html' }),
  'content-type application/json': (stream) => ok(stream, { 'content-type': 'application/json' }),
  'no content-type': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(MESSAGE);
  },
  'HTTP 503 with grpc-status 9': (stream) =>
    stream.respond(
      { ...HEAD, ':status': 503, 'grpc-status': '9', 'grpc-message': 'precise' },
      { endStream: true },
    ),
  'HTTP 404 with grpc-status 0': (stream) =>
    stream.respond({ ...HEAD, ':status': 404, 'grpc-status': '0' }, { endStream: true }),
  'HTTP 503 as gRPC, without status': (stream) =>
    stream.respond({ ...HEAD, ':status': 503 }, { endStream: true }),
  'HTTP 100 first': (stream) => {
    stream.additionalHeaders({ ':status': 100 });
    ok(stream);
  },
  'HTTP 103 first': (stream) => {
    stream.additionalHeaders({ ':status': 103, 'x-early': 'hint' });
    ok(stream);
  },
  'grpc-status 17': (stream) => ok(stream, {}, { 'grpc-status': '17', 'grpc-message': 'new' }),
  'grpc-status 100': (stream) => ok(stream, {}, { 'grpc-status': '100' }),
  'grpc-status -1': (stream) => ok(stream, {}, { 'grpc-status': '-1' }),
  'grpc-status 00': (stream) => ok(stream, {}, { 'grpc-status': '00' }),
  'grpc-status 5 without a message': (stream) => ok(stream, {}, { 'grpc-status': '5' }),
  'an empty grpc-message': (stream) => ok(stream, {}, { 'grpc-status': '5', 'grpc-message': '' }),
  'grpc-message with half an escape': (stream) =>
    ok(stream, {}, { 'grpc-status': '5', 'grpc-message': '100% of %4' }),
  'grpc-message that is no UTF-8': (stream) =>
    ok(stream, {}, { 'grpc-status': '5', 'grpc-message': '%ff%fe' }),
  'grpc-message with OK': (stream) => ok(stream, {}, { 'grpc-message': 'all%20well' }),
  'grpc-status in the headers too': (stream) => ok(stream, { 'grpc-status': '5' }),
  'a length far above what follows': (stream) => {
    stream.respond(HEAD);
    stream.end(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1]));
  },
  'an empty message': (stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(framed(Buffer.alloc(0)));
  },
  'a message byte by byte': (stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    for (const byte of MESSAGE) stream.write(Buffer.from([byte]));
    stream.end();
  },
  'the status before the request has ended': (stream) =>
    stream.respond({ ...HEAD, 'grpc-status': '8', 'grpc-message': 'full' }, { endStream: true }),
};

async function seeResponses(grpc: Grpc, see: See): Promise<void> {
  let answer: ByHand = (stream) => ok(stream);
  const port = await startByHand((stream, headers) => {
    stream.resume();
    answer(stream, headers);
  });
  const client: Client = clientOf(grpc, port);
  for (const [name, given] of Object.entries(RESPONSES)) {
    answer = given;
    const deadline = Date.now() + 3_000;
    const events = await eventsOf(client, { text: 'a' }, { deadline });
    see(`response, unary: ${name}`, plain(events));
    const log = new Log();
    const call = client.makeServerStreamRequest<Order, Answer>(
      PATHS.server,
      encode,
      (bytes) => (bytes.length === 0 ? { text: 'nothing' } : decode(bytes)),
      {},
      { deadline },
    );
    log.hearAll(call);
    see(`response, stream: ${name}`, plain(await log.until('status')));
  }
  client.close();
}

/**
 * Without the headers of what is no gRPC, which client-errors.ts looks at, and without the word for a
 * good end.
 */
function plain(events: readonly unknown[]): unknown[] {
  return events
    .filter((event) => !(Array.isArray(event) && event[0] === 'metadata'))
    .map((event) => {
      const [name, status] = Array.isArray(event) ? event : [];
      return name === 'status' && status[0] === 0 && status[1] === 'OK'
        ? ['status', [0, '', []]]
        : event;
    });
}
