// A Sluice server against a client made of bare node:http2: requests that no gRPC library would
// send. RFC 9113, gRPC PROTOCOL-HTTP2.md "Requests".

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createServer, type Server, type ServerOptions, Status } from '#sluice/index.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import { Tally } from './peer.js';

interface Reply {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  /** The headers again for a trailers-only answer. */
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  /** RST_STREAM's code; 0 for a stream that ended by itself. */
  readonly resetCode: number;
}

const ECHO = '/test.Raw/Echo';
const HANG = '/test.Raw/Hang';
const STREAM = '/test.Raw/Stream';

function framed(text: string): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5, 'latin1');
  return bytes;
}

function head(more: http2.OutgoingHttpHeaders = {}): http2.OutgoingHttpHeaders {
  const gRPC = { 'content-type': 'application/grpc', te: 'trailers' };
  return { ':method': 'POST', ':path': ECHO, ...gRPC, ...more };
}

/** Everything that comes back. */
async function replyTo(stream: http2.ClientHttp2Stream): Promise<Reply> {
  let headers: Reply['headers'] = {};
  let trailers: http2.IncomingHttpHeaders | undefined;
  const chunks: Buffer[] = [];
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received: http2.IncomingHttpHeaders) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A reset is an error to Node and a result to these tests.
  stream.on('error', () => {});
  await once(stream, 'close');
  return {
    headers,
    trailers: trailers ?? headers,
    body: Buffer.concat(chunks),
    resetCode: stream.rstCode ?? 0,
  };
}

let server: Server;
let session: http2.ClientHttp2Session;
let started: Tally;
let cancelled: Tally;

async function start(options: ServerOptions = {}): Promise<void> {
  started = new Tally();
  cancelled = new Tally();
  server = createServer(options);
  server.unary(ECHO, (request) => request);
  server.unary(HANG, (_request, context) => {
    started.add();
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        cancelled.add();
        reject(context.signal.reason);
      });
    });
  });
  server.clientStreaming(STREAM, async (requests) => {
    started.add();
    let count = 0;
    for await (const _request of requests) count += 1;
    return Buffer.from(String(count));
  });
  const { port } = await server.listen({ host: '127.0.0.1' });
  session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  await once(session, 'remoteSettings');
}

function send(headers: http2.OutgoingHttpHeaders, body?: Buffer): Promise<Reply> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return replyTo(stream);
}

