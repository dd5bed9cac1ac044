// "GOAWAYs that we send" of docs/errors.md: each text, provoked by the frames that it is about.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode, errorCodeName } from '#sluice/frames/error-code.js';
import { pingItem } from '#sluice/transport/control-buffer.js';
import { openCall } from '../support/client-call.js';
import { ClientEnd } from '../support/client-end.js';
import type { MockPeer } from '../support/mock-peer.js';
import { request, ServerEnd, type ServerEndOptions } from '../support/server-end.js';
import { TransportPair } from '../support/transport-pair.js';
import { listed } from './listed.js';

const DATA = 0x0;
const HEADERS = 0x1;
const PRIORITY = 0x2;
const RST_STREAM = 0x3;
const SETTINGS = 0x4;
const PUSH_PROMISE = 0x5;
const PING = 0x6;
const GOAWAY = 0x7;
const WINDOW_UPDATE = 0x8;
const CONTINUATION = 0x9;
const END_HEADERS = 0x4;
const PADDED = 0x8;

type Send = (peer: MockPeer) => unknown;

/** What a peer sends, and the text of the GOAWAY that answers it. */
type Fault = readonly [text: string, send: Send, options?: ServerEndOptions];

function frame(type: number, flags: number, streamId: number, hex = ''): Send {
  return (peer) => peer.frame(type, flags, streamId, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

/** A request whose field block is these bytes. */
function block(hex: string): Send {
  return frame(HEADERS, END_HEADERS, 1, hex);
}

function all(...sends: readonly Send[]): Send {
  return (peer) => {
    for (const send of sends) send(peer);
  };
}

const CALL: Send = (peer) => peer.headers(1, request());

/** The lines behind the fault hold one GOAWAY: this code, a text of the page. */
function assertGoAway(lines: readonly string[], code: number, text: string): void {
  const goAways = lines.filter((line) => line.startsWith('GOAWAY'));
  const [, name, told] = /^GOAWAY \d+ (\w+) (.*)$/.exec(goAways[0] ?? '') ?? [];
  assert.match(told ?? lines.join('\n'), listed(text));
  assert.equal(name, errorCodeName(code));
  assert.equal(goAways.length, 1);
}

async function closeEnd(end: ServerEnd | ClientEnd): Promise<void> {
  if (end instanceof ServerEnd) for (const call of end.calls) call.release();
  await end.settle();
  await end.finish();
}

function fromClients(code: number, faults: readonly Fault[]): void {
  describe(`a server answers ${errorCodeName(code)}`, () => {
    for (const [text, send, options] of faults) {
      it(text, async () => {
        const end = await ServerEnd.ready({}, options);
        send(end.peer);
        assertGoAway(await end.transcript(), code, text);
        await closeEnd(end);
      });
    }
  });
}

fromClients(ErrorCode.COMPRESSION_ERROR, [
  ['a field has index 0', block('80')],
  ['a field has an index past the end of the table', block('be')],
  ['a name has an index past the end of the table', block('7f00 0161')],
  ['a table size update follows a field', block('82 20')],
  ['a block starts with more than two table size updates', block('20 20 20 82')],
  ['a table size update is above the limit we set', block('3fe2 1f')],
  ['the block ends inside an integer', block('ff')],
  ['an integer is longer than 5 octets', block('ffff ffff ff7f')],
  ['the block ends where a string should start', block('4001 61')],
  ['the block ends inside a string', block('4001')],
  ['a Huffman coded string holds EOS or is padded wrongly', block('0082 ffff 0161')],
]);

fromClients(ErrorCode.PROTOCOL_ERROR, [
  ['HEADERS on stream <id>, an even id', (peer) => peer.headers(2, request())],
  [
    'HEADERS on stream <id>, which is not above <id>',
    (peer) => peer.headers(5, request()).headers(3, request()),
  ],
  ['DATA padding is as long as its payload', all(CALL, frame(DATA, PADDED, 1, '03 0000'))],
  [
    'HEADERS padding is longer than its payload',
    frame(HEADERS, PADDED | END_HEADERS, 1, '03 8286'),
  ],
  [
    'CONTINUATION without an open field block on its stream',
    frame(CONTINUATION, END_HEADERS, 1, '82'),
  ],
  [
    'frame inside a field block that has not ended',
    all(frame(HEADERS, 0, 1, '82'), frame(PING, 0, 0, '0000000000000000')),
  ],
  ['PUSH_PROMISE, though push is disabled', frame(PUSH_PROMISE, END_HEADERS, 1, '00000002 82')],
  ['ENABLE_PUSH is neither 0 nor 1', frame(SETTINGS, 0, 0, '0002 00000002')],
  ['MAX_FRAME_SIZE outside 16,384 to 16,777,215', frame(SETTINGS, 0, 0, '0005 00003fff')],
  ['WINDOW_UPDATE of 0 on stream 0', frame(WINDOW_UPDATE, 0, 0, '00000000')],
]);

// The kind of frame stands at a place of its own in these.
const PLACES: readonly (readonly [text: string, kind: string, send: Send])[] = [
  ['on idle stream <id>', 'DATA', frame(DATA, 0, 9, '00')],
  ['on idle stream <id>', 'RST_STREAM', frame(RST_STREAM, 0, 9, '00000008')],
  ['on idle stream <id>', 'WINDOW_UPDATE', frame(WINDOW_UPDATE, 0, 9, '00000001')],
  ['on idle stream <id>', 'a faulty frame', frame(PRIORITY, 0, 9, '00')],
  ['on stream 0', 'DATA', frame(DATA, 0, 0, '00')],
  ['on stream 0', 'HEADERS', frame(HEADERS, END_HEADERS, 0, '82')],
  ['on stream 0', 'PRIORITY', frame(PRIORITY, 0, 0, '0000000110')],
  ['on stream 0', 'PUSH_PROMISE', frame(PUSH_PROMISE, END_HEADERS, 0, '00000002 82')],
  ['on stream 0', 'RST_STREAM', frame(RST_STREAM, 0, 0, '00000008')],
  ['not on stream 0', 'SETTINGS', frame(SETTINGS, 0, 1, '')],
  ['not on stream 0', 'PING', frame(PING, 0, 1, '0000000000000000')],
  ['not on stream 0', 'GOAWAY', frame(GOAWAY, 0, 1, '0000000000000000')],
];

describe('a server answers PROTOCOL_ERROR to a frame in a place that is not its own', () => {
  const rows = {
    'on idle stream <id>':
      '<HEADERS, DATA, RST_STREAM, WINDOW_UPDATE or a faulty frame> on idle stream <id>',
    'on stream 0': '<DATA, HEADERS, PRIORITY, PUSH_PROMISE or RST_STREAM> on stream 0',
    'not on stream 0': '<SETTINGS, PING or GOAWAY> not on stream 0',
  };
  for (const [place, kind, send] of PLACES) {
    it(`${kind} ${place}`, async () => {
      const row = Object.entries(rows).find(([name]) => name === place)?.[1] ?? '';
      assert.ok(row.includes(kind), `the page does not name ${kind}`);
      const end = await ServerEnd.ready();
      send(end.peer);
      const lines = await end.transcript();
      assertGoAway(lines, ErrorCode.PROTOCOL_ERROR, row);
      const told = `${kind} ${place.replace('<id>', '9')}`;
      assert.ok(lines[0]?.endsWith(` PROTOCOL_ERROR ${told}`), lines[0]);
      await closeEnd(end);
    });
  }
});

fromClients(ErrorCode.FRAME_SIZE_ERROR, [
  ['frame larger than MAX_FRAME_SIZE', (peer) => peer.frame(0x77, 0, 1, Buffer.alloc(16_385))],
  ['padded DATA too short for its pad length', all(CALL, frame(DATA, PADDED, 1))],
  ['HEADERS too short for its pad length or priority', frame(HEADERS, PADDED | END_HEADERS, 1)],
  ['PUSH_PROMISE too short for its promised stream id', frame(PUSH_PROMISE, END_HEADERS, 1, '00')],
  ['GOAWAY payload is under 8 bytes', frame(GOAWAY, 0, 0, '00000000')],
  ['PING payload is not 8 bytes', frame(PING, 0, 0, '00')],
  ['RST_STREAM payload is not 4 bytes', all(CALL, frame(RST_STREAM, 0, 1, '00'))],
  ['WINDOW_UPDATE payload is not 4 bytes', frame(WINDOW_UPDATE, 0, 0, '00')],
  ['SETTINGS ACK with a payload', frame(SETTINGS, 1, 0, '00')],
  ['SETTINGS payload is not a multiple of 6 bytes', frame(SETTINGS, 0, 0, '000300')],
]);

fromClients(ErrorCode.STREAM_CLOSED, [
  [
    'HEADERS on closed stream <id>',
    (peer) => peer.headers(1, request()).rstStream(1, 8).headers(1, request()),
  ],
  [
    'DATA on closed stream <id>',
    (peer) => peer.headers(1, request()).rstStream(1, 8).data(1, 'late'),
  ],
]);

fromClients(ErrorCode.FLOW_CONTROL_ERROR, [
  ['WINDOW_UPDATE <n> overflows the connection', (peer) => peer.windowUpdate(0, 0x7fff_ffff)],
  ['INITIAL_WINDOW_SIZE above 2^31 - 1', frame(SETTINGS, 0, 0, '0004 80000000')],
  [
    'INITIAL_WINDOW_SIZE <n> overflows a window',
    (peer) =>
      peer
        .headers(1, request())
        .windowUpdate(1, 1_000)
        .settings({ INITIAL_WINDOW_SIZE: 0x7fff_ffff }),
  ],
]);

fromClients(ErrorCode.ENHANCE_YOUR_CALM, [
  [
    'empty-data: <n> DATA frames without data, <n> is the limit beyond those with data; send data, or END_STREAM',
    (peer) => {
      peer.headers(1, request());
      for (let i = 0; i < 200; i += 1) peer.data(1, '');
    },
  ],
  [
    'header-list-hard: a header list of <n> bytes, <n> is the limit; send less metadata',
    (peer) => {
      const pair = ['k', 'v'.repeat(500)];
      const many = Array.from({ length: 1_000 }, () => pair).flat();
      peer.headers(1, [...request(), ...many]);
    },
  ],
  [
    'header-block: a field block of more than 65536 bytes; send less metadata',
    (peer) => {
      const value = (i: number): string => `${i}`.padEnd(10_000, '\u00ff');
      const many = Array.from({ length: 8 }, (_, i) => [`k${i}`, value(i)]).flat();
      peer.headers(1, [...request(), ...many]);
    },
  ],
  [
    'continuations: a field block in more than 8 CONTINUATION frames; fill them, or send less metadata',
    (peer) => peer.headers(1, request('/s/m', { k: 'v'.repeat(200) }), { split: 10 }),
  ],
  [
    'settings-entries: SETTINGS with more than 32 entries; send each once',
    (peer) => frame(SETTINGS, 0, 0, '000100000000'.repeat(33))(peer),
  ],
  [
    'premature-resets: more than <n> calls were reset before they had ended, and one for each that completed; cancel less, or let more calls end',
    (peer) => {
      for (let id = 1; id < 2_100; id += 2) peer.headers(id, request()).rstStream(id, 8);
    },
  ],
  [
    'caused-resets: more than <n> streams had to be reset for faults of the peer, and one for each call that completed; keep to HTTP/2 and to SETTINGS',
    (peer) => {
      for (let id = 1; id < 2_100; id += 2) peer.headers(id, request()).windowUpdate(id, 0);
    },
  ],
  [
    'glitches: more than <n> frames of no use, and <n> a second; send nothing for streams that are over, acknowledge what was sent, and give credit by more than a few bytes',
    (peer) => {
      for (let i = 0; i <= 10_000; i += 1) peer.settingsAck();
    },
  ],
]);

/** A pair whose server has written until its socket was full: the client does not read. */
async function unread(): Promise<TransportPair> {
  const wide = { initialStreamWindow: 4_000_000, initialConnectionWindow: 4_000_000 };
  const pair = new TransportPair({
    client: wide,
    server: { minPingIntervalMs: 0, permitPingsWithoutStream: true },
    toServer: { chunkLength: () => 170 },
    toClient: { capacity: 1_000 },
    onStream: (stream) => {
      stream.listen({ onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} });
      stream.send(Buffer.alloc(1_000_000));
    },
  });
  await pair.settle();
  pair.clientSocket.pause();
  openCall(pair.client);
  await pair.settle();
  assert.equal(pair.server.connection.loopy.state, 'blocked-on-socket');
  return pair;
}

describe('a server ends the connection of a peer', () => {
  it('that begins with something else: not the HTTP/2 client preface', async () => {
    const end = new ServerEnd();
    end.peer.raw(Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    const text = 'not the HTTP/2 client preface';
    assertGoAway(await end.transcript(), ErrorCode.PROTOCOL_ERROR, text);
    await end.finish();
  });

  it('whose first frame is no SETTINGS', async () => {
    const end = new ServerEnd();
    end.peer.preface().ping(1, 1);
    const text = 'the first frame of a connection must be SETTINGS';
    assertGoAway(await end.transcript(), ErrorCode.PROTOCOL_ERROR, text);
    await end.finish();
  });

  it('that says nothing for 10 s', async () => {
    const end = new ServerEnd();
    end.clock.advance(10_100);
    const text = 'no HTTP/2 preface and SETTINGS within <n> ms';
    assertGoAway(await end.transcript(), ErrorCode.SETTINGS_TIMEOUT, text);
    await end.finish();
  });

  it('that took next to nothing of what it asked for', async () => {
    const pair = await unread();
    await pair.pass(21_000);
    assert.match(
      pair.serverClosed?.reason ?? '',
      listed(
        'slow-read: the peer took <n> bytes in 20000 ms, 20480 is the least; read faster, or cancel what is not wanted',
      ),
    );
    pair.clientSocket.resume();
    await pair.settle();
    await pair.pass(2_000);
    pair.assertNothingLeft();
  });

  it('that gives credit by a few bytes at a time', async () => {
    const end = await ServerEnd.ready({ INITIAL_WINDOW_SIZE: 0 });
    end.handler = (call) => {
      call.send(Buffer.alloc(100_000));
    };
    end.peer.headers(1, request(), { endStream: true });
    await end.settle();
    for (let second = 0; second < 22; second += 1) {
      end.peer.windowUpdate(1, 1);
      await end.settle();
      end.clock.advance(1_000);
    }
    assertGoAway(
      await end.transcript(),
      ErrorCode.ENHANCE_YOUR_CALM,
      'slow-read: the peer took <n> bytes in 20000 ms by credit of less than 1024, 20480 is the least; read faster, or cancel what is not wanted',
    );
    end.clock.advance(2_000);
    await closeEnd(end);
  });

  it('that reads no answer to its pings', async () => {
    const pair = await unread();
    for (let i = 0; i < 2_000; i += 1) pair.client.connection.loopy.buffer.put(pingItem(0x7e57, i));
    await pair.settle();
    await pair.pass(1_100);
    assert.match(
      pair.serverClosed?.reason ?? '',
      listed(
        'response-frames: <n> replies wait for a peer that does not read, <n> is the limit; read what comes',
      ),
    );
    pair.clientSocket.resume();
    await pair.settle();
    await pair.pass(2_000);
    pair.assertNothingLeft();
  });
});

describe('a client answers PROTOCOL_ERROR', () => {
  for (const [text, send] of [
    ['ENABLE_PUSH 1 sent by a server', (peer) => peer.settings({ ENABLE_PUSH: 1 })],
    ['PUSH_PROMISE, though push is disabled', frame(PUSH_PROMISE, END_HEADERS, 1, '00000002 82')],
  ] as const satisfies readonly Fault[]) {
    it(text, async () => {
      const end = await ClientEnd.ready();
      const call = end.unary();
      await end.transcript();
      send(end.peer);
      assertGoAway(await end.transcript(), ErrorCode.PROTOCOL_ERROR, text);
      assert.deepEqual(call.events, [`end UNAVAILABLE: ${text}`]);
      await end.finish();
    });
  }

  it('HEADERS after the end of stream 1, which it still reads', async () => {
    const end = await ClientEnd.ready();
    const call = end.open('/s/m', [], 0);
    call.send('hi', true);
    await end.transcript();
    const head = [':status', '200', 'content-type', 'application/grpc'];
    end.peer.headers(1, head).data(1, Buffer.from('0000000000', 'hex'));
    end.peer.headers(1, ['grpc-status', '0'], { endStream: true });
    end.peer.headers(1, ['grpc-status', '0'], { endStream: true });
    const text = 'HEADERS after the end of stream <id>';
    assertGoAway(await end.transcript(), ErrorCode.STREAM_CLOSED, text);
    call.stream.request(2);
    await end.finish();
  });
});
