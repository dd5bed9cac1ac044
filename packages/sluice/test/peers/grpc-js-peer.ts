// @grpc/grpc-js as a peer, over byte messages.

import grpc from '@grpc/grpc-js';
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

export const grpcJsPeer: Peer = { name: 'grpc-js', serve, connect: connectClient };

const same = (bytes: Buffer): Buffer => bytes;

function fieldsOf(metadata: grpc.Metadata): Fields {
  const fields: Fields = [];
  for (const key of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(key)) fields.push([key, value]);
  }
  return fields;
}

function metadataOf(fields: Fields): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of fields) metadata.add(key, value);
  return metadata;
}

interface EchoingCall {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
}

// Sends the headers, answers the trailers.
function echo(call: EchoingCall): grpc.Metadata {
  const fields = fieldsOf(call.metadata);
  call.sendMetadata(metadataOf(echoed('h-', fields)));
  return metadataOf(echoed('t-', fields));
}

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

const service = {
  unary: method(paths.unary, false, false),
  serverStreaming: method(paths.serverStreaming, false, true),
  clientStreaming: method(paths.clientStreaming, true, false),
  bidiStreaming: method(paths.bidiStreaming, true, true),
  fail: method(paths.fail, false, false),
  failLate: method(paths.failLate, false, true),
  hang: method(paths.hang, false, false),
};

async function serve(security: Security): Promise<PeerServer> {
  const hanging = new Tally();
  const cancelled = new Tally();
  const givingUp: (() => void)[] = [];
  const server = new grpc.Server();
  server.addService(service, {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      const trailer = echo(call);
      answer(null, call.request, trailer);
    },
    serverStreaming: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      const trailer = echo(call);
      const count = Number(call.request.toString());
      for (let i = 0; i < count; i += 1) call.write(Buffer.from(`reply ${i}`));
      call.end(trailer);
    },
    clientStreaming: (
      call: grpc.ServerReadableStream<Buffer, Buffer>,
      answer: grpc.sendUnaryData<Buffer>,
    ) => {
      const trailer = echo(call);
      let messages = 0;
      let bytes = 0;
      call.on('data', (request: Buffer) => {
        messages += 1;
        bytes += request.length;
      });
      call.on('end', () => answer(null, Buffer.from(`${messages} ${bytes}`), trailer));
    },
    bidiStreaming: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      const trailer = echo(call);
      call.on('data', (request: Buffer) => {
        call.write(request);
      });
      call.on('end', () => call.end(trailer));
    },
    fail: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      answer({ ...FAILURE, metadata: metadataOf([['x-reason', 'because']]) });
    },
    failLate: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      call.write(Buffer.from('one'));
      call.write(Buffer.from('two'));
      call.emit('error', { code: grpc.status.ABORTED, details: 'after two' });
    },
    hang: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      call.sendMetadata(new grpc.Metadata());
      hanging.add();
      call.on('cancelled', () => cancelled.add());
      givingUp.push(() => answer({ code: grpc.status.CANCELLED, details: 'the server gave up' }));
    },
  });
  const credentials =
    security === 'tls'
      ? grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(SERVER_CERTIFICATE), private_key: Buffer.from(SERVER_KEY) },
        ])
      : grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    hanging: (count) => hanging.reaches(count),
    cancelled: (count) => cancelled.reaches(count),
    giveUp: () => {
      for (const end of givingUp.splice(0)) end();
    },
    leftOpen: () => 0,
    close: async () => server.forceShutdown(),
  };
}

function connectClient(port: number, security: Security): PeerClient {
  const client = new grpc.Client(
    `localhost:${port}`,
    security === 'tls'
      ? grpc.credentials.createSsl(Buffer.from(CA_CERTIFICATE))
      : grpc.credentials.createInsecure(),
    { 'grpc.use_local_subchannel_pool': 1 },
  );
  return {
    start: (kind, path, requests, options = {}) => {
      const metadata = metadataOf(options.metadata ?? []);
      const settings = callOptions(options);
      const observer = new Observer();
      if (kind === 'unary' || kind === 'serverStreaming') {
        const [request] = requests as Iterable<Buffer>;
        if (request === undefined) throw new TypeError('this kind has one request');
        if (kind === 'unary') {
          return observer.watch(
            client.makeUnaryRequest(path, same, same, request, metadata, settings, observer.answer),
          );
        }
        const call = client.makeServerStreamRequest(path, same, same, request, metadata, settings);
        return observer.read(call);
      }
      if (kind === 'clientStreaming') {
        const call = client.makeClientStreamRequest(
          path,
          same,
          same,
          metadata,
          settings,
          observer.answer,
        );
        void writeAll(call, requests);
        return observer.watch(call);
      }
      const call = client.makeBidiStreamRequest(path, same, same, metadata, settings);
      void writeAll(call, requests);
      return observer.read(call);
    },
    leftOpen: () => 0,
    close: async () => client.close(),
  };
}

function callOptions({ timeoutMs }: PeerCallOptions): grpc.CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

interface Writing {
  write(message: Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
  end(): unknown;
}

async function writeAll(
  call: Writing,
  requests: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  for await (const request of requests) {
    if (!call.write(request)) await new Promise<void>((resolve) => call.once('drain', resolve));
  }
  call.end();
}

interface Watched {
  on(event: 'metadata', listener: (metadata: grpc.Metadata) => void): unknown;
  on(event: 'status', listener: (status: grpc.StatusObject) => void): unknown;
  cancel(): void;
}

class Observer {
  private readonly messages: Buffer[] = [];
  private header: Fields = [];
  readonly answer = (_error: grpc.ServiceError | null, message?: Buffer): void => {
    if (message !== undefined) this.messages.push(message);
  };

  read(
    call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
  ): OpenCall {
    call.on('data', (message: Buffer) => this.messages.push(message));
    // The status says it as well.
    call.on('error', () => {});
    return this.watch(call);
  }

  watch(call: Watched): OpenCall {
    const started = new Promise<void>((resolve) => {
      call.on('metadata', (metadata) => {
        this.header = fieldsOf(metadata);
        resolve();
      });
    });
    const outcome = new Promise<Outcome>((resolve) => {
      call.on('status', ({ code, details, metadata }) => {
        const { messages, header } = this;
        resolve({ messages, code, details, header, trailer: fieldsOf(metadata) });
      });
    });
    return { started, outcome, cancel: () => call.cancel() };
  }
}