/** Resolves when the server has handled all that was sent before. */
function settled(): Promise<void> {
  return new Promise((resolve, reject) => {
    session.ping((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

describe('a Sluice server and a bare HTTP/2 client', () => {
  beforeEach(() => start());
  afterEach(async () => {
    // A handler that was cancelled gives its slot back in a microtask.
    await new Promise(setImmediate);
    assert.equal(server.stats().limits.handlers?.depth, 0, 'handlers left running');
    assert.equal(server.stats().limits.streams?.depth, 0, 'streams left open');
    session.destroy();
    await server.close();
    assert.deepEqual(server.stats().connections, []);
    assert.equal(processWheel.size, 0, 'timers left behind');
  });

  it('answers with headers, one message and trailers', async () => {
    const reply = await send(head(), framed('hello'));
    assert.equal(reply.headers[':status'], 200);
    assert.equal(reply.headers['content-type'], 'application/grpc');
    assert.deepEqual(reply.body, framed('hello'));
    assert.equal(reply.trailers['grpc-status'], '0');
    assert.equal(reply.trailers['grpc-message'], undefined);
    assert.equal(reply.resetCode, 0);
  });

  it('takes a message in pieces of one byte', async () => {
    const stream = session.request(head());
    for (const byte of framed('in pieces')) stream.write(Buffer.from([byte]));
    stream.end();
    assert.deepEqual((await replyTo(stream)).body, framed('in pieces'));
  });

  for (const [what, headers, httpStatus, grpcStatus, message] of [
    ['GET', { ':method': 'GET' }, 405, Status.INTERNAL, 'method "GET" should be POST'],
    ['a bad timeout', { 'grpc-timeout': '12' }, 400, Status.INTERNAL, 'malformed grpc-timeout'],
    ['bad base64', { 'x-data-bin': '*' }, 400, Status.INTERNAL, 'is not base64'],
    ['an unknown method', { ':path': '/test.Raw/No' }, 200, Status.UNIMPLEMENTED, '/test.Raw/No'],
    ['a path of one part', { ':path': '/test.Raw' }, 200, Status.UNIMPLEMENTED, 'malformed method'],
    ['a path with ..', { ':path': '/a/../b' }, 200, Status.UNIMPLEMENTED, 'malformed method'],
    ['an expired deadline', { 'grpc-timeout': '0n' }, 200, Status.DEADLINE_EXCEEDED, 'expired'],
  ] as const) {
    it(`${what}: HTTP ${httpStatus}, status ${grpcStatus}, in one block`, async () => {
      const reply = await send(head(headers), framed('x'));
      assert.equal(reply.headers[':status'], httpStatus);
      assert.equal(reply.headers['grpc-status'], String(grpcStatus));
      assert.ok(decodeURIComponent(String(reply.headers['grpc-message'])).includes(message));
      assert.equal(reply.body.length, 0);
    });
  }

  for (const [method, contentType, body] of [
    ['POST', 'application/json', '{}'],
    ['POST', undefined, 'anything'],
    ['GET', undefined, undefined],
    ['HEAD', undefined, undefined],
  ] as const) {
    it(`${method} of ${contentType ?? 'no type'}: HTTP 415, and plain text says why`, async () => {
      const headers = head({ ':method': method, 'content-type': contentType });
      const reply = await send(headers, body === undefined ? undefined : Buffer.from(body));
      assert.equal(reply.headers[':status'], 415);
      assert.equal(reply.headers['content-type'], 'text/plain');
      assert.equal(reply.headers['grpc-status'], String(Status.INVALID_ARGUMENT));
      const text = `this server speaks gRPC (application/grpc); the request has ${contentType === undefined ? 'no content-type' : `content-type "${contentType}"`}\n`;
      assert.equal(String(reply.body), method === 'HEAD' ? '' : text);
    });
  }

  it('subtypes of application/grpc are welcome', async () => {
    const reply = await send(head({ 'content-type': 'application/grpc+proto' }), framed('x'));
    assert.equal(reply.trailers['grpc-status'], '0');
  });

  it('a compressed message is UNIMPLEMENTED and names the encoding', async () => {
    const message = framed('x');
    message[0] = 1;
    const reply = await send(head({ 'grpc-encoding': 'snappy' }), message);
    assert.equal(reply.trailers['grpc-status'], String(Status.UNIMPLEMENTED));
    assert.match(String(reply.trailers['grpc-message']), /snappy/);
  });

  it('a message over the limit is RESOURCE_EXHAUSTED by its prefix alone', async () => {
    const stream = session.request(head());
    stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
    const reply = await replyTo(stream);
    assert.equal(reply.trailers['grpc-status'], String(Status.RESOURCE_EXHAUSTED));
  });

  it('two messages to a method that takes one are INTERNAL', async () => {
    const reply = await send(head(), Buffer.concat([framed('a'), framed('b')]));
    assert.equal(reply.trailers['grpc-status'], String(Status.INTERNAL));
    assert.match(String(reply.trailers['grpc-message']), /more than one request message/);
  });

  it('no message to a method that takes one is INTERNAL', async () => {
    const reply = await send(head());
    assert.equal(reply.trailers['grpc-status'], String(Status.INTERNAL));
    assert.match(String(reply.trailers['grpc-message']), /without a request message/);
  });

  it('a message cut off by the end of the stream is INTERNAL, and its handler is free', async () => {
    const reply = await send(head(), framed('cut off').subarray(0, 9));
    assert.equal(reply.trailers['grpc-status'], String(Status.INTERNAL));
  });

  it('a deadline that passes before the message came ends the call, and its handler is free', async () => {
    const stream = session.request(head({ 'grpc-timeout': '50m' }));
    stream.write(framed('half of it').subarray(0, 7));
    const reply = await replyTo(stream);
    assert.equal(reply.trailers['grpc-status'], String(Status.DEADLINE_EXCEEDED));
  });

  it('a deadline that passes while the handler runs aborts its signal', async () => {
    const reply = await send(head({ ':path': HANG, 'grpc-timeout': '50m' }), framed('x'));
    assert.equal(reply.trailers['grpc-status'], String(Status.DEADLINE_EXCEEDED));
    await cancelled.reaches(1);
  });

  it('a reset before the message came frees the handler', async () => {
    const stream = session.request(head());
    stream.write(framed('half of it').subarray(0, 7));
    await settled();
    assert.equal(server.stats().limits.handlers?.depth, 1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await replyTo(stream);
    await settled();
    assert.equal(server.stats().limits.handlers?.depth, 0);
  });

  it('a reset while the handler runs aborts its signal', async () => {
    const stream = session.request(head({ ':path': HANG }));
    stream.end(framed('x'));
    await started.reaches(1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await replyTo(stream);
    await cancelled.reaches(1);
  });

  it('a connection that breaks aborts the signals of its calls', async () => {
    for (let i = 0; i < 3; i += 1) {
      const stream = session.request(head({ ':path': HANG }));
      stream.on('error', () => {});
      stream.end(framed('x'));
    }
    await started.reaches(3);
    session.destroy();
    await cancelled.reaches(3);
  });

  it('a reset ends the iteration over requests', async () => {
    const stream = session.request(head({ ':path': STREAM }));
    stream.write(framed('one'));
    await started.reaches(1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await replyTo(stream);
    await settled();
  });

  it('pings are answered with their payload', async () => {
    const payload = Buffer.from('12345678');
    const echoed = await new Promise<Buffer>((resolve, reject) => {
      session.ping(payload, (error, _ms, returned) => {
        if (error === null) resolve(returned);
        else reject(error);
      });
    });
    assert.deepEqual(echoed, payload);
  });

  it('headers larger than we take are refused softly: the next call is served', async () => {
    const reply = await send(head({ 'x-big': 'b'.repeat(20_000) }), framed('x'));
    assert.equal(reply.trailers['grpc-status'], String(Status.RESOURCE_EXHAUSTED));
    assert.match(String(reply.trailers['grpc-message']), /exceed the limit of 16384/);
    const next = await send(head(), framed('next'));
    assert.deepEqual(next.body, framed('next'));
  });

  it('a drain: GOAWAY, the open call finishes, then the connection closes', async () => {
    const stream = session.request(head({ ':path': STREAM }));
    const reply = replyTo(stream);
    stream.write(framed('one'));
    await started.reaches(1);
    const drained = server.drain();
    const [errorCode] = await once(session, 'goaway');
    assert.equal(errorCode, http2.constants.NGHTTP2_NO_ERROR);
    stream.end(framed('two'));
    const { body, trailers } = await reply;
    assert.deepEqual(body, framed('2'));
    assert.equal(trailers['grpc-status'], '0');
    await drained;
  });
});

describe('what a Sluice server tells a bare HTTP/2 client', () => {
  afterEach(async () => {
    session.destroy();
    await server.close();
    assert.equal(processWheel.size, 0, 'timers left behind');
  });

  it('its limits, in SETTINGS', async () => {
    await start({
      limits: { streams: 7 },
      initialStreamWindow: 100_000,
      maxHeaderListBytes: 9_000,
    });
    assert.equal(session.remoteSettings.maxConcurrentStreams, 7);
    assert.equal(session.remoteSettings.initialWindowSize, 100_000);
    assert.equal(session.remoteSettings.maxHeaderListSize, 9_000);
  });

  it('no stream limit when it is Infinity', async () => {
    await start({ limits: { streams: Number.POSITIVE_INFINITY } });
    assert.equal(session.remoteSettings.maxConcurrentStreams, 0xffff_ffff);
  });
});
