// A reference conversation: every frame type, with and without padding and priority, blocks in one
// and in several frames, every stream fault, and text and lengths at their edges.

import { CLIENT_PREFACE } from '#sluice/frames/preface.js';
import { hex } from './recorder.js';

/** Each frame by itself; the preface is not among them. */
export const FRAMES: readonly Buffer[] = [
  hex('00000c 04 00 00000000 000300000064 00040000ffff'),
  hex('000000 04 00 00000000'),
  hex('000000 04 01 00000000'),
  hex('000005 01 04 00000001 8286848741'), // HEADERS
  hex('000000 01 05 00000003'), // an empty block
  hex('00000e 01 2c 00000005 02 8000000110 828684858686 0000'), // padded, with priority
  hex('000002 01 00 00000007 8286'), // a block in three frames
  hex('000000 09 00 00000007'),
  hex('000003 09 04 00000007 848741'),
  hex('00000b 01 29 00000009 03 0000000910 8286 000000'), // self-dependent, padded, goes on
  hex('000001 09 04 00000009 84'),
  hex('000001 01 04 0000000b 82'), // none of the above
  hex('000005 00 00 00000001 68656c6c6f'), // DATA
  hex('000000 00 01 00000001'),
  hex('000008 00 09 00000003 04 616263 00000000'),
  hex('000001 00 08 00000003 00'),
  hex('000003 00 08 00000003 02 0000'), // padding only
  hex('000005 02 00 00000003 000000010f'), // PRIORITY
  hex('000005 02 00 00000003 800000030f'), // self-dependent
  hex('000004 02 00 00000003 00000001'), // of a wrong length
  hex('000004 03 00 00000003 00000008'), // RST_STREAM
  hex('000008 06 00 00000000 02041010090e0707'), // PING
  hex('000008 06 01 00000000 fffffffe80000001'),
  hex('000004 08 00 00000000 0000ffff'), // WINDOW_UPDATE
  hex('000004 08 00 80000001 ffffffff'), // reserved bits
  hex('000004 08 00 00000001 80000000'), // an increment of 0
  hex('000003 5f ff 0000002a 010203'), // an unknown type
  hex('000000 0a 00 00000000'),
  hex('000008 07 00 00000000 7fffffff00000000'), // GOAWAY
  hex('000016 07 00 00000000 000000050000000b 746f6f5f6d616e795f70696e6773'),
  hex('000004 00 01 80000001 00000000'),
];

/** The conversation as a client sends it. */
export const CONVERSATION: Buffer = Buffer.concat([CLIENT_PREFACE, ...FRAMES]);

/** What a reader tells of it. */
export const EVENTS: readonly string[] = [
  'settings 00030000006400040000ffff',
  'settings',
  'settings ack',
  'headers 1 flags=4 8286848741',
  'headers 3 flags=5',
  'headers 5 flags=44 828684858686',
  'headers 7 flags=0 8286848741',
  'headers 9 flags=41 828684',
  'STREAM 9 1 HEADERS makes its stream depend on itself',
  'headers 11 flags=4 82',
  'data 1 flags=0 length=5',
  'end 1 flags=0 padding=0 68656c6c6f',
  'data 1 flags=1 length=0',
  'end 1 flags=1 padding=0',
  'data 3 flags=9 length=8',
  'end 3 flags=9 padding=5 616263',
  'data 3 flags=8 length=1',
  'end 3 flags=8 padding=1',
  'data 3 flags=8 length=3',
  'end 3 flags=8 padding=3',
  'priority 3',
  'STREAM 3 1 PRIORITY makes its stream depend on itself',
  'STREAM 3 6 PRIORITY payload is not 5 bytes',
  'rst 3 8',
  'ping 33820688 151914247',
  'ping ack 4294967294 2147483649',
  'window 0 65535',
  'window 1 2147483647',
  'STREAM 1 1 WINDOW_UPDATE of 0',
  'unknown 95 42',
  'unknown 10 0',
  'goaway 2147483647 0',
  'goaway 5 11 too_many_pings',
  'data 1 flags=1 length=4',
  'end 1 flags=1 padding=0 00000000',
];
