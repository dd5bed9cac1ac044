// google-gax on the drop-in, put together as a generated client of Google's puts it together: a stub of
// GrpcClient, calls of createApiCall with its retries, deadlines, headers, streams and errors.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { type TestContext, test } from 'node:test';
import {
  type ChannelCredentials,
  credentials,
  Metadata,
  type Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import * as gax from 'google-gax';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from './support/certificates.ts';
import { assertOnDropIn } from './support/drop-in.ts';
import { errorInfo } from './support/error-info.ts';
import { type Book, LIBRARY, libraryConfig, libraryProtos } from './support/library-service.ts';
import { type LocalServer, localServer } from './support/local-server.ts';

type Unary = (call: ServerUnaryCall<Book, Book>, reply: sendUnaryData<Book>) => void;

// An auth that knows its universe asks nobody for it.
const gaxGrpc = new gax.GrpcClient({
  auth: new gax.GoogleAuth({ clientOptions: { universeDomain: 'googleapis.com' } }),
});

// The tree that the names of the service say.
const Library = (
  gaxGrpc.loadProtoJSON(libraryProtos) as unknown as {
    readonly test: {
      readonly library: { readonly v1: { readonly Library: ServiceClientConstructor } };
    };
  }
).test.library.v1.Library;

function library(
  t: TestContext,
  handlers: UntypedServiceImplementation,
  serverCredentials?: ServerCredentials,
): Promise<LocalServer> {
  const add = (server: Server): void => server.addService(Library.service, handlers);
  return localServer(t, add, serverCredentials);
}

/** A method of a generated client; `stream` is what describes those that are not unary. */
function apiCall(
  t: TestContext,
  { port }: LocalServer,
  method: string,
  stream?: gax.StreamDescriptor,
  sslCreds: ChannelCredentials = credentials.createInsecure(),
): gax.GaxCall {
  const settings = gaxGrpc.constructSettings(
    LIBRARY,
    libraryConfig,
    {},
    { 'x-goog-api-client': 'gl-node/20 gax/5' },
  );
  const stub = gaxGrpc.createStub(Library, { servicePath: 'localhost', port, sslCreds });
  t.after(async () => (await stub).close());
  const call = stub.then((client) => {
    // A method of the client by its name in the service.
    const { [method]: bound } = client as unknown as Record<string, gax.UnaryCall>;
    assert.ok(bound !== undefined);
    const made: gax.UnaryCall = (...args) => bound.apply(client, args);
    return made;
  });
  return gax.createApiCall(call, settings[method] ?? new gax.CallSettings(), stream);
}

/** The options of a generated method: the routing header of its request. */
function routed(name: string, options: gax.CallOptions = {}): gax.CallOptions {
  const header = gax.routingHeader.fromParams({ name });
  return { ...options, otherArgs: { headers: { 'x-goog-request-params': header } } };
}

async function failure(call: Promise<unknown>): Promise<gax.GoogleError> {
  try {
    await call;
  } catch (error) {
    // What gax says every failed call throws; the test looks at its fields.
    return error as gax.GoogleError;
  }
  return assert.fail('the call did not fail');
}

/** What a method that is not a stream returns. */
type Unfinished = Exclude<ReturnType<gax.GaxCall>, gax.CancellableStream>;

async function unary(call: ReturnType<gax.GaxCall>): Promise<Book> {
  const [book] = await (call as Unfinished);
  return book as Book;
}

/** All that a stream says until it is over. */
async function said(stream: gax.CancellableStream): Promise<{
  readonly books: readonly Book[];
  readonly error: gax.GoogleError | null;
  /** `metadata`, `response` and `status`, in their order. */
  readonly events: readonly string[];
}> {
  const books: Book[] = [];
  const events: string[] = [];
  for (const event of ['metadata', 'response', 'status']) {
    stream.on(event, () => events.push(event));
  }
  stream.on('data', (book: Book) => books.push(book));
  const error = await new Promise<gax.GoogleError | null>((resolve) => {
    stream.on('end', () => resolve(null));
    stream.on('error', resolve);
  });
  return { books, error, events };
}

/** So many books, and then what is asked for by name. */
function listBooks(call: ServerWritableStream<Book, Book>): void {
  const { name = '', pages = 0 } = call.request;
  for (let page = 1; page <= pages; page += 1) call.write({ name, pages: page });
  if (name === 'lost') call.emit('error', { code: status.DATA_LOSS, details: 'the rest is lost' });
  else if (name !== 'endless') call.end();
}

function streamOf(type: gax.StreamType, gaxRetries = false): gax.StreamDescriptor {
  return new gax.StreamDescriptor(type, false, gaxRetries);
}

test('google-gax runs on the drop-in', () => {
  assertOnDropIn('google-gax');
  assert.equal(gax.grpc.Server, createRequire(__filename)('@grpc/grpc-js').Server);
  assert.match(gaxGrpc.grpcVersion, /^1\./);
});

test('a unary call that meets UNAVAILABLE once is retried, with its headers and a deadline', async (t) => {
  const calls: ServerUnaryCall<Book, Book>[] = [];
  const getBook: Unary = (call, reply) => {
    calls.push(call);
    if (calls.length === 1) reply({ code: status.UNAVAILABLE, details: 'not yet' });
    else reply(null, { name: call.request.name ?? '', pages: 12 });
  };
  const call = apiCall(t, await library(t, { GetBook: getBook }), 'getBook');
  const book = await unary(call({ name: 'shelf/one book' }, routed('shelf/one book')));
  assert.deepEqual(book, { name: 'shelf/one book', pages: 12 });
  assert.equal(calls.length, 2);
  for (const made of calls) {
    assert.deepEqual(made.metadata.get('x-goog-request-params'), ['name=shelf%2Fone%20book']);
    assert.deepEqual(made.metadata.get('x-goog-api-client'), ['gl-node/20 gax/5']);
    assert.ok(Number(made.getDeadline()) <= Date.now() + 10_000);
  }
});

test('an error that is not retried comes with the details of google.rpc.Status in its trailers', async (t) => {
  let attempts = 0;
  const getBook: Unary = (_call, reply) => {
    attempts += 1;
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', errorInfo(7, 'SHELF_CLOSED', 'library.test'));
    reply({ code: status.PERMISSION_DENIED, details: 'the shelf is closed', metadata });
  };
  const call = apiCall(t, await library(t, { GetBook: getBook }), 'getBook');
  const error = await failure(unary(call({})));
  assert.equal(error.code, status.PERMISSION_DENIED);
  assert.equal(error.message, '7 PERMISSION_DENIED: the shelf is closed');
  assert.equal(error.reason, 'SHELF_CLOSED');
  assert.equal(error.domain, 'library.test');
  assert.match(String(error.note), /not classified as transient/);
  assert.equal(attempts, 1);
});

test('a call that nobody answers ends with its deadline', async (t) => {
  const call = apiCall(t, await library(t, { GetBook: () => {} }), 'getBook');
  const error = await failure(unary(call({}, { timeout: 50, retry: null })));
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
  assert.match(error.message, /^4 DEADLINE_EXCEEDED: Deadline exceeded/);
});

test('a promise that is cancelled cancels its call, and the server is told', async (t) => {
  const events = new EventEmitter();
  const getBook: Unary = (call) => {
    call.on('cancelled', () => events.emit('cancelled'));
    events.emit('asked');
  };
  const call = apiCall(t, await library(t, { GetBook: getBook }), 'getBook');
  const asked = once(events, 'asked');
  // Of a method that is not a stream.
  const unfinished = call({}) as Unfinished;
  const ended = failure(unfinished);
  await asked;
  const cancelled = once(events, 'cancelled');
  unfinished.cancel();
  assert.equal((await ended).code, status.CANCELLED);
  await cancelled;
});

test('a server stream gives its messages between its metadata and its status', async (t) => {
  const served = await library(t, { ListBooks: listBooks });
  const stream = streamOf(gax.StreamType.SERVER_STREAMING);
  const call = apiCall(t, served, 'listBooks', stream);
  // Of a method that is a stream; so are those below.
  const { books, error, events } = await said(
    call({ name: 'a', pages: 3 }, routed('a')) as gax.CancellableStream,
  );
  assert.equal(error, null);
  assert.deepEqual(
    books,
    [1, 2, 3].map((pages) => ({ name: 'a', pages })),
  );
  assert.deepEqual(events, ['metadata', 'response', 'status']);
});

test('a server stream that fails gives what came before, and its error', async (t) => {
  const served = await library(t, { ListBooks: listBooks });
  const stream = streamOf(gax.StreamType.SERVER_STREAMING);
  const call = apiCall(t, served, 'listBooks', stream);
  const { books, error } = await said(
    call({ name: 'lost', pages: 2 }, { retry: null }) as gax.CancellableStream,
  );
  assert.equal(books.length, 2);
  assert.equal(error?.code, status.DATA_LOSS);
  assert.equal(error?.message, '15 DATA_LOSS: the rest is lost');
});

test('a server stream that meets UNAVAILABLE is made again by gax', async (t) => {
  let attempts = 0;
  const served = await library(t, {
    ListBooks(call: ServerWritableStream<Book, Book>) {
      attempts += 1;
      if (attempts === 1) call.emit('error', { code: status.UNAVAILABLE, details: 'not yet' });
      else listBooks(call);
    },
  });
  const stream = streamOf(gax.StreamType.SERVER_STREAMING, true);
  const call = apiCall(t, served, 'listBooks', stream);
  const { books, error } = await said(call({ name: 'a', pages: 2 }) as gax.CancellableStream);
  assert.equal(error, null);
  assert.equal(books.length, 2);
  assert.equal(attempts, 2);
});

test('a server stream is cancelled, and the server is told', async (t) => {
  const events = new EventEmitter();
  const served = await library(t, {
    ListBooks(call: ServerWritableStream<Book, Book>) {
      call.on('cancelled', () => events.emit('cancelled'));
      listBooks(call);
    },
  });
  const descriptor = streamOf(gax.StreamType.SERVER_STREAMING);
  const call = apiCall(t, served, 'listBooks', descriptor);
  const stream = call({ name: 'endless', pages: 1 }, { retry: null }) as gax.CancellableStream;
  const ended = said(stream);
  await once(stream, 'data');
  const cancelled = once(events, 'cancelled');
  stream.cancel();
  assert.equal((await ended).error?.code, status.CANCELLED);
  await cancelled;
});

test('of a server stream that gax retries, gax takes the cancelling off the call, and that throws nothing', async (t) => {
  const events = new EventEmitter();
  const served = await library(t, {
    ListBooks(call: ServerWritableStream<Book, Book>) {
      events.on('end', () => call.end());
      listBooks(call);
    },
  });
  const descriptor = streamOf(gax.StreamType.SERVER_STREAMING, true);
  const call = apiCall(t, served, 'listBooks', descriptor);
  const stream = call({ name: 'endless', pages: 1 }) as gax.CancellableStream;
  const ended = said(stream);
  await once(stream, 'data');
  stream.cancel();
  events.emit('end');
  assert.equal((await ended).error, null);
});

test('a client stream has one reply, for all that was written', async (t) => {
  const served = await library(t, {
    AddBooks(call: ServerReadableStream<Book, Book>, reply: sendUnaryData<Book>) {
      let pages = 0;
      call.on('data', (book: Book) => {
        pages += book.pages ?? 0;
      });
      call.on('end', () => reply(null, { name: 'all', pages }));
    },
  });
  const call = apiCall(t, served, 'addBooks', streamOf(gax.StreamType.CLIENT_STREAMING));
  const book = await new Promise((resolve, reject) => {
    const stream = call({}, {}, (error, reply) =>
      error === null ? resolve(reply) : reject(error),
    );
    const writable = stream as gax.CancellableStream;
    for (const pages of [1, 2, 3]) writable.write({ pages });
    writable.end();
  });
  assert.deepEqual(book, { name: 'all', pages: 6 });
});

test('a bidirectional stream answers as it is written to', async (t) => {
  const served = await library(t, {
    Swap(call: ServerDuplexStream<Book, Book>) {
      call.on('data', ({ pages = 0 }: Book) => call.write({ name: 'back', pages: -pages }));
      call.on('end', () => call.end());
    },
  });
  const call = apiCall(t, served, 'swap', streamOf(gax.StreamType.BIDI_STREAMING));
  const stream = call({}, {}) as gax.CancellableStream;
  const ended = said(stream);
  for (const pages of [1, 2]) {
    const answered = once(stream, 'data');
    stream.write({ pages });
    assert.deepEqual(await answered, [{ name: 'back', pages: -pages }]);
  }
  stream.end();
  assert.equal((await ended).error, null);
});

test('over TLS, each call has the headers that the Google credentials say', async (t) => {
  const seen: unknown[] = [];
  const getBook: Unary = ({ metadata }, reply) => {
    seen.push(metadata.get('authorization')[0], metadata.get('x-goog-user-project')[0]);
    reply(null, {});
  };
  const served = await library(
    t,
    { GetBook: getBook },
    ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(SERVER_KEY), cert_chain: Buffer.from(SERVER_CERTIFICATE) },
    ]),
  );
  const asked: (string | undefined)[] = [];
  const google = credentials.createFromGoogleCredential({
    getRequestHeaders(url?: string) {
      asked.push(url);
      return Promise.resolve({ authorization: 'Bearer g', 'x-goog-user-project': 'shelf' });
    },
  });
  const channel = credentials.createSsl(Buffer.from(CA_CERTIFICATE));
  const call = apiCall(
    t,
    served,
    'getBook',
    undefined,
    credentials.combineChannelCredentials(channel, google),
  );
  await unary(call({}));
  assert.deepEqual(seen, ['Bearer g', 'shelf']);
  assert.deepEqual(asked, [`https://localhost/${LIBRARY}`]);
});
