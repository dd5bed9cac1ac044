// A Sluice client and the answers of a server made of bare node:http2: what a peer says that no gRPC
// library would let us say. gRPC PROTOCOL-HTTP2.md, http-grpc-status-mapping.md.

import assert from 'node:assert/strict';
import type http2 from 'node:http2';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Status } from '#sluice/index.js';
import { failureOf } from '../support/running.js';
import { answerWith, framed, GRPC, PATH, RawServer } from './raw-server.js';

let raw: RawServer;

describe('a Sluice client and the answers of a bare HTTP/2 server', () => {
  beforeEach(async () => {
    raw = await RawServer.start();
  });
  afterEach(() => raw.end());

  it('sends what gRPC asks for', async () => {
    let headers: http2.IncomingHttpHeaders = {};
    raw.server.on('stream', (_stream, received) => {
      headers = received;
    });
    raw.answer = (stream) => answerWith(stream, 'answer');
    assert.equal(String(await raw.call(60_000)), 'answer');
    assert.equal(headers[':method'], 'POST');
    assert.equal(headers[':scheme'], 'http');
    assert.equal(headers[':path'], PATH);
    assert.equal(headers[':authority'], `127.0.0.1:${raw.port}`);
    assert.equal(headers.te, 'trailers');
    assert.equal(headers['content-type'], 'application/grpc');
    assert.match(String(headers['user-agent']), /^grpc-node-sluice\//);
    assert.match(String(headers['grpc-timeout']), /^\d{1,8}[HMSmun]$/);
  });

  it('no timeout is sent for a call without one, and pushes are off', async () => {
    let timeout: string | string[] | undefined = 'unset';
    raw.server.on('stream', (_stream, received) => {
      timeout = received['grpc-timeout'];
    });
    let pushes = true;
    raw.answer = (stream) => {
      pushes = stream.pushAllowed;
      answerWith(stream, '');
    };
    await raw.call();
    assert.equal(timeout, undefined);
    assert.equal(pushes, false);
  });

  it('a trailers-only answer: status, details, metadata', async () => {
    raw.answer = (stream) => {
      const status = { 'grpc-status': '5', 'grpc-message': 'not%20here%3A%20%E4%B8%96' };
      stream.respond({ ...GRPC, ...status, 'x-more': 'yes' }, { endStream: true });
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.NOT_FOUND);
    assert.equal(error.details, 'not here: 世');
    assert.equal(error.metadata.get('x-more'), 'yes');
  });

  it('a status that gRPC does not define is UNKNOWN', async () => {
    raw.answer = (stream) => stream.respond({ ...GRPC, 'grpc-status': '77' }, { endStream: true });
    assert.equal((await failureOf(raw.call())).code, Status.UNKNOWN);
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
      raw.answer = (stream) => {
        stream.respond({ ':status': httpStatus, 'content-type': 'text/html' });
        stream.end('<h1>the proxy says no</h1>');
      };
      const error = await failureOf(raw.call());
      assert.equal(error.code, code);
      assert.match(
        error.details,
        new RegExp(`HTTP status ${httpStatus}, content-type "text/html"`),
      );
      assert.match(error.details, /the proxy says no/);
    });
  }

  it('of a long page, no more than 1,024 bytes are repeated', async () => {
    raw.answer = (stream) => {
      stream.respond({ ':status': 503, 'content-type': 'text/plain' });
      stream.end('x'.repeat(100_000));
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(/x{1000,}/.exec(error.details)?.[0].length, 1_024);
  });

  it('HTTP 503 without a body', async () => {
    raw.answer = (stream) => stream.respond({ ':status': 503 }, { endStream: true });
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /HTTP status 503, no content-type/);
  });

  it('interim responses are skipped', async () => {
    raw.answer = (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      answerWith(stream, 'late');
    };
    assert.equal(String(await raw.call()), 'late');
  });

  it('a stream that ends without trailers is INTERNAL', async () => {
    raw.answer = (stream) => {
      stream.respond(GRPC);
      stream.end(framed('all but the status'));
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /without trailers/);
  });

  it('trailers without grpc-status are UNKNOWN', async () => {
    raw.answer = (stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-other': '1' }));
      stream.end(framed('m'));
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.UNKNOWN);
    assert.match(error.details, /without grpc-status/);
  });

  it('a message cut off by the end of the stream is INTERNAL', async () => {
    raw.answer = (stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed('cut off').subarray(0, 8));
    };
    assert.equal((await failureOf(raw.call())).code, Status.INTERNAL);
  });

  it('a compressed message, though none was offered, is INTERNAL', async () => {
    raw.answer = (stream) => {
      stream.respond(GRPC);
      const message = framed('m');
      message[0] = 1;
      stream.write(message);
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.INTERNAL);
    assert.match(error.details, /compressed/);
  });

  it('a message over the limit is RESOURCE_EXHAUSTED by its prefix alone', async () => {
    raw.answer = (stream) => {
      stream.respond(GRPC);
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    };
    assert.equal((await failureOf(raw.call())).code, Status.RESOURCE_EXHAUSTED);
  });

  it('headers larger than we take end one call, not the connection', async () => {
    let calls = 0;
    raw.answer = (stream) => {
      calls += 1;
      if (calls === 1) stream.respond({ ...GRPC, 'x-big': 'b'.repeat(40_000) });
      else answerWith(stream, 'fine');
    };
    const error = await failureOf(raw.call());
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /response headers of \d+ bytes exceed the limit of 16384/);
    assert.equal(String(await raw.call()), 'fine');
    assert.equal(raw.sessions.length, 1);
  });
});
