// A Sluice client against a server made of bare node:http2: what a peer does that no gRPC library
// would let us do. RFC 9113, gRPC PROTOCOL-HTTP2.md, http-grpc-status-mapping.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Channel, connect, Status, StatusError } from '#sluice/index.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';

const PATH = '/test.Raw/Call';
const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

type Answer = (stream: http2.ServerHttp2Stream, session: http2.ServerHttp2Session) => void;

function framed(text: string): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5, 'latin1');
  return bytes;
}

/** A whole good answer. */
function answerWith(stream: http2.ServerHttp2Stream, text: string): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(text));
  stream.resume();
}

let server: http2.Http2Server;
let sessions: http2.ServerHttp2Session[];
let sockets: Socket[];
let channel: Channel;
let answer: Answer;

async function start(settings: http2.Settings = {}): Promise<void> {
  server = http2.createServer({ settings });
  sessions = [];
  sockets = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('session', (session) => {
    sessions.push(session);
    // A connection that a test breaks is no failure of the server.
    session.on('error', () => {});
    session.on('stream', (stream) => {
      stream.on('error', () => {});
      answer(stream, session);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  channel = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function call(timeoutMs?: number): Promise<Buffer> {
  return channel.unary(PATH, Buffer.from('request'), { timeoutMs });
}

async function failure(promise: Promise<unknown>): Promise<StatusError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  assert.fail('the call ended with OK');
}

describe('a Sluice client and a bare HTTP/2 server', () => {
  beforeEach(() => start());
  afterEach(async () => {
    assert.equal(channel.stats().limits['open-calls']?.depth ?? 0, 0, 'calls left open');
    assert.equal(channel.stats().waitingCalls, 0, 'calls left waiting');
    await channel.close();
    assert.deepEqual(channel.stats().connections, []);
    for (const session of sessions) session.destroy();
    server.close();
    assert.equal(processWheel.size, 0, 'timers left behind');
  });

  it('sends what gRPC asks for', async () => {
    let headers: http2.IncomingHttpHeaders = {};
    server.on('stream', (_stream, received) => {
      headers = received;
    });
    answer = (stream) => answerWith(stream, 'answer');
    assert.equal(String(await call(60_000)), 'answer');
    assert.equal(headers[':method'], 'POST');
    assert.equal(headers[':scheme'], 'http');
    assert.equal(headers[':path'], PATH);
    assert.equal(headers[':authority'], `127.0.0.1:${(server.address() as AddressInfo).port}`);
    assert.equal(headers.te, 'trailers');
    assert.equal(headers['content-type'], 'application/grpc');
    assert.match(String(headers['user-agent']), /^grpc-node-sluice\//);
    assert.match(String(headers['grpc-timeout']), /^\d{1,8}[HMSmun]$/);
  });

  it('no timeout is sent for a call without one, and pushes are off', async () => {
    let timeout: string | string[] | undefined = 'unset';
    server.on('stream', (_stream, received) => {
      timeout = received['grpc-timeout'];
    });
    let pushes = true;
    answer = (stream) => {
      pushes = stream.pushAllowed;
      answerWith(stream, '');
    };
    await call();
    assert.equal(timeout, undefined);
    assert.equal(pushes, false);
  });

  it('a trailers-only answer: status, details, metadata', async () => {
    answer = (stream) => {
      const status = { 'grpc-status': '5', 'grpc-message': 'not%20here%3A%20%E4%B8%96' };
      stream.respond({ ...GRPC, ...status, 'x-more': 'yes' }, { endStream: true });
    };
    const error = await failure(call());
    assert.equal(error.code, Status.NOT_FOUND);
    assert.equal(error.details, 'not here: 世');
    assert.equal(error.metadata.get('x-more'), 'yes');
  });

  it('a status that gRPC does not define is UNKNOWN', async () => {
    answer = (stream) => stream.respond({ ...GRPC, 'grpc-status': '77' }, { endStream: true });
    assert.equal((await failure(call())).code, Status.UNKNOWN);
  });

  for (const [httpStatus, code] of [
    [400, Status.INTERNAL],
    [401, Status.UNAUTHENTICATED],
    [403, Status.PERMISSION_DENIED],
    [404, Status.UNIMPLEMENTED],
    [429, Status.UNAVAILABLE],
    [502, Status.UNAVAILABLE],
    [503, Status.UNAVAILABLE],
    [504, Status.UNAVAILABLE],
    [200, Status.UNKNOWN],
    [500, Status.UNKNOWN],
  ] as const) {
    it(`HTTP ${httpStatus} with a page: the status, and the page in the details`, async () => {
      answer = (stream) => {
        stream.respond({ ':status': httpStatus, 'content-type': 'text/html' });
        stream.end('<h1>the proxy says no</h1>');
      };
      const error = await failure(call());
      assert.equal(error.code, code);
      assert.match(
        error.details,
        new RegExp(`HTTP status ${httpStatus}, content-type "text/html"`),
      );
      assert.match(error.details, /the proxy says no/);
    });
  }

  it('of a long page, no more than 1,024 bytes are repeated', async () => {
    answer = (stream) => {
      stream.respond({ ':status': 503, 'content-type': 'text/plain' });
      stream.end('x'.repeat(100_000));
    };
    const error = await failure(call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(/x{1000,}/.exec(error.details)?.[0].length, 1_024);
  });

  it('HTTP 503 without a body', async () => {
    answer = (stream) => stream.respond({ ':status': 503 }, { endStream: true });
    const error = await failure(call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /HTTP status 503, no content-type/);
  });

  it('interim responses are skipped', async () => {
    answer = (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      answerWith(stream, 'late');
    };
    assert.equal(String(await call()), 'late');
  });

  it('a stream that ends without trailers is INTERNAL', async () => {
    answer = (stream) => {
      stream.respond(GRPC);
      stream.end(framed('all but the status'));
    };
    const error = await failure(call());
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /without trailers/);
  });

  it('trailers without grpc-status are UNKNOWN', async () => {
    answer = (stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-other': '1' }));
      stream.end(framed('m'));
    };
    const error = await failure(call());
    assert.equal(error.code, Status.UNKNOWN);
    assert.match(error.details, /without grpc-status/);
  });

  it('a message cut off by the end of the stream is INTERNAL', async () => {
    answer = (stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed('cut off').subarray(0, 8));
    };
    assert.equal((await failure(call())).code, Status.INTERNAL);
  });

  it('a compressed message, though none was offered, is INTERNAL', async () => {
    answer = (stream) => {
      stream.respond(GRPC);
      const message = framed('m');
      message[0] = 1;
      stream.write(message);
    };
    const error = await failure(call());
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /compressed/);
  });

  it('a message over the limit is RESOURCE_EXHAUSTED by its prefix alone', async () => {
    answer = (stream) => {
      stream.respond(GRPC);
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    };
    assert.equal((await failure(call())).code, Status.RESOURCE_EXHAUSTED);
  });

  for (const [name, code] of [
    ['NGHTTP2_CANCEL', Status.CANCELLED],
    ['NGHTTP2_ENHANCE_YOUR_CALM', Status.RESOURCE_EXHAUSTED],
    ['NGHTTP2_INADEQUATE_SECURITY', Status.PERMISSION_DENIED],
    ['NGHTTP2_INTERNAL_ERROR', Status.INTERNAL],
    ['NGHTTP2_PROTOCOL_ERROR', Status.INTERNAL],
    ['NGHTTP2_FLOW_CONTROL_ERROR', Status.INTERNAL],
  ] as const) {
    it(`RST_STREAM ${name.slice(8)}`, async () => {
      answer = (stream) => stream.close(http2.constants[name]);
      const error = await failure(call());
      assert.equal(error.code, code);
      assert.match(error.details, new RegExp(`reset the stream with ${name.slice(8)}`));
    });
  }

  it('RST_STREAM NO_ERROR behind a complete answer harms nothing', async () => {
    answer = (stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '0' }, { endStream: true });
      stream.close(http2.constants.NGHTTP2_NO_ERROR);
    };
    const never = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('still sending');
      await new Promise(() => {});
    };
    const error = await failure(channel.clientStreaming(PATH, never()));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /OK without a message/);
  });

  it('REFUSED_STREAM is retried once, unseen by the caller', async () => {
    let attempts = 0;
    answer = (stream) => {
      attempts += 1;
      if (attempts === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else answerWith(stream, 'second');
    };
    assert.equal(String(await call()), 'second');
    assert.equal(attempts, 2);
  });

  it('REFUSED_STREAM twice is UNAVAILABLE', async () => {
    let attempts = 0;
    answer = (stream) => {
      attempts += 1;
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    };
    const error = await failure(call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(attempts, 2);
  });

  it('a refused stream of requests is sent again in full, up to 256 KiB', async () => {
    const received: string[] = [];
    let attempts = 0;
    answer = (stream) => {
      attempts += 1;
      const attempt = attempts;
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        // The second message is on its way by now.
        if (attempt === 1 && bytes >= 2_010) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      });
      stream.on('end', () => {
        received.push(`attempt ${attempt}: ${bytes}`);
        answerWith(stream, 'done');
      });
    };
    const answered = channel.clientStreaming(PATH, [
      Buffer.alloc(1_000),
      Buffer.alloc(1_000),
      Buffer.alloc(1_000),
    ]);
    assert.equal(String(await answered), 'done');
    assert.deepEqual(received, ['attempt 2: 3015']);
  });

  it('a refused stream that sent more than 256 KiB is UNAVAILABLE', async () => {
    let attempts = 0;
    answer = (stream) => {
      attempts += 1;
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > 300_000) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      });
    };
    const chunks = function* (): Generator<Buffer> {
      for (let i = 0; i < 100; i += 1) yield Buffer.alloc(10_000);
    };
    const error = await failure(channel.clientStreaming(PATH, chunks()));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(attempts, 1);
  });

  it('GOAWAY: the open call finishes, the next one goes to a new connection', async () => {
    let release = (): void => {};
    answer = (stream, session) => {
      if (sessions.length > 1) {
        answerWith(stream, 'new connection');
        return;
      }
      session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id);
      release = () => answerWith(stream, 'old connection');
    };
    const first = call();
    // Until the GOAWAY arrives a second call would still go out on the first connection.
    while (channel.state !== 'READY') await channel.ready();
    while (channel.state === 'READY') await new Promise(setImmediate);
    assert.equal(String(await call()), 'new connection');
    release();
    assert.equal(String(await first), 'old connection');
    assert.equal(sessions.length, 2);
  });

  it('GOAWAY: calls above the last id are made again, unseen by the caller', async () => {
    const below: http2.ServerHttp2Stream[] = [];
    answer = (stream, session) => {
      if (sessions.length > 1) {
        answerWith(stream, 'again');
      } else if (stream.id === 1) {
        below.push(stream);
      } else if (stream.id === 5) {
        session.goaway(http2.constants.NGHTTP2_NO_ERROR, 1);
      }
    };
    const [first, second, third] = [call(), call(), call()];
    assert.equal(String(await second), 'again');
    assert.equal(String(await third), 'again');
    for (const stream of below) answerWith(stream, 'at first');
    assert.equal(String(await first), 'at first');
    assert.equal(sessions.length, 2);
  });

  it('GOAWAY with an error, then a close: UNAVAILABLE, and the text says why', async () => {
    answer = (stream, session) => {
      const why = Buffer.from('tired');
      session.goaway(http2.constants.NGHTTP2_INTERNAL_ERROR, stream.id, why);
      session.destroy();
    };
    const error = await failure(call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /GOAWAY\(INTERNAL_ERROR\) "tired"/);
  });

  it('a connection that breaks: UNAVAILABLE, and the next call makes a new one', async () => {
    answer = (stream) => {
      if (sessions.length > 1) answerWith(stream, 'again');
      else sockets[0]?.destroy();
    };
    assert.equal((await failure(call())).code, Status.UNAVAILABLE);
    assert.equal(String(await call()), 'again');
  });

  it('a ping is answered with its payload', async () => {
    answer = (stream) => answerWith(stream, '');
    await call();
    const payload = Buffer.from('12345678');
    const echoed = await new Promise<Buffer>((resolve, reject) => {
      sessions[0]?.ping(payload, (error, _ms, returned) => {
        if (error === null) resolve(returned);
        else reject(error);
      });
    });
    assert.deepEqual(echoed, payload);
  });

  it('headers larger than we take end one call, not the connection', async () => {
    let calls = 0;
    answer = (stream) => {
      calls += 1;
      if (calls === 1) stream.respond({ ...GRPC, 'x-big': 'b'.repeat(40_000) });
      else answerWith(stream, 'fine');
    };
    const error = await failure(call());
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /response headers of \d+ bytes exceed the limit of 16384/);
    assert.equal(String(await call()), 'fine');
    assert.equal(sessions.length, 1);
  });

  it('a deadline is told to the server as a reset', async () => {
    const closed = new Promise<number>((resolve) => {
      answer = (stream) => {
        stream.on('close', () => resolve(stream.rstCode));
      };
    });
    assert.equal((await failure(call(100))).code, Status.DEADLINE_EXCEEDED);
    assert.equal(await closed, http2.constants.NGHTTP2_CANCEL);
  });
});

