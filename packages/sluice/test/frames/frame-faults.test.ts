// Every rule that a frame can break, its error code and its reach (RFC 9113 §4.2, §5.4, §6).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf, eventsOfBytes, hex, OPTIONS } from './recorder.js';

const PING = hex('000008 06 00 00000000 0000000100000002');

/** What is wrong, the frames, the events; a connection fault must come last and silence the PING. */
const FAULTS: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a frame above MAX_FRAME_SIZE',
    '004001 00 00 00000001',
    ['CONNECTION 6 frame larger than MAX_FRAME_SIZE'],
  ],
  [
    'an unknown frame above MAX_FRAME_SIZE',
    'ffffff 99 00 00000001',
    ['CONNECTION 6 frame larger than MAX_FRAME_SIZE'],
  ],
  ['DATA on stream 0', '000000 00 00 00000000', ['CONNECTION 1 DATA on stream 0']],
  [
    'padded DATA without a pad length',
    '000000 00 08 00000001',
    ['CONNECTION 6 padded DATA too short for its pad length'],
  ],
  [
    'DATA with padding as long as its payload',
    '000003 00 08 00000001 03 0000',
    ['data 1 flags=8 length=3', 'CONNECTION 1 DATA padding is as long as its payload'],
  ],
  ['HEADERS on stream 0', '000001 01 04 00000000 82', ['CONNECTION 1 HEADERS on stream 0']],
  [
    'padded HEADERS without a pad length',
    '000000 01 0c 00000001',
    ['CONNECTION 6 HEADERS too short for its pad length or priority'],
  ],
  [
    'HEADERS with four bytes of priority',
    '000004 01 24 00000001 00000000',
    ['CONNECTION 6 HEADERS too short for its pad length or priority'],
  ],
  [
    'HEADERS with padding longer than the rest',
    '000003 01 0c 00000001 03 8286',
    ['CONNECTION 1 HEADERS padding is longer than its payload'],
  ],
  [
    'HEADERS with priority and padding longer than the rest',
    '000007 01 2c 00000001 02 0000000000 82',
    ['CONNECTION 1 HEADERS padding is longer than its payload'],
  ],
  [
    'HEADERS with a self dependency',
    '000006 01 24 00000003 8000000300 82',
    ['headers 3 flags=36 82', 'STREAM 3 1 HEADERS makes its stream depend on itself', 'ping 1 2'],
  ],
  [
    'PRIORITY on stream 0',
    '000005 02 00 00000000 0000000100',
    ['CONNECTION 1 PRIORITY on stream 0'],
  ],
  [
    'PRIORITY of 6 bytes',
    '000006 02 00 00000001 000000030000',
    ['STREAM 1 6 PRIORITY payload is not 5 bytes', 'ping 1 2'],
  ],
  [
    'PRIORITY with a self dependency',
    '000005 02 00 00000001 0000000100',
    ['STREAM 1 1 PRIORITY makes its stream depend on itself', 'ping 1 2'],
  ],
  [
    'RST_STREAM on stream 0',
    '000004 03 00 00000000 00000008',
    ['CONNECTION 1 RST_STREAM on stream 0'],
  ],
  [
    'RST_STREAM of 3 bytes',
    '000003 03 00 00000001 000008',
    ['CONNECTION 6 RST_STREAM payload is not 4 bytes'],
  ],
  ['SETTINGS on a stream', '000000 04 00 00000001', ['CONNECTION 1 SETTINGS not on stream 0']],
  [
    'SETTINGS of 5 bytes',
    '000005 04 00 00000000 0001000000',
    ['CONNECTION 6 SETTINGS payload is not a multiple of 6 bytes'],
  ],
  [
    'a SETTINGS ACK with a payload',
    '000006 04 01 00000000 000100000000',
    ['CONNECTION 6 SETTINGS ACK with a payload'],
  ],
  [
    'SETTINGS with 33 entries',
    `0000c6 04 00 00000000 ${'000100000000'.repeat(33)}`,
    ['CONNECTION 11 SETTINGS with more than 32 entries'],
  ],
  [
    'ENABLE_PUSH 2',
    '000006 04 00 00000000 000200000002',
    ['CONNECTION 1 ENABLE_PUSH is neither 0 nor 1'],
  ],
  [
    'ENABLE_PUSH 1 from a server',
    '000006 04 00 00000000 000200000001',
    ['CONNECTION 1 ENABLE_PUSH 1 sent by a server'],
  ],
  [
    'INITIAL_WINDOW_SIZE 2^31',
    '000006 04 00 00000000 000480000000',
    ['CONNECTION 3 INITIAL_WINDOW_SIZE above 2^31 - 1'],
  ],
  [
    'MAX_FRAME_SIZE 16,383',
    '000006 04 00 00000000 000500003fff',
    ['CONNECTION 1 MAX_FRAME_SIZE outside 16,384 to 16,777,215'],
  ],
  [
    'MAX_FRAME_SIZE 2^24 behind good entries',
    '00000c 04 00 00000000 000500004000 000501000000',
    ['CONNECTION 1 MAX_FRAME_SIZE outside 16,384 to 16,777,215'],
  ],
  [
    'PUSH_PROMISE on stream 0',
    '000005 05 04 00000000 0000000282',
    ['CONNECTION 1 PUSH_PROMISE on stream 0'],
  ],
  [
    'PUSH_PROMISE of 3 bytes',
    '000003 05 04 00000001 000002',
    ['CONNECTION 6 PUSH_PROMISE too short for its promised stream id'],
  ],
  [
    'PING on a stream',
    '000008 06 00 00000001 0000000000000000',
    ['CONNECTION 1 PING not on stream 0'],
  ],
  [
    'PING of 9 bytes',
    '000009 06 00 00000000 000000000000000000',
    ['CONNECTION 6 PING payload is not 8 bytes'],
  ],
  [
    'GOAWAY on a stream',
    '000008 07 00 00000001 0000000000000000',
    ['CONNECTION 1 GOAWAY not on stream 0'],
  ],
  [
    'GOAWAY of 7 bytes',
    '000007 07 00 00000000 00000000000000',
    ['CONNECTION 6 GOAWAY payload is under 8 bytes'],
  ],
  [
    'WINDOW_UPDATE of 5 bytes',
    '000005 08 00 00000001 0000000100',
    ['CONNECTION 6 WINDOW_UPDATE payload is not 4 bytes'],
  ],
  [
    'an increment of 0 on a stream',
    '000004 08 00 00000001 00000000',
    ['STREAM 1 1 WINDOW_UPDATE of 0', 'ping 1 2'],
  ],
  [
    'an increment of 0 on the connection',
    '000004 08 00 00000000 80000000',
    ['CONNECTION 1 WINDOW_UPDATE of 0 on stream 0'],
  ],
  [
    'CONTINUATION without a block',
    '000001 09 04 00000001 82',
    ['CONNECTION 1 CONTINUATION without an open field block on its stream'],
  ],
  [
    'CONTINUATION on stream 0',
    '000001 09 04 00000000 82',
    ['CONNECTION 1 CONTINUATION without an open field block on its stream'],
  ],
  [
    'CONTINUATION of another stream',
    '000001 01 00 00000001 82 000001 09 04 00000003 84',
    ['CONNECTION 1 CONTINUATION without an open field block on its stream'],
  ],
  [
    'CONTINUATION after its block has ended',
    '000001 01 04 00000001 82 000001 09 04 00000001 84',
    ['headers 1 flags=4 82', 'CONNECTION 1 CONTINUATION without an open field block on its stream'],
  ],
];

