// What the programs about clients have in common: a server of the original, whatever client is under
// test, that does what requests say; a server that answers by hand; and a record of what a call did.
// Not here: what is asked of clients (client-*.ts).

import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Client, Metadata, ServiceError, StatusObject } from '@grpc/grpc-js';
import * as original from '@grpc/grpc-js';
import { errorOf } from './observation.ts';

export type Grpc = typeof original;

/** What a request asks for. */
export interface Order {
  readonly text?: string;
  /** Milliseconds before the answer. */
  readonly wait?: number;
  readonly code?: number;
  readonly details?: string;
  /** Responses of a stream, before its status. */
  readonly count?: number;
  readonly size?: number;
  readonly trailer?: string;
  readonly header?: string;
}

export interface Answer {
  readonly text: string;
  readonly metadata?: unknown;
  readonly path?: string;
  readonly host?: string;
  readonly deadline?: boolean;
}

export const encode = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
// What the other end encoded.
export const decode = (bytes: Buffer): Answer => JSON.parse(bytes.toString()) as Answer;
const decodeOrder = (bytes: Buffer): Order => JSON.parse(bytes.toString()) as Order;

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: encode,
    requestDeserialize: decodeOrder,
    responseSerialize: encode,
    responseDeserialize: decode,
  };
}

export const PATHS = {
  unary: '/test.Orders/Unary',
  server: '/test.Orders/Server',
  client: '/test.Orders/Client',
  bidi: '/test.Orders/Bidi',
  missing: '/test.Orders/Missing',
} as const;

const SERVICE = {
  unary: method(PATHS.unary, false, false),
  server: method(PATHS.server, false, true),
  client: method(PATHS.client, true, false),
  bidi: method(PATHS.bidi, true, true),
};

function trailerOf({ trailer }: Order): Metadata {
  const metadata = new original.Metadata();
  if (trailer !== undefined) {
    metadata.set('x-trailer', trailer);
    metadata.set('x-trailer-bin', Buffer.from(trailer));
  }
  return metadata;
}

function failureOf(order: Order): { code: number; details: string; metadata: Metadata } {
  return { code: order.code ?? 0, details: order.details ?? '', metadata: trailerOf(order) };
}

function tellHeader(call: { sendMetadata(metadata: Metadata): void }, order: Order): void {
  if (order.header === undefined) return;
  const metadata = new original.Metadata();
  metadata.set('x-header', order.header);
  metadata.add('x-header', 'two');
  metadata.set('x-header-bin', Buffer.from(order.header));
  call.sendMetadata(metadata);
}

const IMPLEMENTATION: original.UntypedServiceImplementation = {
  unary(call: original.ServerUnaryCall<Order, Answer>, callback: original.sendUnaryData<Answer>) {
    const order = call.request;
    setTimeout(() => {
      tellHeader(call, order);
      if (order.code !== undefined) callback(failureOf(order), null);
      else {
        const answer = {
          text: order.size === undefined ? `${order.text}` : 'x'.repeat(order.size),
          metadata: visible(call.metadata),
          path: call.getPath(),
          host: call.getHost().replace(/\d+$/, 'PORT'),
          deadline: Number.isFinite(Number(call.getDeadline())),
        };
        callback(null, answer, trailerOf(order));
      }
    }, order.wait ?? 0);
  },
  server(call: original.ServerWritableStream<Order, Answer>) {
    const order = call.request;
    setTimeout(() => {
      tellHeader(call, order);
      for (let i = 0; i < (order.count ?? 2); i += 1) {
        call.write({ text: order.size === undefined ? `${i}` : 'x'.repeat(order.size) });
      }
      if (order.wait === -1) return;
      if (order.code !== undefined) call.emit('error', failureOf(order));
      else call.end(trailerOf(order));
    }, order.wait ?? 0);
  },
  client(
    call: original.ServerReadableStream<Order, Answer>,
    callback: original.sendUnaryData<Answer>,
  ) {
    const texts: string[] = [];
    call.on('data', (order: Order) => {
      texts.push(`${order.text}`);
      if (order.code !== undefined) callback(failureOf(order), null);
    });
    call.on('end', () => callback(null, { text: texts.join() }));
  },
  bidi(call: original.ServerDuplexStream<Order, Answer>) {
    call.on('data', (order: Order) => {
      tellHeader(call, order);
      if (order.code !== undefined) call.emit('error', failureOf(order));
      else call.write({ text: `${order.text}` });
    });
    call.on('end', () => call.end());
  },
};