describe('a Sluice client and the settings of a bare HTTP/2 server', () => {
  afterEach(async () => {
    await channel.close();
    for (const session of sessions) session.destroy();
    server.close();
    assert.equal(processWheel.size, 0, 'timers left behind');
  });

  it('MAX_CONCURRENT_STREAMS 3: no more are ever open, the others wait and are served', async () => {
    await start({ maxConcurrentStreams: 3 });
    let open = 0;
    let most = 0;
    answer = (stream) => {
      open += 1;
      most = Math.max(most, open);
      stream.on('close', () => {
        open -= 1;
      });
      setImmediate(() => answerWith(stream, 'done'));
    };
    const answers = await Promise.all(Array.from({ length: 60 }, () => call()));
    assert.equal(answers.length, 60);
    assert.ok(most <= 3, `${most} streams were open at once`);
    assert.equal(channel.stats().limits['peer-streams']?.depth, 0);
  });

  it('MAX_CONCURRENT_STREAMS raised while calls wait: they start', async () => {
    await start({ maxConcurrentStreams: 1 });
    let open = 0;
    const held: http2.ServerHttp2Stream[] = [];
    const fiveAreOpen = new Promise<void>((resolve) => {
      answer = (stream, session) => {
        open += 1;
        held.push(stream);
        if (open === 1) session.settings({ maxConcurrentStreams: 5 });
        if (open === 5) resolve();
      };
    });
    const calls = Array.from({ length: 5 }, () => call());
    await fiveAreOpen;
    for (const stream of held) answerWith(stream, 'ok');
    await Promise.all(calls);
  });

  it('INITIAL_WINDOW_SIZE 0: nothing but headers until the window opens', async () => {
    await start({ initialWindowSize: 0 });
    let received = 0;
    const done = new Promise<void>((resolve) => {
      answer = (stream, session) => {
        stream.on('data', (chunk: Buffer) => {
          received += chunk.length;
        });
        stream.on('end', () => {
          answerWith(stream, 'all of it');
          resolve();
        });
        // The ping's answer comes behind anything the client could have sent before it.
        session.ping((error) => {
          assert.equal(error, null);
          assert.equal(received, 0);
          session.settings({ initialWindowSize: 1_000 });
        });
      };
    });
    const answered = channel.unary(PATH, Buffer.alloc(100_000));
    await done;
    assert.equal(received, 100_005);
    assert.equal(String(await answered), 'all of it');
  });

  it('MAX_HEADER_LIST_SIZE: a call that cannot be sent says so, the others go on', async () => {
    await start({ maxHeaderListSize: 2_000 });
    answer = (stream) => answerWith(stream, 'ok');
    await call();
    const { Metadata } = await import('#sluice/index.js');
    const metadata = new Metadata([['x-big', 'b'.repeat(4_000)]]);
    const error = await failure(channel.unary(PATH, Buffer.alloc(1), { metadata }));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /exceed the server's limit of 2000/);
    assert.equal(String(await call()), 'ok');
  });
});
