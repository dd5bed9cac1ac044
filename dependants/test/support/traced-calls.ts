// A process of its own that is traced, makes calls of the four kinds in each way a program makes them, and
// prints the spans as JSON. Each call is made within a span of its own, `outer`.
// Not here: what is expected of the spans (instrumentation-grpc.test.ts).

import './traced-process.ts';
import { createRequire } from 'node:module';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { context, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { echoHandlers, echoService } from './echo-service.ts';
import { finishedSpans, instrumentation } from './traced-process.ts';

/** A span, with its parent by name, as far as runs agree on it. */
export interface SeenSpan {
  readonly name: string;
  /** 0 INTERNAL, 1 SERVER, 2 CLIENT. */
  readonly kind: number;
  readonly parent: string | null;
  /** Of the same trace as the span that the call was made in. */
  readonly sameTrace: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 0 UNSET, 2 ERROR; with a message where there is one. */
  readonly status: { readonly code: number };
}

export interface TracedCalls {
  /** The name in the manifest of what `@grpc/grpc-js` is there. */
  readonly implementation: string;
  /** Whether the module was patched as it was loaded. */
  readonly patched: boolean;
  /** Spans by `way method argument`, servers' before clients'. */
  readonly calls: Readonly<Record<string, readonly SeenSpan[]>>;
}

type Done = (error: ServiceError | null, reply?: string) => void;

/** The methods of a client, however it came to be. */
interface EchoClient {
  Unary(text: string, metadata: Metadata, done: Done): ClientUnaryCall;
  ServerStream(text: string, metadata: Metadata): ClientReadableStream<string>;
  ClientStream(metadata: Metadata, done: Done): ClientWritableStream<string>;
  Bidi(metadata: Metadata): ClientDuplexStream<string, string>;
  Ignored(text: string, metadata: Metadata, done: Done): ClientUnaryCall;
}

/** A client class of a program's own, as generated code for the browser-like API has them. */
class OwnClient extends Client implements EchoClient {
  Unary(text: string, metadata: Metadata, done: Done): ClientUnaryCall {
    const { path, requestSerialize, responseDeserialize } = echoService.Unary;
    return this.makeUnaryRequest(path, requestSerialize, responseDeserialize, text, metadata, done);
  }

  ServerStream(text: string, metadata: Metadata): ClientReadableStream<string> {
    const { path, requestSerialize, responseDeserialize } = echoService.ServerStream;
    return this.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      text,
      metadata,
    );
  }

  ClientStream(metadata: Metadata, done: Done): ClientWritableStream<string> {
    const { path, requestSerialize, responseDeserialize } = echoService.ClientStream;
    return this.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
      done,
    );
  }

  Bidi(metadata: Metadata): ClientDuplexStream<string, string> {
    const { path, requestSerialize, responseDeserialize } = echoService.Bidi;
    return this.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  Ignored(text: string, metadata: Metadata, done: Done): ClientUnaryCall {
    const { path, requestSerialize, responseDeserialize } = echoService.Ignored;
    return this.makeUnaryRequest(path, requestSerialize, responseDeserialize, text, metadata, done);
  }
}

type ClientClass = new (
  address: string,
  channelCredentials: ReturnType<typeof credentials.createInsecure>,
) => EchoClient & Client;

function clientClasses(): Readonly<Record<string, ClientClass>> {
  const tree = loadPackageDefinition({ 'test.Echo': echoService }) as unknown as {
    readonly test: { readonly Echo: ServiceClientConstructor };
  };
  const generic = makeGenericClientConstructor(echoService, 'test.Echo');
  // The methods of these are of the definition, which their types do not list.
  const loaded = tree.test.Echo as unknown as ClientClass;
  return { loaded, generic: generic as unknown as ClientClass, own: OwnClient };
}

function metadataOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return metadata;
}

/** Resolves when the call is over, whatever became of it. */
function call(client: EchoClient, method: string, text: string): Promise<void> {
  const metadata = metadataOf({ 'x-request': 'asked' });
  return new Promise((resolve) => {
    const done = () => resolve();
    const over = (stream: ClientReadableStream<string>) => {
      stream.on('data', () => {});
      stream.on('error', () => {});
      stream.on('status', done);
    };
    if (method === 'Unary') client.Unary(text, metadata, done);
    else if (method === 'Ignored') client.Ignored(text, metadata, done);
    else if (method === 'ServerStream') over(client.ServerStream(text, metadata));
    else if (method === 'ClientStream') client.ClientStream(metadata, done).end(text);
    else {
      const stream = client.Bidi(metadata);
      over(stream);
      stream.end(text);
    }
  });
}

async function tracedCall(client: EchoClient, method: string, text: string): Promise<SeenSpan[]> {
  finishedSpans.reset();
  const outer = trace.getTracer('test').startSpan('outer');
  await context.with(trace.setSpan(context.active(), outer), () => call(client, method, text));
  outer.end();
  // The span of a handler may end after its caller was told.
  const count = method === 'Ignored' ? 1 : 3;
  for (let turn = 0; turn < 1000 && finishedSpans.getFinishedSpans().length < count; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return finishedSpans
    .getFinishedSpans()
    .map((span, _index, all) => seen(span, all, outer.spanContext().traceId))
    .sort((a, b) => b.kind - a.kind || a.name.localeCompare(b.name));
}

function seen(span: ReadableSpan, all: readonly ReadableSpan[], traceId: string): SeenSpan {
  const { 'server.port': port, ...attributes } = span.attributes;
  const parent = all.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId);
  return {
    name: span.name,
    kind: span.kind,
    parent: parent === undefined ? null : `${parent.kind} ${parent.name}`,
    sameTrace: span.spanContext().traceId === traceId,
    attributes: port === undefined ? attributes : { ...attributes, 'server.port': typeof port },
    status: span.status,
  };
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

async function main(): Promise<void> {
  const patched = Object.hasOwn(Server.prototype.register, '__wrapped');
  const server = new Server();
  server.addService(
    echoService,
    echoHandlers(() => metadataOf({ 'x-reply': 'answered' })),
  );
  const address = `127.0.0.1:${await bind(server)}`;
  const calls: Record<string, SeenSpan[]> = {};
  for (const [way, EchoClass] of Object.entries(clientClasses())) {
    const client = new EchoClass(address, credentials.createInsecure());
    for (const method of Object.keys(echoService)) {
      for (const text of method === 'Ignored' ? ['ok'] : ['ok', 'fail']) {
        calls[`${way} ${method} ${text}`] = await tracedCall(client, method, text);
      }
    }
    client.close();
  }
  instrumentation.disable();
  const client = new OwnClient(address, credentials.createInsecure());
  calls['own Unary unpatched'] = await tracedCall(client, 'Unary', 'unpatched');
  client.close();
  server.forceShutdown();
  // A manifest, of which the name alone is read.
  const { name } = createRequire(__filename)('@grpc/grpc-js/package.json') as { name: string };
  const result: TracedCalls = { implementation: name, patched, calls };
  process.stdout.write(JSON.stringify(result));
}

void main();
