// A Sluice client and a server made of bare node:http2 that resets streams, goes away, breaks, and
// sets its SETTINGS. RFC 9113 §5.4, §6.5, §6.8; gRFC A6 "transparent retries".

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Metadata, Status } from '#sluice/index.js';
import { failureOf } from '../support/running.js';
import { answerWith, GRPC, PATH, RawServer } from './raw-server.js';

let raw: RawServer;

describe('a Sluice client and a bare HTTP/2 server that ends things', () => {
  beforeEach(async () => {
    raw = await RawServer.start();
  });
  afterEach(() => raw.end());

  for (const [name, code] of [
    ['NGHTTP2_CANCEL', Status.CANCELLED],
    ['NGHTTP2_ENHANCE_YOUR_CALM', Status.RESOURCE_EXHAUSTED],
    ['NGHTTP2_INADEQUATE_SECURITY', Status.PERMISSION_DENIED],
    ['NGHTTP2_INTERNAL_ERROR', Status.INTERNAL],
    ['NGHTTP2_PROTOCOL_ERROR', Status.INTERNAL],
    ['NGHTTP2_FLOW_CONTROL_ERROR', Status.INTERNAL],
  ] as const) {
    it(`RST_STREAM ${name.slice(8)}`, async () => {
      raw.answer = (stream) => stream.close(http2.constants[name]);
      const error = await failureOf(raw.call());
      assert.equal(error.code, code);
      assert.match(error.details, new RegExp(`reset the stream with ${name.slice(8)}`));
    });
  }

  it('RST_STREAM NO_ERROR behind a complete answer harms nothing', async () => {
    raw.answer = (stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '0' }, { endStream: true });
      // Closed in the same turn, newer versions of Node send the reset alone.
      setImmediate(() => stream.close(http2.constants.NGHTTP2_NO_ERROR));
    };
    const never = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('still sending');
      await new Promise(() => {});
    };
    const error = await failureOf(raw.channel.clientStreaming(PATH, never()));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /OK without a message/);
  });

  it('REFUSED_STREAM is retried once, unseen by the caller', async () => {
    let attempts = 0;
    raw.answer = (stream) => {
      attempts += 1;
      if (attempts === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else answerWith(stream, 'second');
    };
    assert.equal(String(await raw.call()), 'second');
    assert.equal(attempts, 2);
  });

  it('REFUSED_STREAM twice is UNAVAILABLE', async () => {
    let attempts = 0;
    raw.answer = (stream) => {
      attempts += 1;
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(attempts, 2);
  });

  it('a refused stream of requests is sent again in full, up to 256 KiB', async () => {
    const received: string[] = [];
    let attempts = 0;
    raw.answer = (stream) => {
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
    const answered = raw.channel.clientStreaming(PATH, [
      Buffer.alloc(1_000),
      Buffer.alloc(1_000),
      Buffer.alloc(1_000),
    ]);
    assert.equal(String(await answered), 'done');
    assert.deepEqual(received, ['attempt 2: 3015']);
  });

  it('a refused stream that sent more than 256 KiB is UNAVAILABLE', async () => {
    let attempts = 0;
    raw.answer = (stream) => {
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
    const error = await failureOf(raw.channel.clientStreaming(PATH, chunks()));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(attempts, 1);
  });

  it('GOAWAY: the open call finishes, the next one goes to a new connection', async () => {
    let release = (): void => {};
    raw.answer = (stream, session) => {
      if (raw.sessions.length > 1) {
        answerWith(stream, 'new connection');
        return;
      }
      session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id);
      release = () => answerWith(stream, 'old connection');
    };
    const first = raw.call();
    // Until the GOAWAY arrives a second call would still go out on the first connection.
    while (raw.channel.state !== 'READY') await raw.channel.ready();
    while (raw.channel.state === 'READY') await new Promise(setImmediate);
    assert.equal(String(await raw.call()), 'new connection');
    release();
    assert.equal(String(await first), 'old connection');
    assert.equal(raw.sessions.length, 2);
  });

  it('GOAWAY: calls above the last id are made again, unseen by the caller', async () => {
    const below: http2.ServerHttp2Stream[] = [];
    raw.answer = (stream, session) => {
      if (raw.sessions.length > 1) {
        answerWith(stream, 'again');
      } else if (stream.id === 1) {
        below.push(stream);
      } else if (stream.id === 5) {
        session.goaway(http2.constants.NGHTTP2_NO_ERROR, 1);
      }
    };
    const [first, second, third] = [raw.call(), raw.call(), raw.call()];
    assert.equal(String(await second), 'again');
    assert.equal(String(await third), 'again');
    for (const stream of below) answerWith(stream, 'at first');
    assert.equal(String(await first), 'at first');
    assert.equal(raw.sessions.length, 2);
  });

  it('GOAWAY with an error, then a close: UNAVAILABLE, and the text says why', async () => {
    raw.answer = (stream, session) => {
      const why = Buffer.from('tired');
      session.goaway(http2.constants.NGHTTP2_INTERNAL_ERROR, stream.id, why);
      session.destroy();
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /GOAWAY\(INTERNAL_ERROR\) "tired"/);
  });

  it('a connection that breaks: UNAVAILABLE, and the next call makes a new one', async () => {
    raw.answer = (stream) => {
      if (raw.sessions.length > 1) answerWith(stream, 'again');
      else raw.sockets[0]?.destroy();
    };
    assert.equal((await failureOf(raw.call())).code, Status.UNAVAILABLE);
    assert.equal(String(await raw.call()), 'again');
  });

  it('a ping is answered with its payload', async () => {
    raw.answer = (stream) => answerWith(stream, '');
    await raw.call();
    const payload = Buffer.from('12345678');
    const echoed = await new Promise<Buffer>((resolve, reject) => {
      raw.sessions[0]?.ping(payload, (error, _ms, returned) => {
        if (error === null) resolve(returned);
        else reject(error);
      });
    });
    assert.deepEqual(echoed, payload);
  });

  it('a deadline is told to the server as a reset', async () => {
    const closed = new Promise<number>((resolve) => {
      raw.answer = (stream) => {
        stream.on('close', () => resolve(stream.rstCode));
      };
    });
    assert.equal((await failureOf(raw.call(100))).code, Status.DEADLINE_EXCEEDED);
    assert.equal(await closed, http2.constants.NGHTTP2_CANCEL);
  });
});

describe('a Sluice client and the settings of a bare HTTP/2 server', () => {
  afterEach(() => raw.end());

  it('MAX_CONCURRENT_STREAMS 3: no more are ever open, the others wait and are served', async () => {
    raw = await RawServer.start({ maxConcurrentStreams: 3 });
    let open = 0;
    let most = 0;
    raw.answer = (stream) => {
      open += 1;
      most = Math.max(most, open);
      stream.on('close', () => {
        open -= 1;
      });
      setImmediate(() => answerWith(stream, 'done'));
    };
    const answers = await Promise.all(Array.from({ length: 60 }, () => raw.call()));
    assert.equal(answers.length, 60);
    assert.ok(most <= 3, `${most} streams were open at once`);
    assert.equal(raw.channel.stats().limits['peer-streams']?.depth, 0);
  });

  it('MAX_CONCURRENT_STREAMS raised while calls wait: they start', async () => {
    raw = await RawServer.start({ maxConcurrentStreams: 1 });
    let open = 0;
    const held: http2.ServerHttp2Stream[] = [];
    const fiveAreOpen = new Promise<void>((resolve) => {
      raw.answer = (stream, session) => {
        open += 1;
        held.push(stream);
        if (open === 1) session.settings({ maxConcurrentStreams: 5 });
        if (open === 5) resolve();
      };
    });
    const calls = Array.from({ length: 5 }, () => raw.call());
    await fiveAreOpen;
    for (const stream of held) answerWith(stream, 'ok');
    await Promise.all(calls);
  });

  it('INITIAL_WINDOW_SIZE 0: nothing but headers until the window opens', async () => {
    raw = await RawServer.start({ initialWindowSize: 0 });
    let received = 0;
    const done = new Promise<void>((resolve) => {
      raw.answer = (stream, session) => {
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
    const answered = raw.channel.unary(PATH, Buffer.alloc(100_000));
    await done;
    assert.equal(received, 100_005);
    assert.equal(String(await answered), 'all of it');
  });

  it('MAX_HEADER_LIST_SIZE: a call that cannot be sent says so, the others go on', async () => {
    raw = await RawServer.start({ maxHeaderListSize: 2_000 });
    raw.answer = (stream) => answerWith(stream, 'ok');
    await raw.call();
    const metadata = new Metadata([['x-big', 'b'.repeat(4_000)]]);
    const error = await failureOf(raw.channel.unary(PATH, Buffer.alloc(1), { metadata }));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /exceed the server's limit of 2000/);
    assert.equal(String(await raw.call()), 'ok');
  });
});
