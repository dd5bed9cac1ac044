// Compressed messages both ways: what clients put on the wire and what they make of responses, what
// servers make of requests. gRPC compression.md.
// Not here: compressed replies of servers, which the original does not have (test/betterments).

import type { ServerHttp2Stream } from 'node:http2';
import zlib from 'node:zlib';
import type { Client, ClientOptions, InterceptorOptions, NextCall } from '@grpc/grpc-js';
import { Http2Caller } from '../support/http2-caller.ts';
import { listening, unary, within } from '../support/text-server.ts';
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
  textOf,
} from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';
import { type CallEnd, endOf } from './one-call.ts';

type See = (name: string, value: unknown) => void;

const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' };
const GZIP = 2;
const DEFLATE = 1;
/** `WriteFlags.NoCompress`. */
const NO_COMPRESS = 2;
const LONG = 'x'.repeat(2_000);

function brief({ code, text, details }: CallEnd): unknown {
  return details === undefined ? [code, text] : [code, textOf(details)];
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  await Promise.all([seeRequests(grpc, see), seeResponses(grpc, see), seeServers(grpc, see)]);
  return seen;
}

interface Sent {
  readonly encoding: unknown;
  readonly accepted: unknown;
  /** Flag and text of each message. */
  readonly messages: readonly unknown[];
}

/** What a client sent, read with no help of a gRPC library. */
function sentOf(encoding: unknown, accepted: unknown, body: Buffer): Sent {
  const messages: unknown[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = body.readUInt32BE(at + 1);
    const bytes = body.subarray(at + 5, at + 5 + length);
    const flag = body[at];
    const plain =
      flag === 0 ? bytes : encoding === 'gzip' ? zlib.gunzipSync(bytes) : zlib.inflateSync(bytes);
    messages.push([flag, plain.toString().slice(0, 20), bytes.length < plain.length]);
    at += 5 + length;
  }
  return { encoding: encoding ?? 'none', accepted, messages };
}

async function seeRequests(grpc: Grpc, see: See): Promise<void> {
  let sent: Sent | undefined;
  let accepts: string | undefined;
  const port = await startByHand((stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      sent = sentOf(
        headers['grpc-encoding'],
        headers['grpc-accept-encoding'],
        Buffer.concat(chunks),
      );
      const accept = accepts === undefined ? {} : { 'grpc-accept-encoding': accepts };
      stream.respond({ ...HEAD, ...accept }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed(encode({ text: 'a' })));
    });
  });
  const options: readonly [name: string, options: ClientOptions][] = [
    ['nothing asked for', {}],
    ['identity', { 'grpc.default_compression_algorithm': 0 }],
    ['deflate', { 'grpc.default_compression_algorithm': DEFLATE }],
    ['gzip', { 'grpc.default_compression_algorithm': GZIP }],
    // A number that stands for none, as programs without types may give it.
    ['3', { 'grpc.default_compression_algorithm': 3 } as unknown as ClientOptions],
    ['text', { 'grpc.default_compression_algorithm': 'gzip' } as unknown as ClientOptions],
    ['null', { 'grpc.default_compression_algorithm': null } as unknown as ClientOptions],
  ];
  for (const [name, given] of options) {
    const client = clientOf(grpc, port, given);
    see(`sent, ${name}: a long message`, [brief(await endOf(client, { text: LONG })), sent]);
    see(`sent, ${name}: a short message`, [brief(await endOf(client, { text: 'a' })), sent]);
    client.close();
  }
  const client = clientOf(grpc, port, { 'grpc.default_compression_algorithm': GZIP });
  const log = new Log();
  const call = client.makeClientStreamRequest<Order, Answer>(
    PATHS.client,
    encode,
    decode,
    log.callback,
  );
  log.hear(call);
  const write = call.write.bind(call) as (...args: unknown[]) => unknown;
  call.write({ text: LONG });
  see(
    'sent, a stream: flags as a number',
    outcomeOf(() => typeof write({ text: LONG }, NO_COMPRESS)),
  );
  see(
    'sent, a stream: an encoding of text',
    outcomeOf(() => typeof write({ text: LONG }, 'utf8')),
  );
  call.end({ text: 'last' });
  await log.until('status');
  see('sent, a stream: all', sent);

  // What interceptors may say of a message.
  for (const flags of [undefined, 0, 1, NO_COMPRESS, 3, 4]) {
    const flagged = (given: InterceptorOptions, next: NextCall) => {
      const inner = next(given);
      const send = inner.sendMessageWithContext.bind(inner);
      inner.sendMessageWithContext = (context, message) =>
        send(flags === undefined ? context : { ...context, flags }, message);
      return new grpc.InterceptingCall(inner);
    };
    const interceptors = [flagged];
    const end = await endOf(client, { text: LONG }, { interceptors });
    see(`sent with flags ${flags}`, [brief(end), sent?.messages]);
  }
  for (const list of ['identity', 'identity,deflate', 'identity,gzip', 'gzip', 'snappy']) {
    accepts = list;
    const told = clientOf(grpc, port, {
      'grpc.default_compression_algorithm': GZIP,
      'grpc.use_local_subchannel_pool': 1,
    });
    const each: unknown[] = [];
    for (let i = 0; i < 2; i += 1) {
      await endOf(told, { text: LONG });
      each.push(sent?.encoding);
    }
    see(`sent to a server that accepts "${list}"`, each);
    told.close();
  }
  accepts = undefined;
  client.close();
}

