// "What the server answered" and, for responses, "Messages" of docs/errors.md: each text, provoked by
// the frames of a mock server that it is about.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { ClientEnd, type ClientEndOptions } from '../support/client-end.js';
import { framed, type MockPeer } from '../support/mock-peer.js';
import { assertListed } from './listed.js';

const HEAD = [':status', '200', 'content-type', 'application/grpc'];
const OK = ['grpc-status', '0'];

const LAST = { endStream: true };

type Answer = (peer: MockPeer) => unknown;

/** How a unary call ends that is answered like this, as `STATUS: details`. */
async function endOf(answer: Answer, options: ClientEndOptions = {}): Promise<string> {
  const end = await ClientEnd.ready({}, options);
  const call = end.unary();
  await end.settle();
  answer(end.peer);
  await end.settle();
  await end.finish();
  return call.events.at(-1)?.replace(/^end /, '') ?? '';
}

/** The call ends with this status and a text of the page. */
function assertEnd(end: string, status: string, text: string): void {
  const [, name, details] = /^([A-Z_]+(?: unprocessed)?): (.*)$/s.exec(end) ?? [];
  assertListed(details, text);
  assert.equal(name, status);
}

type Row = readonly [
  status: string,
  text: string,
  answer: Answer,
  options?: ClientEndOptions,
  title?: string,
];

function answers(what: string, rows: readonly Row[]): void {
  describe(what, () => {
    for (const [status, text, answer, options, title] of rows) {
      it(title ?? text, async () => assertEnd(await endOf(answer, options), status, text));
    }
  });
}

answers('a server that resets the stream', [
  [
    'UNAVAILABLE unprocessed',
    'the peer reset the stream with REFUSED_STREAM',
    (peer) => peer.rstStream(1, ErrorCode.REFUSED_STREAM),
  ],
  [
    'CANCELLED',
    'the peer reset the stream with CANCEL',
    (peer) => peer.rstStream(1, ErrorCode.CANCEL),
  ],
  [
    'RESOURCE_EXHAUSTED',
    'the peer reset the stream with ENHANCE_YOUR_CALM',
    (peer) => peer.rstStream(1, ErrorCode.ENHANCE_YOUR_CALM),
  ],
  [
    'PERMISSION_DENIED',
    'the peer reset the stream with INADEQUATE_SECURITY',
    (peer) => peer.rstStream(1, ErrorCode.INADEQUATE_SECURITY),
  ],
  [
    'INTERNAL',
    'the peer reset the stream with <other code of RFC 9113>',
    (peer) => peer.rstStream(1, ErrorCode.INTERNAL_ERROR),
  ],
  ['UNKNOWN', 'the peer reset the stream with <unknown code>', (peer) => peer.rstStream(1, 0x1234)],
]);

answers('a server that breaks a rule of responses', [
  [
    'UNAVAILABLE',
    'the response is not gRPC: HTTP status <n>, <content-type "..." or no content-type>; body: <text>',
    (peer) =>
      peer
        .headers(1, [':status', '503', 'content-type', 'text/html'])
        .data(1, 'overloaded', { endStream: true }),
  ],
  [
    'INTERNAL',
    'HTTP status <n> ended the stream',
    (peer) => peer.headers(1, [':status', '103'], { endStream: true }),
  ],
  [
    'UNKNOWN',
    'the server ended the call without grpc-status',
    (peer) => peer.headers(1, HEAD, { endStream: true }),
    {},
    'trailers alone without grpc-status',
  ],
  [
    'UNKNOWN',
    'the server ended the call without grpc-status',
    (peer) =>
      peer.headers(1, HEAD).data(1, framed('a')).headers(1, ['t', 'w'], { endStream: true }),
    {},
    'trailers behind a message without grpc-status',
  ],
  [
    'INTERNAL',
    'the server ended the stream without trailers',
    (peer) => peer.headers(1, HEAD).data(1, framed('a'), { endStream: true }),
  ],
  [
    'INTERNAL',
    'the server sent HEADERS twice without ending the stream',
    (peer) => peer.headers(1, HEAD).headers(1, HEAD),
  ],
  [
    'RESOURCE_EXHAUSTED',
    'response headers of <n> bytes exceed the limit of <n>',
    (peer) => peer.headers(1, [...HEAD, 'k', 'v'.repeat(20_000)]),
  ],
  [
    'INTERNAL',
    'malformed response: :status is not three digits',
    (peer) => peer.headers(1, [':status', '20']),
  ],
]);

/** Each `<fault>`, and fields that have it; trailers where they may begin with anything. */
const FAULTS: readonly (readonly [fault: string, ...fields: string[]])[] = [
  ['empty field name', '', 'v'],
  ['uppercase letter in a field name', 'X-Test', 'v'],
  ['invalid character in a field name', 'a b', 'v'],
  ['NUL, CR or LF in a field value', 'k', 'a\nb'],
  ['pseudo-header that is unknown or not allowed here', ':test', 'v'],
  ['connection-specific field', 'connection', 'close'],
  ['te other than trailers', 'te', 'gzip'],
];

