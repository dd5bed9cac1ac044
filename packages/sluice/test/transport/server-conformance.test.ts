// What a server answers to frames that break a rule, section by section of RFC 9113 and RFC 7541:
// the expectations of h2spec's strict run in our own words, so that they hold without it. Each case
// is sent twice where it makes sense: on a call that is open, and on a request that is not gRPC.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Flags } from '#sluice/frames/flags.js';
import { FrameType } from '#sluice/frames/frame-type.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import type { MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd } from '../support/server-end.js';

const GET: readonly string[] = [
  ...[':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'test:1'],
];
const CALL: readonly string[] = request();

interface Case {
  readonly does: string;
  /** In order, each handed to the server by itself: it answers before the next. */
  readonly sends: readonly ((peer: MockPeer) => void)[];
  readonly expect: string;
}

const open =
  (fields: readonly string[], endStream: boolean, id = 1) =>
  (peer: MockPeer): void => {
    peer.headers(id, fields, { endStream });
  };
const frame =
  (type: number, flags: number, id: number, payload: string) =>
  (peer: MockPeer): void => {
    peer.frame(type, flags, id, Buffer.from(payload, 'hex'));
  };
const data =
  (endStream: boolean, id = 1) =>
  (peer: MockPeer): void => {
    peer.data(id, 'test', { endStream });
  };
/** A field block behind HEADERS or CONTINUATION of the given flags. */
const block =
  (type: number, flags: number, id: number, fields: readonly string[] = GET) =>
  (peer: MockPeer): void => {
    const encoder = new HpackEncoder(0);
    const out = Buffer.alloc(HpackEncoder.bound(fields));
    const end = encoder.writeFields(fields, out, encoder.beginBlock(out, 0));
    peer.frame(type, flags, id, out.subarray(0, end));
  };
const reset = (peer: MockPeer): void => {
  peer.rstStream(1, ErrorCode.CANCEL);
};

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING } = FrameType;
const { GOAWAY, WINDOW_UPDATE, CONTINUATION } = FrameType;
const END_HEADERS: number = Flags.END_HEADERS;
const END_STREAM: number = Flags.END_STREAM;
const PADDED: number = Flags.PADDED;
const protocol = 'GOAWAY PROTOCOL_ERROR';
const size = 'GOAWAY FRAME_SIZE_ERROR';
const compression = 'GOAWAY COMPRESSION_ERROR';

const onOpenStream: readonly Case[] = [
  {
    does: '§6.9.1 two WINDOW_UPDATE that overflow a stream',
    sends: [
      open(CALL, false),
      frame(WINDOW_UPDATE, 0, 1, '7fffffff'),
      frame(WINDOW_UPDATE, 0, 1, '7fffffff'),
    ],
    expect: 'RST_STREAM 1 FLOW_CONTROL_ERROR',
  },
  {
    does: '§8.1 a second HEADERS without END_STREAM',
    sends: [open(CALL, false), data(false), open(['x-test', 'ok'], false)],
    expect: 'RST_STREAM 1 PROTOCOL_ERROR',
  },
  {
    does: '§8.1 a pseudo-header in trailers',
    sends: [open(CALL, false), open([':method', 'POST'], true)],
    expect: 'RST_STREAM 1 PROTOCOL_ERROR',
  },
  {
    does: '§5.1 DATA in half-closed (remote)',
    sends: [open(CALL, true), data(true)],
    expect: 'RST_STREAM 1 STREAM_CLOSED',
  },
  {
    does: '§5.1 HEADERS in half-closed (remote)',
    sends: [open(CALL, true), open(CALL, true)],
    expect: 'RST_STREAM 1 STREAM_CLOSED',
  },
  {
    does: '§6.9 WINDOW_UPDATE of 0 on a stream',
    sends: [open(CALL, false), frame(WINDOW_UPDATE, 0, 1, '00000000')],
    expect: 'RST_STREAM 1 PROTOCOL_ERROR',
  },
];

/** The same on a stream of a call and on one of a request that is refused. */
function onEither(name: string, fields: readonly string[]): readonly Case[] {
  return [
    {
      does: `§5.1 DATA after RST_STREAM, ${name}`,
      sends: [open(fields, false), reset, data(true)],
      expect: 'GOAWAY STREAM_CLOSED',
    },
    {
      does: `§5.1 HEADERS after RST_STREAM, ${name}`,
      sends: [open(fields, false), reset, open(fields, true)],
      expect: 'GOAWAY STREAM_CLOSED',
    },
    {
      does: `§6.3 PRIORITY of 4 bytes, ${name}`,
      sends: [open(fields, false), frame(PRIORITY, 0, 1, '80000001')],
      expect: 'RST_STREAM 1 FRAME_SIZE_ERROR',
    },
    {
      does: `§6.1 DATA padded beyond its end, ${name}`,
      sends: [open(fields, false), frame(DATA, PADDED, 1, '0574657374')],
      expect: protocol,
    },
  ];
}

