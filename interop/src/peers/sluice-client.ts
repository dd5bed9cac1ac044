// A client of the interop cases on Sluice: the typed API, and the callback level for the calls that
// look at the compressed flag of what they receive.

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
  type Call,
  type CallOptions,
  type Channel,
  type ClientTlsOptions,
  connect,
  createClient,
  Metadata,
  Status,
  StatusError,
  uncompressed,
} from 'sluice';
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

type MethodOf<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

/** A method of a client made with createClient; its kind says which of the two the result is. */
type ClientCall<I, O> = (
  request: I | AsyncIterable<I>,
  options: CallOptions,
) => Promise<O> & AsyncIterableIterator<O>;

function clientCall<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: MethodOf<I, O>,
): ClientCall<MessageInitShape<I>, MessageShape<O>> {
  const call = createClient(method.parent, channel)[method.localName];
  if (call === undefined) throw new Error(`the client has no ${method.localName}`);
  // A service whose type names no methods gives messages without types; these are the method's.
  return call as ClientCall<MessageInitShape<I>, MessageShape<O>>;
}

function readMetadata(metadata: Metadata): CaseMetadata {
  return { values: (key) => metadata.getAll(key) };
}

/** What went by of a call: its header and its trailer. */
class Seen {
  header: Metadata;
  trailer: Metadata;

  constructor() {
    this.header = new Metadata();
    this.trailer = new Metadata();
  }
}

function callOptionsOf(options: CaseOptions, seen: Seen, signal?: AbortSignal): CallOptions {
  const metadata = new Metadata();
  for (const [key, value] of options.metadata ?? []) {
    metadata.append(key, typeof value === 'string' ? value : Buffer.from(value));
  }
  return {
    metadata,
    timeoutMs: options.timeoutMs,
    compress: options.compress === true ? 'gzip' : undefined,
    signal,
    onHeader: (header) => {
      seen.header = header;
    },
    onTrailer: (trailer) => {
      seen.trailer = trailer;
    },
  };
}

function statusOf(fault: unknown): Error {
  if (fault instanceof StatusError) return new CallStatus(fault.code, fault.details);
  return fault instanceof Error ? fault : new Error(String(fault));
}

/** The callback level: it alone tells the flag. */
class WatchedStream<I extends DescMessage, O extends DescMessage>
  implements CaseStream<MessageInitShape<I>, MessageShape<O>>
{
  private readonly input: I;
  private readonly seen: Seen;
  private readonly received: AsyncQueue<Received<MessageShape<O>>>;
  private readonly call: Call;

  constructor(channel: Channel, method: MethodOf<I, O>, options: CaseOptions) {
    this.input = method.input;
    this.seen = new Seen();
    this.received = new AsyncQueue();
    const { seen, received } = this;
    this.call = channel.call(pathOf(method), callOptionsOf(options, seen), {
      onHeader: (header) => {
        seen.header = header;
      },
      onMessage: (bytes, compressed) => {
        received.put({ message: fromBinary(method.output, bytes), compressed });
        this.call.request(1);
      },
      onWritable: () => {},
      onEnd: (code, details, trailer) => {
        seen.trailer = trailer;
        received.end(code === Status.OK ? undefined : new CallStatus(code, details));
      },
    });
    this.call.request(1);
  }

  // The cases write less than a window between two responses.
  send(message: MessageInitShape<I>, compressed: boolean = true): void {
    const bytes = toBinary(this.input, create(this.input, message));
    this.call.send(compressed ? bytes : uncompressed(bytes));
  }

  end(): void {
    this.call.halfClose();
  }

  receive(): Promise<Received<MessageShape<O>> | undefined> {
    return this.received.take();
  }

  cancel(): void {
    this.call.cancel();
  }

  header(): CaseMetadata {
    return readMetadata(this.seen.header);
  }

  trailer(): CaseMetadata {
    return readMetadata(this.seen.trailer);
  }
}