/** What a program set, of what a server received. */
export function visible(metadata: Metadata): unknown {
  return Object.entries(metadata.toJSON())
    .filter(([key]) => key.startsWith('x-') || key === 'authorization')
    .map(([key, values]) => [key, values.map(String)])
    .sort();
}

/** Starts the server; the process ends it. */
export async function startServer(options: original.ServerOptions = {}): Promise<number> {
  const server = new original.Server(options);
  server.addService(SERVICE, IMPLEMENTATION);
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', original.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** A server whose every stream is answered by `answer`. */
export async function startByHand(
  answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<number> {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, headers);
  });
  server.on('sessionError', () => {});
  return await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** A message as gRPC frames it. */
export function framed(bytes: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A client without TLS. */
export function clientOf(grpc: Grpc, port: number, options: original.ClientOptions = {}): Client {
  return new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
}

/** What a call did, in order. */
export class Log {
  readonly events: unknown[] = [];
  private waiters: (() => void)[] = [];

  add(...event: unknown[]): void {
    this.events.push(event.length === 1 ? event[0] : event);
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** All events that `call` may have. */
  hear(call: NodeJS.EventEmitter): void {
    call.on('metadata', (metadata: Metadata) => this.add('metadata', visible(metadata)));
    call.on('status', (status: StatusObject) => this.add('status', statusOf(status)));
    call.on('error', (error: Error) => this.add('error', plainError(error)));
    for (const name of ['end', 'close', 'finish']) call.on(name, () => this.add(name));
  }

  /** The same with its messages. */
  hearAll(call: NodeJS.EventEmitter): void {
    this.hear(call);
    call.on('data', (answer: Answer) => this.add('data', answer.text.slice(0, 10)));
  }

  callback = (error: ServiceError | null, answer?: Answer): void => {
    this.add('callback', error === null ? null : plainError(error), answer?.text.slice(0, 10));
  };

  /** Until an event whose name is `name`, then until nothing more follows. */
  async until(name: string, settleMs = 30): Promise<unknown[]> {
    const deadline = Date.now() + 8_000;
    const has = (): boolean =>
      this.events.some((event) => event === name || (Array.isArray(event) && event[0] === name));
    while (!has() && Date.now() < deadline) {
      await Promise.race([new Promise<void>((resolve) => this.waiters.push(resolve)), pause(200)]);
    }
    if (!has()) this.events.push(`no ${name}`);
    await pause(settleMs);
    return this.events;
  }
}

/** What does not happen takes its time to be seen, and the original has no clock to be given. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(), ms);
    timer.ref();
  });
}

export function statusOf(status: StatusObject): unknown {
  return [status.code, textOf(status.details), visible(status.metadata)];
}

/** As programs match on it: no ports and no times. */
export function textOf(given: string | undefined): string {
  // The original has statuses without any.
  const details = given ?? 'none';
  return details
    .replace(/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, '$1:PORT')
    .replace(/^((?:\d+ \w+: )?Deadline exceeded)[\s\S]*$/, '$1')
    .replace(/^((?:\d+ \w+: )?No connection established\.)[\s\S]*$/, '$1')
    .replace(/^((?:\d+ \w+: )?Connection dropped)[\s\S]*$/, '$1')
    .replace(/^((?:\d+ \w+: )?Received HTTP status code \d+);[\s\S]*$/, '$1')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
}

export function plainError(error: Error): unknown {
  const plain = errorOf(error) as Record<string, unknown>;
  const { metadata } = error as ServiceError;
  for (const key of ['message', 'details']) {
    const text = plain[key];
    if (typeof text === 'string') plain[key] = textOf(text);
  }
  return { ...plain, metadata: metadata === undefined ? 'none' : visible(metadata) };
}