const onConnection: readonly Case[] = [
  {
    does: '§5.1 DATA on a closed stream',
    sends: [open(GET, true), data(true)],
    expect: 'GOAWAY STREAM_CLOSED',
  },
  {
    does: '§5.1 HEADERS on a closed stream',
    sends: [open(GET, true), open(GET, true)],
    expect: 'GOAWAY STREAM_CLOSED',
  },
  {
    does: '§5.1 CONTINUATION on a closed stream',
    sends: [open(GET, true), block(CONTINUATION, END_HEADERS, 1)],
    expect: protocol,
  },
  { does: '§5.1 DATA on an idle stream', sends: [data(true)], expect: protocol },
  { does: '§5.1 RST_STREAM on an idle stream', sends: [reset], expect: protocol },
  {
    does: '§5.1 WINDOW_UPDATE on an idle stream',
    sends: [frame(WINDOW_UPDATE, 0, 1, '00000064')],
    expect: protocol,
  },
  {
    does: '§5.1 CONTINUATION on an idle stream',
    sends: [block(CONTINUATION, END_HEADERS, 1)],
    expect: protocol,
  },
  { does: '§5.1.1 HEADERS on an even stream', sends: [open(GET, true, 2)], expect: protocol },
  {
    does: '§5.1.1 HEADERS on a lower stream',
    sends: [open(GET, true, 5), open(GET, true, 3)],
    expect: protocol,
  },
  { does: '§6.1 DATA on stream 0', sends: [data(true, 0)], expect: protocol },
  {
    does: '§6.2 HEADERS on stream 0',
    sends: [block(HEADERS, END_HEADERS, 0)],
    expect: protocol,
  },
  {
    does: '§6.2 HEADERS padded beyond its end',
    sends: [frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, '0582')],
    expect: protocol,
  },
  {
    does: '§6.2 PRIORITY inside a field block',
    sends: [block(HEADERS, 0, 1), frame(PRIORITY, 0, 1, '0000000010')],
    expect: protocol,
  },
  {
    does: '§6.2 HEADERS of another stream inside a field block',
    sends: [block(HEADERS, 0, 1), block(HEADERS, END_HEADERS, 3)],
    expect: protocol,
  },
  {
    does: '§5.5 an unknown frame inside a field block',
    sends: [block(HEADERS, 0, 1), frame(0x16, 0, 0, '0000000000000000')],
    expect: protocol,
  },
  {
    does: '§6.3 PRIORITY on stream 0',
    sends: [frame(PRIORITY, 0, 0, '0000000110')],
    expect: protocol,
  },
  {
    does: '§6.4 RST_STREAM on stream 0',
    sends: [frame(RST_STREAM, 0, 0, '00000008')],
    expect: protocol,
  },
  {
    does: '§6.4 RST_STREAM of 3 bytes',
    sends: [open(GET, false), frame(RST_STREAM, 0, 1, '000000')],
    expect: size,
  },
  { does: '§6.5 SETTINGS ACK with a payload', sends: [frame(SETTINGS, 1, 0, '00')], expect: size },
  {
    does: '§6.5 SETTINGS on a stream',
    sends: [frame(SETTINGS, 0, 1, '000300000064')],
    expect: protocol,
  },
  { does: '§6.5 SETTINGS of 3 bytes', sends: [frame(SETTINGS, 0, 0, '000300')], expect: size },
  {
    does: '§6.5.2 ENABLE_PUSH 2',
    sends: [frame(SETTINGS, 0, 0, '000200000002')],
    expect: protocol,
  },
  {
    does: '§6.5.2 INITIAL_WINDOW_SIZE 2^31',
    sends: [frame(SETTINGS, 0, 0, '000480000000')],
    expect: 'GOAWAY FLOW_CONTROL_ERROR',
  },
  {
    does: '§6.5.2 MAX_FRAME_SIZE 16,383',
    sends: [frame(SETTINGS, 0, 0, '000500003fff')],
    expect: protocol,
  },
  {
    does: '§6.5.2 MAX_FRAME_SIZE 2^24',
    sends: [frame(SETTINGS, 0, 0, '000501000000')],
    expect: protocol,
  },
  {
    does: '§6.7 PING on a stream',
    sends: [frame(PING, 0, 1, '0000000000000000')],
    expect: protocol,
  },
  { does: '§6.7 PING of 6 bytes', sends: [frame(PING, 0, 0, '000000000000')], expect: size },
  {
    does: '§6.8 GOAWAY on a stream',
    sends: [frame(GOAWAY, 0, 1, '0000000000000000')],
    expect: protocol,
  },
  {
    does: '§6.9 WINDOW_UPDATE of 0 on stream 0',
    sends: [frame(WINDOW_UPDATE, 0, 0, '00000000')],
    expect: protocol,
  },
  {
    does: '§6.9 WINDOW_UPDATE of 3 bytes',
    sends: [frame(WINDOW_UPDATE, 0, 0, '000001')],
    expect: size,
  },
  {
    does: '§6.9.1 two WINDOW_UPDATE that overflow the connection',
    sends: [frame(WINDOW_UPDATE, 0, 0, '7fffffff'), frame(WINDOW_UPDATE, 0, 0, '7fffffff')],
    expect: 'GOAWAY FLOW_CONTROL_ERROR',
  },
  {
    does: '§6.10 CONTINUATION on stream 0',
    sends: [block(HEADERS, 0, 1), block(CONTINUATION, END_HEADERS, 0)],
    expect: protocol,
  },
  {
    does: '§6.10 CONTINUATION behind END_HEADERS',
    sends: [block(HEADERS, END_HEADERS, 1), block(CONTINUATION, END_HEADERS, 1)],
    expect: protocol,
  },
  {
    does: '§8.4 PUSH_PROMISE from a client',
    sends: [block(PUSH_PROMISE, END_HEADERS, 1)],
    expect: protocol,
  },
  {
    does: '§4.2 DATA above MAX_FRAME_SIZE',
    sends: [open(GET, false), frame(DATA, 0, 1, '00'.repeat(16_385))],
    expect: size,
  },
  {
    does: 'RFC 7541 §6.1 index 0',
    sends: [frame(HEADERS, END_HEADERS | END_STREAM, 1, '80')],
    expect: compression,
  },
  {
    does: 'RFC 7541 §2.3.3 an index past the tables',
    sends: [frame(HEADERS, END_HEADERS | END_STREAM, 1, 'ff00')],
    expect: compression,
  },
  {
    does: 'RFC 7541 §4.2 a table size update behind a field',
    sends: [frame(HEADERS, END_HEADERS | END_STREAM, 1, '8220')],
    expect: compression,
  },
  {
    does: 'RFC 7541 §6.3 a table size above SETTINGS_HEADER_TABLE_SIZE',
    sends: [frame(HEADERS, END_HEADERS | END_STREAM, 1, '3fe21f')],
    expect: compression,
  },
  {
    does: 'RFC 7541 §5.2 Huffman padding of 8 bits',
    sends: [frame(HEADERS, END_HEADERS | END_STREAM, 1, '0085f2b24a84ff84497a57a5')],
    expect: compression,
  },
];

