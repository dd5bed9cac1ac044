// Sluice as a peer.

import type { RuntimeStats, ServerContext } from '#sluice/index.js';
import {
  type CallOptions,
  connect,
  createServer,
  Metadata,
  Status,
  StatusError,
} from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import {
  echoed,
  FAILURE,
  type Fields,
  type OpenCall,
  type Outcome,
  type Peer,
  type PeerCallOptions,
  type PeerClient,
  type PeerServer,
  paths,
  type Security,
  Tally,
} from './peer.js';

export const sluicePeer: Peer = { name: 'sluice', serve, connect: connectClient };

function fieldsOf(metadata: Metadata): Fields {
  const fields: Fields = [];
  for (const [key, value] of metadata) {
    fields.push([key, typeof value === 'string' ? value : Buffer.from(value)]);
  }
  return fields;
}

function echo(context: ServerContext): void {
  const fields = fieldsOf(context.metadata);
  context.sendHeader(new Metadata(echoed('h-', fields)));
  for (const [key, value] of echoed('t-', fields)) context.trailer.append(key, value);
}

function unfinished({ waitingCalls, limits, connections }: RuntimeStats): number {
  const streams = connections.reduce((sum, connection) => sum + connection.streams.open, 0);
  const calls = limits['open-calls']?.depth ?? 0;
  return waitingCalls + streams + calls + (limits.handlers?.depth ?? 0);
}

async function serve(security: Security): Promise<PeerServer> {
  const hanging = new Tally();
  const cancelled = new Tally();
  const givingUp: ((error: Error) => void)[] = [];
  const server = createServer(
    security === 'tls' ? { tls: { cert: SERVER_CERTIFICATE, key: SERVER_KEY } } : {},
  );
  server.unary(paths.unary, (request, context) => {
    echo(context);
    return request;
  });
  server.serverStreaming(paths.serverStreaming, async function* (request, context) {
    echo(context);
    const count = Number(request.toString());
    for (let i = 0; i < count; i += 1) yield Buffer.from(`reply ${i}`);
  });
  server.clientStreaming(paths.clientStreaming, async (requests, context) => {
    echo(context);
    let messages = 0;
    let bytes = 0;
    for await (const request of requests) {
      messages += 1;
      bytes += request.length;
    }
    return Buffer.from(`${messages} ${bytes}`);
  });
  server.bidiStreaming(paths.bidiStreaming, async function* (requests, context) {
    echo(context);
    yield* requests;
  });
  server.unary(paths.fail, () => {
    const metadata = new Metadata([['x-reason', 'because']]);
    throw new StatusError(FAILURE.code, FAILURE.details, { metadata });
  });
  server.serverStreaming(paths.failLate, async function* () {
    yield Buffer.from('one');
    yield Buffer.from('two');
    throw new StatusError(Status.ABORTED, 'after two');
  });
  server.unary(paths.hang, (_request, context) => {
    context.sendHeader();
    hanging.add();
    return new Promise((_resolve, reject) => {
      givingUp.push(reject);
      context.signal.addEventListener('abort', () => {
        cancelled.add();
        reject(context.signal.reason);
      });
    });
  });
  const { port } = await server.listen({ host: '127.0.0.1' });
  return {
    port,
    hanging: (count) => hanging.reaches(count),
    cancelled: (count) => cancelled.reaches(count),
    giveUp: () => {
      const error = new StatusError(Status.CANCELLED, 'the server gave up');
      for (const reject of givingUp.splice(0)) reject(error);
    },
    leftOpen: () => unfinished(server.stats()),
    close: () => server.close(),
  };
}

function connectClient(port: number, security: Security): PeerClient {
  const channel = connect(
    `localhost:${port}`,
    security === 'tls' ? { tls: { ca: CA_CERTIFICATE } } : {},
  );
  return {
    start: (kind, path, requests, options = {}) => {
      const call = observed(options);
      if (kind === 'unary' || kind === 'serverStreaming') {
        const [request] = requests as Iterable<Buffer>;
        if (request === undefined) throw new TypeError('this kind has one request');
        return kind === 'unary'
          ? call.unary(channel.unary(path, request, call.options))
          : call.streaming(channel.serverStreaming(path, request, call.options));
      }
      return kind === 'clientStreaming'
        ? call.unary(channel.clientStreaming(path, requests, call.options))
        : call.streaming(channel.bidiStreaming(path, requests, call.options));
    },
    leftOpen: () => unfinished(channel.stats()),
    close: () => channel.close(),
  };
}

interface Observed {
  readonly options: CallOptions;
  unary(answer: Promise<Buffer>): OpenCall;
  streaming(answers: AsyncIterable<Buffer>): OpenCall;
}

function observed({ metadata, timeoutMs }: PeerCallOptions): Observed {
  const controller = new AbortController();
  let header: Fields = [];
  let trailer: Fields = [];
  let onStarted = (): void => {};
  const started = new Promise<void>((resolve) => {
    onStarted = resolve;
  });
  const messages: Buffer[] = [];
  const outcome = (code: number, details: string): Outcome => ({
    messages,
    code,
    details,
    header,
    trailer,
  });
  const open = (done: Promise<void>): OpenCall => ({
    started,
    cancel: () => controller.abort(),
    outcome: done.then(
      () => outcome(Status.OK, ''),
      (error: unknown) => {
        if (error instanceof StatusError) return outcome(error.code, error.details);
        throw error;
      },
    ),
  });
  return {
    options: {
      timeoutMs,
      metadata: metadata === undefined ? undefined : new Metadata(metadata),
      signal: controller.signal,
      onHeader: (received) => {
        header = fieldsOf(received);
        onStarted();
      },
      onTrailer: (received) => {
        trailer = fieldsOf(received);
      },
    },
    unary: (answer) =>
      open(
        answer.then((message) => {
          messages.push(message);
        }),
      ),
    streaming: (answers) => open(collect(answers, messages)),
  };
}

async function collect(answers: AsyncIterable<Buffer>, messages: Buffer[]): Promise<void> {
  for await (const message of answers) messages.push(message);
}