for (const [what, frames, events] of FAULTS) {
  test(`${what} is answered as RFC 9113 asks`, () => {
    const bytes = Buffer.concat([hex(frames), PING]);
    assert.deepEqual(eventsOf(bytes), events);
    assert.deepEqual(eventsOfBytes(bytes), events);
    for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(eventsOf(bytes, [cut]), events);
  });
}

test('only CONTINUATION may follow an open field block', () => {
  for (let type = 0; type < 12; type++) {
    if (type === 9) continue;
    const bytes = hex('000001 01 00 00000001 82 000004 0000 00000001 00000001');
    bytes[13] = type;
    assert.deepEqual(eventsOf(bytes), [
      'CONNECTION 1 frame inside a field block that has not ended',
    ]);
  }
});

test('the ninth CONTINUATION of a block is one too many, however small', () => {
  const open = hex('000001 01 00 00000001 82');
  const more = hex('000000 09 00 00000001');
  const last = hex('000001 09 04 00000001 84');
  const calm = ['CONNECTION 11 field block in too many CONTINUATION frames'];
  const eight = Buffer.concat([open, ...Array<Buffer>(7).fill(more), last]);
  assert.deepEqual(eventsOf(eight), ['headers 1 flags=0 8284']);
  assert.deepEqual(eventsOf(Buffer.concat([open, ...Array<Buffer>(8).fill(more), last])), calm);
  const both = eventsOf(Buffer.concat([eight, eight]));
  assert.deepEqual(both, ['headers 1 flags=0 8284', 'headers 1 flags=0 8284'], 'counted by block');
  assert.deepEqual(eventsOf(Buffer.concat([open, ...Array<Buffer>(20_000).fill(more)])), calm);
});

