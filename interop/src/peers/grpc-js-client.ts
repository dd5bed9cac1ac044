// A client of the interop cases on @grpc/grpc-js.
// grpc-js compresses per channel and switches it off per message, so there are two channels. It
// does not tell whether a message came compressed; the flags are read off the HTTP/2 streams that
// it opens, which is right because the cases make one call at a time.

import http2 from 'node:http2';
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { AsyncQueue } from './async-queue.ts';
import {
  CallStatus,
  type CaseClient,
  type CaseMetadata,
  type CaseOptions,
  type CaseStream,
  pathOf,
  type Received,
  type UnaryReply,
} from './case-client.ts';
import { MessageFlags } from './message-flags.ts';

/** grpc-js's WriteFlags.NoCompress, which it does not export. */
const NO_COMPRESS = 2;

/** The flags of the stream that grpc-js opened last. */
let latest: MessageFlags = new MessageFlags();

/** Makes grpc-js's sessions show their streams. */
function watchStreams(): void {
  const { connect } = http2;
  // The one form in which grpc-js calls it.
  const watching = (
    authority: string,
    options: http2.ClientSessionOptions,
  ): http2.ClientHttp2Session => {
    const session = connect(authority, options);
    const request = session.request.bind(session);
    session.request = (...headers) => {
      const stream = request(...headers);
      const flags = new MessageFlags();
      latest = flags;
      stream.on('data', (chunk: Buffer) => flags.push(chunk));
      return stream;
    };
    return session;
  };
  Reflect.set(http2, 'connect', watching);
}

watchStreams();

function readMetadata(metadata: Metadata): CaseMetadata {
  return { values: (key) => metadata.get(key) };
}

function metadataOf(options: CaseOptions): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of options.metadata ?? []) {
    metadata.add(key, typeof value === 'string' ? value : Buffer.from(value));
  }
  return metadata;
}

function callOptionsOf(options: CaseOptions): CallOptions {
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}

function statusOf(error: ServiceError): CallStatus {
  return new CallStatus(error.code, error.details);
}

type MethodOf<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

interface Wire<I extends DescMessage, O extends DescMessage> {
  readonly path: string;
  readonly encode: (message: MessageShape<I>) => Buffer;
  readonly decode: (bytes: Buffer) => MessageShape<O>;
}

function wireOf<I extends DescMessage, O extends DescMessage>(method: MethodOf<I, O>): Wire<I, O> {
  return {
    path: pathOf(method),
    encode: (message) => Buffer.from(toBinary(method.input, message)),
    decode: (bytes) => fromBinary(method.output, bytes),
  };
}

/** Any kind of stream: grpc-js's duplex call serves all three on the wire. */
class GrpcJsStream<I extends DescMessage, O extends DescMessage>
  implements CaseStream<MessageInitShape<I>, MessageShape<O>>
{
  private readonly input: I;
  private readonly call: ClientDuplexStream<MessageShape<I>, MessageShape<O>>;
  private readonly received: AsyncQueue<MessageShape<O>>;
  private taken: number;
  private headers: Metadata;
  private trailers: Metadata;

  constructor(input: I, call: ClientDuplexStream<MessageShape<I>, MessageShape<O>>) {
    this.input = input;
    this.call = call;
    this.received = new AsyncQueue();
    this.taken = 0;
    this.headers = new Metadata();
    this.trailers = new Metadata();
    call.on('metadata', (header: Metadata) => {
      this.headers = header;
    });
    call.on('status', (status: StatusObject) => {
      this.trailers = status.metadata;
    });
    call.on('data', (message: MessageShape<O>) => this.received.put(message));
    // `end` comes before `status`, and also for a call that fails: the status decides.
    call.on('status', (status: StatusObject) => {
      if (status.code === 0) this.received.end();
    });
    call.on('error', (error: ServiceError) => this.received.end(statusOf(error)));
  }

  send(message: MessageInitShape<I>, compressed: boolean = true): void {
    const made = create(this.input, message);
    if (compressed) this.call.write(made);
    else this.call.write(made, NO_COMPRESS);
  }

  end(): void {
    this.call.end();
  }

  async receive(): Promise<Received<MessageShape<O>> | undefined> {
    const message = await this.received.take();
    if (message === undefined) return undefined;
    const compressed = latest.compressed[this.taken] ?? false;
    this.taken += 1;
    return { message, compressed };
  }

  cancel(): void {
    this.call.cancel();
  }

  header(): CaseMetadata {
    return readMetadata(this.headers);
  }

  trailer(): CaseMetadata {
    return readMetadata(this.trailers);
  }
}

class GrpcJsClient implements CaseClient {
  private readonly plain: Client;
  private readonly compressing: Client;

  constructor(target: string, channelCredentials: ChannelCredentials) {
    this.plain = new Client(target, channelCredentials);
    this.compressing = new Client(target, channelCredentials, {
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    });
  }

  private channelFor(options: CaseOptions): Client {
    return options.compress === true ? this.compressing : this.plain;
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: MethodOf<I, O>,
    request: MessageInitShape<I>,
    options: CaseOptions,
  ): Promise<UnaryReply<MessageShape<O>>> {
    const { path, encode, decode } = wireOf(method);
    return new Promise((resolve, reject) => {
      let header = new Metadata();
      let message: MessageShape<O> | undefined;
      const call = this.channelFor(options).makeUnaryRequest(
        path,
        encode,
        decode,
        create(method.input, request),
        metadataOf(options),
        callOptionsOf(options),
        (error, reply) => {
          if (error !== null) reject(statusOf(error));
          message = reply;
        },
      );
      call.on('metadata', (received) => {
        header = received;
      });
      // Comes after the reply.
      call.on('status', ({ metadata }) => {
        if (message === undefined) return;
        const compressed = latest.compressed[0] ?? false;
        resolve({
          message,
          compressed,
          header: readMetadata(header),
          trailer: readMetadata(metadata),
        });
      });
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: MethodOf<I, O>,
    options: CaseOptions,
  ): CaseStream<MessageInitShape<I>, MessageShape<O>> {
    const { path, encode, decode } = wireOf(method);
    const call = this.channelFor(options).makeBidiStreamRequest(
      path,
      encode,
      decode,
      metadataOf(options),
      callOptionsOf(options),
    );
    return new GrpcJsStream(method.input, call);
  }

  close(): void {
    this.plain.close();
    this.compressing.close();
  }
}

/** @param ca what it trusts; TLS when given */
export function connectGrpcJs(target: string, ca: Buffer | undefined): CaseClient {
  return new GrpcJsClient(
    target,
    ca === undefined ? credentials.createInsecure() : credentials.createSsl(ca),
  );
}