/** Requests that are malformed, whether or not they are gRPC (RFC 9113 §8.1.1). */
function malformed(does: string, fields: readonly string[]): Case {
  return { does, sends: [open(fields, true)], expect: 'RST_STREAM 1 PROTOCOL_ERROR' };
}

function without(name: string): string[] {
  const at = GET.indexOf(name);
  return GET.filter((_, i) => i !== at && i !== at + 1);
}

const requests: readonly Case[] = [
  malformed('§8.2.1 an upper-case name', [...GET, 'X-TEST', 'ok']),
  malformed('§8.3 an unknown pseudo-header', [...GET, ':test', 'ok']),
  malformed('§8.3 a response pseudo-header', [...GET, ':status', '200']),
  malformed('§8.3 a pseudo-header behind a field', ['x-test', 'ok', ...GET]),
  malformed('§8.3.1 an empty :path', [...without(':path'), ':path', '']),
  malformed('§8.3.1 no :method', without(':method')),
  malformed('§8.3.1 no :scheme', without(':scheme')),
  malformed('§8.3.1 no :path', without(':path')),
  malformed('§8.3.1 two :method', [':method', 'GET', ...GET]),
  malformed('§8.3.1 two :scheme', [':scheme', 'http', ...GET]),
  malformed('§8.3.1 two :path', [':path', '/', ...GET]),
  malformed('§8.2.2 a connection field', [...GET, 'connection', 'keep-alive']),
  malformed('§8.2.2 te other than trailers', [...GET, 'te', 'trailers, deflate']),
];

const all: readonly Case[] = [
  ...onConnection,
  ...onOpenStream,
  ...onEither('call', CALL),
  ...onEither('refused request', GET),
  ...requests,
];

for (const { does, sends, expect } of all) {
  test(`${does}: ${expect}`, async () => {
    const end = await ServerEnd.ready();
    const lines: string[] = [];
    for (const send of sends) {
      send(end.peer);
      lines.push(...(await end.transcript()));
    }
    const got = lines.map((line) => line.replace(/^GOAWAY \d+ (\w+).*$/, 'GOAWAY $1'));
    assert.ok(got.includes(expect), `expected ${expect} in:\n${lines.join('\n')}`);
    for (const call of end.calls) call.release();
    await end.settle();
    end.transport.close('the test is over');
    end.peer.end();
    await end.settle();
  });
}

test('frames that cross our reset of a refused request are ignored', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, [...GET, 'content-type', 'application/grpc']);
  const [refusal, ...rest] = await end.transcript();
  assert.match(refusal ?? '', /^HEADERS 1 END_STREAM :status=405 /);
  assert.deepEqual(rest, ['RST_STREAM 1 NO_ERROR']);
  end.peer.data(1, 'test').windowUpdate(1, 5).headers(1, ['x-test', 'ok'], { endStream: true });
  end.peer.ping(1, 2);
  assert.deepEqual(await end.transcript(), ['PING ACK 0000000100000002']);
  await end.finish();
});
