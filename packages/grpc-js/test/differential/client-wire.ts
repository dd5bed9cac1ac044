// What a client puts on the wire, as a server that speaks plain HTTP/2 sees it, and what it makes of
// the metadata of responses.

import type { IncomingHttpHeaders } from 'node:http2';
import type { ClientOptions, Metadata, StatusObject } from '@grpc/grpc-js';
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
} from './client-peer.ts';
import type { Observation } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  let arrived: IncomingHttpHeaders = {};
  let body = Buffer.alloc(0);
  const port = await startByHand((stream, headers) => {
    arrived = headers;
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      body = Buffer.concat(chunks);
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc+proto',
          'x-one': 'a',
          'x-two': ['b', 'c'],
          'x-bin': Buffer.from('bytes').toString('base64'),
          'grpc-accept-encoding': 'identity,gzip',
        },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () =>
        stream.sendTrailers({
          'grpc-status': '0',
          'grpc-message': 'fine%20%E2%9C%93',
          'x-three': 'd',
          'grpc-status-details-bin': Buffer.from('details').toString('base64'),
        }),
      );
      stream.end(framed(encode({ text: 'a' })));
    });
  });
  const send = async (
    options: ClientOptions,
    metadata: Metadata,
    callOptions: object,
  ): Promise<void> => {
    const client = clientOf(grpc, port, options);
    const log = new Log();
    const call = client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      { text: 'a' },
      metadata,
      callOptions,
      log.callback,
    );
    log.hear(call);
    await log.until('status', 0);
    client.close();
  };
  const header = (name: string): unknown =>
    String(arrived[name] ?? 'none').replace(`127.0.0.1:${port}`, 'TARGET');

  await send({}, new grpc.Metadata(), {});
  for (const name of [
    ':method',
    ':path',
    ':scheme',
    ':authority',
    'te',
    'content-type',
    'grpc-timeout',
    'grpc-accept-encoding',
    'grpc-encoding',
  ]) {
    seen.push({ name: `plain call: ${name}`, value: header(name) });
  }
  seen.push({ name: 'plain call: user agent', value: String(header('user-agent')).split(' ')[0] });
  seen.push({ name: 'plain call: message', value: body.toString('hex') });
  seen.push({ name: 'plain call: accept-encoding', value: header('accept-encoding') });
  seen.push({ name: 'plain call: other headers', value: othersOf(arrived) });

  await send(
    { 'grpc.primary_user_agent': 'first/1', 'grpc.secondary_user_agent': 'last/2' },
    new grpc.Metadata(),
    {},
  );
  const agent = String(header('user-agent'));
  seen.push({
    name: 'user agents',
    value: [agent.startsWith('first/1 grpc-node-js/'), agent.includes(' last/2')],
  });

  await send({ 'grpc.default_authority': 'tenant.example' }, new grpc.Metadata(), {});
  seen.push({ name: 'default authority', value: header(':authority') });
  await send({}, new grpc.Metadata(), { host: 'host.example:7' });
  seen.push({ name: 'host of a call', value: header(':authority') });
  await send({ 'grpc.default_authority': 'tenant.example' }, new grpc.Metadata(), { host: 'h' });
  seen.push({ name: 'host of a call and default authority', value: header(':authority') });
  await send({ 'grpc.ssl_target_name_override': 'ssl.example' }, new grpc.Metadata(), {});
  seen.push({ name: 'ssl target name without TLS', value: header(':authority') });

  await send({}, new grpc.Metadata(), { deadline: Date.now() + 30_000 });
  seen.push({ name: 'timeout', value: /^\d+[mnuSMH]$/.test(String(header('grpc-timeout'))) });
  const timeout = String(header('grpc-timeout'));
  seen.push({ name: 'timeout: unit', value: timeout.slice(-1) });
  await send({}, new grpc.Metadata(), { deadline: Number.POSITIVE_INFINITY });
  seen.push({ name: 'timeout of a call without', value: header('grpc-timeout') });

  const metadata = new grpc.Metadata();
  metadata.set('x-text', 'value');
  metadata.add('x-many', '1');
  metadata.add('x-many', '2');
  metadata.set('x-bytes-bin', Buffer.from([0, 255, 1]));
  metadata.set('x-empty', '');
  metadata.set('authorization', 'Bearer x');
  await send({}, metadata, {});
  seen.push({ name: 'metadata sent', value: othersOf(arrived) });

  await send({ 'grpc.default_compression_algorithm': 2 }, new grpc.Metadata(), {});
  seen.push({ name: 'gzip', value: [header('grpc-encoding'), body[0]] });
  await send({ 'grpc.default_compression_algorithm': 1 }, new grpc.Metadata(), {});
  seen.push({ name: 'deflate', value: [header('grpc-encoding'), body[0]] });

  const credentials = grpc.credentials.createFromMetadataGenerator((params, callback) => {
    const made = new grpc.Metadata();
    made.set('authorization', 'made');
    made.set('x-url', params.service_url.replace(`:${port}`, ':PORT'));
    made.set('x-method', params.method_name);
    callback(null, made);
  });
  await send({}, new grpc.Metadata(), { credentials });
  seen.push({ name: 'credentials of a call without TLS', value: othersOf(arrived) });
  arrived = {};
  const failing = grpc.credentials.createFromMetadataGenerator((_params, callback) =>
    callback(new Error('no token')),
  );
  const client = clientOf(grpc, port);
  const failed = new Log();
  failed.hear(
    client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      {},
      { credentials: failing },
      failed.callback,
    ),
  );
  seen.push({ name: 'credentials that fail without TLS', value: await failed.until('status') });

  seen.push({ name: 'metadata received', value: await received(grpc, port) });
  return seen;
}

const UNTOLD = ['user-agent', 'grpc-timeout', 'accept-encoding'];

function othersOf(headers: IncomingHttpHeaders): unknown {
  return Object.entries(headers)
    .filter(([name]) => !name.startsWith(':') && !UNTOLD.includes(name))
    .sort();
}

async function received(grpc: Grpc, port: number): Promise<unknown> {
  const client = clientOf(grpc, port);
  return await new Promise((resolve) => {
    let header: unknown;
    const call = client.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, {}, () => {});
    call.on('metadata', (metadata: Metadata) => {
      header = Object.entries(metadata.toJSON())
        .filter(([key]) => key !== 'date')
        .map(([key, values]) => [key, values.map(String)])
        .sort();
    });
    call.on('status', (status: StatusObject) => {
      const trailer = Object.entries(status.metadata.toJSON()).map(([key, values]) => [
        key,
        values.map(String),
      ]);
      resolve({ header, trailer, code: status.code, details: status.details });
    });
  });
}