describe('malformed fields of a response', () => {
  for (const [fault, ...fields] of FAULTS) {
    it(`are told: ${fault}`, async () => {
      const inTrailers = await endOf((peer) => peer.headers(1, HEAD).headers(1, fields, LAST));
      assertEnd(inTrailers, 'INTERNAL', 'malformed trailers: <fault>');
      const inHead = await endOf((peer) => peer.headers(1, [':status', '200', ...fields]));
      assertEnd(inHead, 'INTERNAL', 'malformed response: <fault>');
      for (const end of [inHead, inTrailers]) assertListed(end.split(': ')[2], fault);
    });
  }

  for (const [fault, fields] of [
    ['pseudo-header given twice', [':status', '200', ':status', '200']],
    ['pseudo-header after a regular field', ['k', 'v', ':status', '200']],
    ['required pseudo-header missing', ['k', 'v']],
  ] as const) {
    it(`are told: ${fault}`, async () => {
      const end = await endOf((peer) => peer.headers(1, fields));
      assertEnd(end, 'INTERNAL', 'malformed response: <fault>');
      assertListed(end.split(': ')[2], fault);
    });
  }
});

const UNREAD = { transport: { initialConnectionWindow: 1_000_000 } };

answers('a stream error of a server', [
  [
    'INTERNAL',
    'the peer sent DATA before its response HEADERS',
    (peer) => peer.data(1, framed('a')),
  ],
  ['INTERNAL', 'WINDOW_UPDATE of 0', (peer) => peer.windowUpdate(1, 0)],
  [
    'INTERNAL',
    "WINDOW_UPDATE <n> overflows the stream's window",
    (peer) => peer.windowUpdate(1, 0x7fff_ffff),
  ],
  [
    'INTERNAL',
    'HEADERS makes its stream depend on itself',
    (peer) => peer.frame(0x1, 0x24, 1, Buffer.from('000000010088', 'hex')),
  ],
  [
    'INTERNAL',
    'PRIORITY makes its stream depend on itself',
    (peer) => peer.frame(0x2, 0, 1, Buffer.from('0000000100', 'hex')),
  ],
  [
    'INTERNAL',
    'PRIORITY payload is not 5 bytes',
    (peer) => peer.frame(0x2, 0, 1, Buffer.from('00', 'hex')),
  ],
]);

describe('a stream error of a server that nobody reads', () => {
  it('the peer sent more bytes than its window has left', async () => {
    const end = await ClientEnd.ready({}, UNREAD);
    const call = end.open('/s/m', [], 0);
    await end.settle();
    end.peer.headers(1, HEAD);
    for (let i = 0; i < 5; i += 1) end.peer.data(1, Buffer.alloc(16_384));
    await end.settle();
    const text = 'the peer sent <n> bytes with <n> of its window left';
    assertEnd(call.events[1]?.replace(/^end /, '') ?? '', 'INTERNAL', text);
    await end.finish();
  });

  it('the peer sent DATA after END_STREAM', async () => {
    const end = await ClientEnd.ready();
    const call = end.open('/s/m', [], 0);
    await end.settle();
    end.peer.headers(1, HEAD).data(1, framed('a')).headers(1, OK, { endStream: true });
    end.peer.data(1, framed('b'));
    await end.settle();
    const text = 'the peer sent DATA after END_STREAM';
    assertEnd(call.events[1]?.replace(/^end /, '') ?? '', 'INTERNAL', text);
    await end.finish();
  });
});

/** Answers with these bytes as messages. */
function body(bytes: Uint8Array, ...fields: string[]): Answer {
  return (peer) =>
    peer
      .headers(1, [...HEAD, ...fields])
      .data(1, bytes)
      .headers(1, OK, { endStream: true });
}

answers('messages of a server', [
  [
    'INTERNAL',
    'received a message with compressed flag <n>, which is neither 0 nor 1',
    body(Buffer.from('0200000000', 'hex')),
  ],
  [
    'RESOURCE_EXHAUSTED',
    'received a message of <n> bytes, above the limit of <n>; raise maxReceiveMessageLength',
    body(framed('x'.repeat(101))),
    { transport: { maxReceiveMessageLength: 100 } },
  ],
  [
    'INTERNAL',
    'the stream ended inside a message, after <n> of the 5 bytes of its prefix',
    body(Buffer.from('000000', 'hex')),
  ],
  ['INTERNAL', 'a compressed message without grpc-encoding', body(framed('x', true))],
  [
    'INTERNAL',
    'grpc-encoding "<name>" is not supported; this client takes <list>',
    body(framed('x', true), 'grpc-encoding', 'snappy'),
  ],
  [
    'INTERNAL',
    'cannot decompress a message (<encoding>): <why>',
    body(framed('x', true), 'grpc-encoding', 'gzip'),
  ],
]);

it('a message that ends halfway is told with what came of it', async () => {
  const end = await endOf(body(framed('abcdef').subarray(0, 8)));
  const [, where] = end.split('INTERNAL: the stream ended inside a message, ');
  assertListed(where, 'after <n> of its <n> bytes');
});