interface Given {
  readonly encoding: string | undefined;
  /** Flags and bytes of messages. */
  readonly messages: readonly (readonly [flag: number, bytes: Buffer])[];
}

const JSON_A = encode({ text: 'a' });
const JSON_LONG = encode({ text: LONG });

const RESPONSES: Record<string, Given> = {
  gzip: { encoding: 'gzip', messages: [[1, zlib.gzipSync(JSON_LONG)]] },
  deflate: { encoding: 'deflate', messages: [[1, zlib.deflateSync(JSON_LONG)]] },
  'deflate without its header': {
    encoding: 'deflate',
    messages: [[1, zlib.deflateRawSync(JSON_LONG)]],
  },
  'gzip, and not compressed': { encoding: 'gzip', messages: [[0, JSON_A]] },
  'identity, and compressed': { encoding: 'identity', messages: [[1, JSON_A]] },
  'gzip, mixed': {
    encoding: 'gzip',
    messages: [
      [1, zlib.gzipSync(JSON_A)],
      [0, JSON_A],
      [1, zlib.gzipSync(JSON_LONG)],
    ],
  },
  'an unknown encoding, and not compressed': { encoding: 'br', messages: [[0, JSON_A]] },
  'an unknown encoding': { encoding: 'br', messages: [[1, zlib.brotliCompressSync(JSON_A)]] },
  'gzip cut short': { encoding: 'gzip', messages: [[1, zlib.gzipSync(JSON_LONG).subarray(0, 25)]] },
  'gzip of nothing': { encoding: 'gzip', messages: [[1, Buffer.alloc(0)]] },
  'gzip twice in one message': {
    encoding: 'gzip',
    messages: [
      [
        1,
        Buffer.concat([zlib.gzipSync(Buffer.from('{"text":')), zlib.gzipSync(Buffer.from('"b"}'))]),
      ],
    ],
  },
  'gzip with bytes behind it': {
    encoding: 'gzip',
    messages: [[1, Buffer.concat([zlib.gzipSync(JSON_A), Buffer.from('more')])]],
  },
  'deflated damage': { encoding: 'deflate', messages: [[1, Buffer.from('no deflate')]] },
  'a flag of 2': { encoding: 'gzip', messages: [[2, JSON_A]] },
  'an encoding in capitals': { encoding: 'GZIP', messages: [[1, zlib.gzipSync(JSON_A)]] },
};