/** The typed API: promises and async iterables. */
class TypedStream<I extends DescMessage, O extends DescMessage>
  implements CaseStream<MessageInitShape<I>, MessageShape<O>>
{
  private readonly input: I;
  private readonly clientCall: ClientCall<MessageInitShape<I>, MessageShape<O>>;
  private readonly options: CallOptions;
  private readonly seen: Seen;
  private readonly canceller: AbortController;
  private readonly requests: AsyncQueue<MessageInitShape<I>>;
  private responses: AsyncIterator<MessageShape<O>> | undefined;

  constructor(channel: Channel, method: MethodOf<I, O>, options: CaseOptions) {
    this.input = method.input;
    this.clientCall = clientCall(channel, method);
    this.seen = new Seen();
    this.canceller = new AbortController();
    this.options = callOptionsOf(options, this.seen, this.canceller.signal);
    this.requests = new AsyncQueue();
    this.responses = this.begin(method.methodKind);
  }

  private begin(kind: DescMethod['methodKind']): AsyncIterator<MessageShape<O>> | undefined {
    // Begins with its request.
    if (kind === 'server_streaming') return undefined;
    const call = this.clientCall(this.requests, this.options);
    if (kind === 'bidi_streaming') return call;
    // A case may cancel before it asks for the answer.
    call.catch(() => {});
    return once(call);
  }

  send(message: MessageInitShape<I>, compressed: boolean = true): void {
    const one = compressed ? message : uncompressed(create(this.input, message));
    if (this.responses === undefined) this.responses = this.clientCall(one, this.options);
    else this.requests.put(one);
  }

  end(): void {
    this.requests.end();
  }

  async receive(): Promise<Received<MessageShape<O>> | undefined> {
    try {
      const next = await this.responses?.next();
      if (next === undefined || next.done === true) return undefined;
      return { message: next.value, compressed: false };
    } catch (fault) {
      throw statusOf(fault);
    }
  }

  cancel(): void {
    this.canceller.abort();
  }

  header(): CaseMetadata {
    return readMetadata(this.seen.header);
  }

  trailer(): CaseMetadata {
    return readMetadata(this.seen.trailer);
  }
}

async function* once<O>(answer: Promise<O>): AsyncGenerator<O> {
  yield await answer;
}

class SluiceClient implements CaseClient {
  private readonly channel: Channel;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: MethodOf<I, O>,
    request: MessageInitShape<I>,
    options: CaseOptions,
  ): Promise<UnaryReply<MessageShape<O>>> {
    if (options.watchCompression === true) return this.watchedUnary(method, request, options);
    const seen = new Seen();
    try {
      const call = clientCall(this.channel, method);
      const message = await call(request, callOptionsOf(options, seen));
      const { header, trailer } = seen;
      const compressed = false;
      return { message, compressed, header: readMetadata(header), trailer: readMetadata(trailer) };
    } catch (fault) {
      throw statusOf(fault);
    }
  }

  private async watchedUnary<I extends DescMessage, O extends DescMessage>(
    method: MethodOf<I, O>,
    request: MessageInitShape<I>,
    options: CaseOptions,
  ): Promise<UnaryReply<MessageShape<O>>> {
    const call = new WatchedStream(this.channel, method, options);
    call.send(request);
    call.end();
    const reply = await call.receive();
    if (reply === undefined) throw new Error('the call ended with OK and without a message');
    await call.receive();
    return { ...reply, header: call.header(), trailer: call.trailer() };
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: MethodOf<I, O>,
    options: CaseOptions,
  ): CaseStream<MessageInitShape<I>, MessageShape<O>> {
    if (options.watchCompression === true) {
      return new WatchedStream(this.channel, method, options);
    }
    return new TypedStream(this.channel, method, options);
  }

  close(): void {
    void this.channel.close();
  }
}

/** @param ca what it trusts; TLS when given */
export function connectSluice(target: string, ca: Buffer | undefined): CaseClient {
  const tls: { readonly tls?: ClientTlsOptions } = ca === undefined ? {} : { tls: { ca } };
  return new SluiceClient(connect(target, tls));
}
