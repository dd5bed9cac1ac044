// "Statuses a server sends by itself" and, for requests, "Messages" of docs/errors.md, with the texts
// of calls that are answered with RST_STREAM alone: each provoked by the frames of a mock client.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd, type ServerEndOptions } from '../support/server-end.js';
import { assertListed } from './listed.js';

const LAST = { endStream: true };

type Send = (peer: MockPeer) => unknown;

type Row = readonly [
  status: Status,
  text: string,
  send: Send,
  http?: number,
  options?: ServerEndOptions,
];

/** What the server said to call 1: `:status`, `grpc-status` and the text. */
function said(peer: MockPeer, id = 1): { http: string; status: string; text: string } {
  const list = peer.fieldsOf(id).length - 1;
  const text = decodeURIComponent(peer.field(id, 'grpc-message', list) ?? '');
  return {
    http: peer.field(id, ':status') ?? '',
    status: peer.field(id, 'grpc-status', list) ?? '',
    text,
  };
}

async function finish(end: ServerEnd): Promise<void> {
  for (const call of end.calls) call.release();
  await end.finish();
}

function bad(path: string, change: { readonly [name: string]: string } = {}): Send {
  return (peer) => peer.headers(1, request(path, change), LAST);
}

/** A request with these bytes as messages. */
function body(bytes: Uint8Array, change: { readonly [name: string]: string } = {}): Send {
  return (peer) => peer.headers(1, request('/s/m', change)).data(1, bytes, LAST);
}

const ROWS: readonly Row[] = [
  [Status.UNIMPLEMENTED, 'malformed method name: "<path>"', bad('/a/../b')],
  [
    Status.INTERNAL,
    'more than one :authority or host',
    (peer) => peer.headers(1, [':authority', 'a', ...request()], LAST),
    400,
  ],
  [
    Status.INTERNAL,
    'malformed grpc-timeout "<value>"',
    bad('/s/m', { 'grpc-timeout': 'soon' }),
    400,
  ],
  [Status.INTERNAL, 'the value of "<key>" is not base64', bad('/s/m', { 'k-bin': '!!' }), 400],
  [Status.INTERNAL, 'method "<method>" should be POST', bad('/s/m', { ':method': 'GET' }), 405],
  [
    Status.INVALID_ARGUMENT,
    'this server speaks gRPC (application/grpc); the request has <content-type "..." or no content-type>',
    bad('/s/m', { 'content-type': 'application/json' }),
    415,
  ],
  [
    Status.RESOURCE_EXHAUSTED,
    'request headers of <n> bytes exceed the limit of <n>',
    bad('/s/m', { k: 'v'.repeat(20_000) }),
  ],
  [Status.DEADLINE_EXCEEDED, 'expired on arrival', bad('/s/m', { 'grpc-timeout': '0n' })],
  [
    Status.INTERNAL,
    'received a message with compressed flag <n>, which is neither 0 nor 1',
    body(Buffer.from('0200000000', 'hex')),
  ],
  [
    Status.RESOURCE_EXHAUSTED,
    'received a message of <n> bytes, above the limit of <n>; raise maxReceiveMessageLength on the server',
    body(framed('x'.repeat(101))),
    200,
    { transport: { maxReceiveMessageLength: 100 } },
  ],
  [
    Status.INTERNAL,
    'the stream ended inside a message, after <n> of the 5 bytes of its prefix',
    body(Buffer.from('000000', 'hex')),
  ],
  [Status.INTERNAL, 'a compressed message without grpc-encoding', body(framed('x', true))],
  [
    Status.UNIMPLEMENTED,
    'grpc-encoding "<name>" is not supported; send one of <list>',
    body(framed('x', true), { 'grpc-encoding': 'snappy' }),
  ],
  [
    Status.INTERNAL,
    'cannot decompress a message (<encoding>): <why>',
    body(framed('x', true), { 'grpc-encoding': 'gzip' }),
  ],
];