async function seeResponses(grpc: Grpc, see: See): Promise<void> {
  let given: Given = { encoding: undefined, messages: [] };
  const port = await startByHand((stream: ServerHttp2Stream) => {
    stream.resume();
    const encoding = given.encoding === undefined ? {} : { 'grpc-encoding': given.encoding };
    stream.respond({ ...HEAD, ...encoding }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat(given.messages.map(([flag, bytes]) => framed(bytes, flag))));
  });
  const client = clientOf(grpc, port);
  for (const [name, response] of Object.entries(RESPONSES)) {
    given = response;
    if (response.messages.length === 1) {
      const end = await endOf(client, {}, { deadline: Date.now() + 2_000 });
      see(`received, unary: ${name}`, brief(end));
    }
    see(`received, stream: ${name}`, await streamed(client));
  }
  const small = clientOf(grpc, port, { 'grpc.max_receive_message_length': 100 });
  given = { encoding: 'gzip', messages: [[1, zlib.gzipSync(JSON_LONG)]] };
  see('received: large once decompressed', brief(await endOf(small, {})));
  see('received, stream: large once decompressed', await streamed(small));
  small.close();
  client.close();
}

async function streamed(client: Client): Promise<unknown> {
  const log = new Log();
  log.hearAll(
    client.makeServerStreamRequest<Order, Answer>(
      PATHS.server,
      encode,
      decode,
      {},
      { deadline: Date.now() + 2_000 },
    ),
  );
  const events = await log.until('status');
  return events
    .filter((event) => Array.isArray(event) && event[0] !== 'metadata' && event[0] !== 'error')
    .map((event) =>
      JSON.stringify(event) === '["status",[0,"OK",[]]]' ? ['status', [0, '', []]] : event,
    );
}

const REQUESTS: Record<string, Given> = {
  gzip: { encoding: 'gzip', messages: [[1, zlib.gzipSync(LONG)]] },
  deflate: { encoding: 'deflate', messages: [[1, zlib.deflateSync(LONG)]] },
  'gzip, and not compressed': { encoding: 'gzip', messages: [[0, Buffer.from('a')]] },
  'identity, and compressed': { encoding: 'identity', messages: [[1, Buffer.from('a')]] },
  'no name, and compressed': { encoding: undefined, messages: [[1, Buffer.from('a')]] },
  'an unknown encoding': { encoding: 'br', messages: [[1, zlib.brotliCompressSync('a')]] },
  'an unknown encoding, and not compressed': { encoding: 'br', messages: [[0, Buffer.from('a')]] },
  damaged: { encoding: 'gzip', messages: [[1, Buffer.from('no gzip')]] },
  'damaged deflate': { encoding: 'deflate', messages: [[1, Buffer.from('no deflate')]] },
  'cut short': { encoding: 'gzip', messages: [[1, zlib.gzipSync(LONG).subarray(0, 15)]] },
  'large once decompressed': {
    encoding: 'gzip',
    messages: [[1, zlib.gzipSync('x'.repeat(9_000))]],
  },
  'large before': { encoding: 'gzip', messages: [[1, Buffer.alloc(9_000)]] },
};

async function seeServers(grpc: Grpc, see: See): Promise<void> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 4_000 });
  unary(server, '/test.Zip/Echo', (call, callback) => callback(null, call.request.slice(0, 10)));
  const caller = Http2Caller.to(await listening(grpc, server));
  for (const [name, { encoding, messages }] of Object.entries(REQUESTS)) {
    const headers = encoding === undefined ? {} : { 'grpc-encoding': encoding };
    const call = caller.open('/test.Zip/Echo', headers);
    call.stream.end(Buffer.concat(messages.map(([flag, bytes]) => framed(bytes, flag))));
    const reply = await within(call.reply);
    if (typeof reply === 'string') {
      see(`served: ${name}`, reply);
      continue;
    }
    const last = reply.trailers ?? reply.head;
    see(`served: ${name}`, {
      status: last['grpc-status'],
      details: decodeURIComponent(String(last['grpc-message'] ?? '')).replace(/^OK$/, ''),
      messages: reply.messages,
    });
    if (name !== 'gzip' && name !== 'an unknown encoding') continue;
    see(`what the server says of encodings: ${name}`, [
      reply.head['grpc-encoding'] ?? 'none',
      reply.head['grpc-accept-encoding'] ?? 'none',
    ]);
  }
  caller.close();
  server.forceShutdown();
}