test('a field block above its limit is refused, in one frame and in several', () => {
  const options = { ...OPTIONS, maxHeaderBlock: 10 };
  const tooLarge = ['CONNECTION 11 field block too large'];
  const block = (length: number): string => '82'.repeat(length);
  const ten = [`headers 1 flags=4 ${block(10)}`];
  assert.deepEqual(eventsOf(hex(`00000a 01 04 00000001 ${block(10)}`), [], options), ten);
  assert.deepEqual(eventsOfBytes(hex(`00000a 01 04 00000001 ${block(10)}`), options), ten);
  const eleven = hex(`00000b 01 04 00000001 ${block(11)}`);
  assert.deepEqual(eventsOf(eleven, [], options), tooLarge);
  assert.deepEqual(eventsOf(eleven, [9], options), tooLarge);
  const split = hex(`00000a 01 00 00000001 ${block(10)} 000001 09 04 00000001 82`);
  assert.deepEqual(eventsOf(split, [], options), tooLarge);
  const exact = hex(`000009 01 00 00000001 ${block(9)} 000001 09 04 00000001 82`);
  assert.deepEqual(eventsOf(exact, [], options), [`headers 1 flags=0 ${block(10)}`]);
  const padded = hex(`00000d 01 0c 00000001 02 ${block(10)} 0000`);
  assert.deepEqual(eventsOf(padded, [], options), [`headers 1 flags=12 ${block(10)}`]);
});

test('a client may offer to be pushed to', () => {
  const bytes = hex(
    '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a 000006 04 00 00000000 000200000001',
  );
  assert.deepEqual(eventsOf(bytes, [], { ...OPTIONS, expectPreface: true }), [
    'settings 000200000001',
  ]);
});

test('SETTINGS with 32 entries, unknown ones and values at their edges are accepted', () => {
  const edges =
    '000200000000 00047fffffff 000500004000 000500ffffff 0001ffffffff 0003ffffffff 0006ffffffff abcdffffffff';
  assert.equal(
    eventsOf(hex(`000030 04 00 00000000 ${edges}`)).join(),
    `settings ${edges.replaceAll(' ', '')}`,
  );
  const many = '000100000000'.repeat(32);
  assert.equal(eventsOf(hex(`0000c0 04 00 00000000 ${many}`)).join(), `settings ${many}`);
});