describe('a server answers', () => {
  for (const [status, text, send, http = 200, options = {}] of ROWS) {
    it(text, async () => {
      const end = await ServerEnd.ready({}, options);
      send(end.peer);
      await end.settle();
      const got = said(end.peer);
      assertListed(got.text, text);
      assert.deepEqual([got.http, got.status], [String(http), String(status)]);
      // Where a handler has begun, it hears the same.
      const heard = end.calls[0]?.events.filter((event) => event.startsWith('cancel')) ?? [];
      assert.ok(heard.every((event) => event === `cancel: ${got.text}`));
      await finish(end);
    });
  }

  it('415 with the text as its body', async () => {
    const end = await ServerEnd.ready();
    end.peer.headers(1, request('/s/m', { 'content-type': 'application/json' }), LAST);
    await end.settle();
    assert.equal(String(end.peer.body(1)), `${said(end.peer).text}\n`);
    await end.finish();
  });

  it('to a call more than its handlers take', async () => {
    const end = await ServerEnd.ready({}, { limits: { handlers: 1 } });
    end.peer.headers(1, request()).headers(3, request(), LAST);
    await end.settle();
    const { status, text } = said(end.peer, 3);
    assert.equal(status, String(Status.RESOURCE_EXHAUSTED));
    assertListed(
      text,
      'refused by the handlers limit: <n> of <n> run on this connection; slow down or raise limits.handlers on the server',
    );
    end.call().end();
    await end.finish();
  });

  it('to new calls and to writers of a client that does not read', async () => {
    const end = await ServerEnd.ready({}, { limits: { queuedBytes: 100_000 } });
    end.peer.headers(1, request());
    await end.settle();
    // The client's window takes 65,535 bytes; the rest waits here.
    while (!end.call().stream.isEnded) end.call().send(Buffer.alloc(30_000));
    await end.settle();
    assertListed(
      end.call().events.at(-1)?.replace('cancel: ', ''),
      'refused by the queued-bytes limit: <n> of <n> bytes wait for the client to read; this call writes on; wait for onWritable after send() returns false',
    );
    end.peer.headers(3, request(), LAST);
    await end.settle();
    end.call(1).send(Buffer.alloc(110_000));
    end.peer.headers(5, request(), LAST);
    await end.settle();
    const { status, text } = said(end.peer, 5);
    assert.equal(status, String(Status.RESOURCE_EXHAUSTED));
    assertListed(
      text,
      'refused by the queued-bytes limit: <n> of <n> bytes of responses wait for the client to read; read them or raise limits.queuedBytes on the server',
    );
    end.call(1).end();
    end.peer.rstStream(1, ErrorCode.CANCEL).rstStream(3, ErrorCode.CANCEL);
    await end.settle();
    await finish(end);
  });
});

/** The RST_STREAM that answers, and the text that is told of it inside. */
async function resetOf(send: Send): Promise<{ lines: string[]; texts: string[] }> {
  const end = await ServerEnd.ready();
  const { connection } = end.transport;
  const texts: string[] = [];
  const fault = connection.faultStream.bind(connection);
  connection.faultStream = (streamId, errorCode, reason) => {
    texts.push(reason);
    fault(streamId, errorCode, reason);
  };
  send(end.peer);
  const lines = await end.transcript();
  await finish(end);
  return { lines, texts };
}

describe('a server answers with RST_STREAM alone', () => {
  for (const [code, text, send] of [
    ['PROTOCOL_ERROR', 'malformed request: <fault>', bad('/s/m', { connection: 'close' })],
    [
      'PROTOCOL_ERROR',
      'malformed request: :path is empty',
      bad('', { 'content-type': 'text/plain' }),
    ],
    [
      'PROTOCOL_ERROR',
      'a second HEADERS that is no trailers',
      (peer: MockPeer) => peer.headers(1, request()).headers(1, ['t', 'w']),
    ],
    [
      'PROTOCOL_ERROR',
      'content-length <n>, but <n> bytes of DATA came',
      (peer: MockPeer) => {
        const change = { 'content-type': 'text/plain', 'content-length': '3' };
        peer.headers(1, request('/s/m', change)).data(1, 'four', LAST);
      },
    ],
    [
      'STREAM_CLOSED',
      'HEADERS after the end of stream <id>',
      (peer: MockPeer) => peer.headers(1, request(), LAST).headers(1, ['t', 'w'], LAST),
    ],
  ] as const) {
    it(`${code}: ${text}`, async () => {
      const { lines, texts } = await resetOf(send);
      assert.deepEqual(lines, [`RST_STREAM 1 ${code}`]);
      assert.equal(texts.length, 1);
      assertListed(texts[0], text);
    });
  }
});
