// What the writers make is what the reader tells, byte for byte where the RFC leaves no choice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeDataHeader } from '#sluice/frames/data.js';
import { ErrorCode, errorCodeName } from '#sluice/frames/error-code.js';
import { writeFrameHeader } from '#sluice/frames/frame-header.js';
import { MAX_GO_AWAY_FRAME_LENGTH, writeGoAway } from '#sluice/frames/go-away.js';
import { headersOverhead, sealHeaders } from '#sluice/frames/headers.js';
import { PING_FRAME_LENGTH, writePing } from '#sluice/frames/ping.js';
import { RST_STREAM_FRAME_LENGTH, writeRstStream } from '#sluice/frames/rst-stream.js';
import {
  SETTING_LENGTH,
  SettingId,
  settingId,
  settingValue,
  writeSettings,
  writeSettingsAck,
} from '#sluice/frames/settings.js';
import { WINDOW_UPDATE_FRAME_LENGTH, writeWindowUpdate } from '#sluice/frames/window-update.js';
import { mulberry32 } from '../support/random.js';
import { eventsOf, hex, OPTIONS } from './recorder.js';

/** Runs a writer at an odd offset and checks that it writes nothing outside of what it says. */
function written(capacity: number, write: (out: Buffer, at: number) => number): Buffer {
  const out = Buffer.alloc(capacity + 6, 0xee);
  const end = write(out, 3);
  assert.ok(end <= capacity + 3, `${end - 3} bytes, room for ${capacity}`);
  assert.equal(out.toString('hex', 0, 3), 'eeeeee');
  assert.equal(out.toString('hex', end), 'ee'.repeat(out.length - end));
  return out.subarray(3, end);
}

test('each writer makes the bytes of RFC 9113', () => {
  const frames: [string, Buffer][] = [
    [
      '123456 ab cd 7fffffff',
      written(9, (out, at) => writeFrameHeader(out, at, 0x123456, 0xab, 0xcd, 0x7fffffff)),
    ],
    ['000005 00 01 00000003', written(9, (out, at) => writeDataHeader(out, at, 3, true, 5))],
    ['000005 00 00 00000003', written(9, (out, at) => writeDataHeader(out, at, 3, false, 5))],
    [
      '000004 03 00 00000003 ffffffff',
      written(RST_STREAM_FRAME_LENGTH, (out, at) => writeRstStream(out, at, 3, 0xffffffff)),
    ],
    ['000000 04 00 00000000', written(9, (out, at) => writeSettings(out, at, []))],
    [
      '00000c 04 00 00000000 000200000000 0004ffffffff',
      written(21, (out, at) =>
        writeSettings(out, at, [
          SettingId.ENABLE_PUSH,
          0,
          SettingId.INITIAL_WINDOW_SIZE,
          0xffffffff,
        ]),
      ),
    ],
    ['000000 04 01 00000000', written(9, writeSettingsAck)],
    [
      '000008 06 00 00000000 02041010090e0707',
      written(PING_FRAME_LENGTH, (out, at) => writePing(out, at, false, 0x02041010, 0x090e0707)),
    ],
    [
      '000008 06 01 00000000 fffffffe80000000',
      written(PING_FRAME_LENGTH, (out, at) => writePing(out, at, true, 0xfffffffe, 0x80000000)),
    ],
    [
      '00000a 07 00 00000000 7fffffff0000000b 6869',
      written(19, (out, at) => writeGoAway(out, at, 0x7fffffff, ErrorCode.ENHANCE_YOUR_CALM, 'hi')),
    ],
    [
      '00000a 07 00 00000000 0000000100000000 00ff',
      written(19, (out, at) => writeGoAway(out, at, 1, ErrorCode.NO_ERROR, hex('00ff'))),
    ],
    [
      '000004 08 00 00000000 7fffffff',
      written(WINDOW_UPDATE_FRAME_LENGTH, (out, at) => writeWindowUpdate(out, at, 0, 0x7fffffff)),
    ],
    [
      '000003 01 04 00000001 eeeeee',
      written(12, (out, at) => sealHeaders(out, at, 1, false, 3, 16_384)),
    ],
    ['000000 01 05 00000001', written(9, (out, at) => sealHeaders(out, at, 1, true, 0, 16_384))],
  ];
  for (const [expected, bytes] of frames)
    assert.equal(bytes.toString('hex'), expected.replaceAll(' ', ''));
});

test('random frames are told as they were written', () => {
  const random = mulberry32(2);
  const uint = (max: number): number => Math.floor(random() * (max + 1));
  for (let round = 0; round < 2000; round++) {
    const streamId = 1 + uint(0x7ffffffe);
    const code = uint(0xffffffff);
    const high = uint(0xffffffff);
    const low = uint(0xffffffff);
    const increment = 1 + uint(0x7ffffffe);
    const ack = random() < 0.5;
    const out = Buffer.alloc(200);
    let at = writePing(out, 0, ack, high, low);
    at = writeRstStream(out, at, streamId, code);
    at = writeWindowUpdate(out, at, streamId, increment);
    at = writeWindowUpdate(out, at, 0, increment);
    at = writeGoAway(out, at, streamId, code, 'because');
    at = writeSettings(out, at, [uint(0xffff) | 0x100, low]);
    assert.deepEqual(eventsOf(out.subarray(0, at)).slice(0, 5), [
      `ping${ack ? ' ack' : ''} ${high} ${low}`,
      `rst ${streamId} ${code}`,
      `window ${streamId} ${increment}`,
      `window 0 ${increment}`,
      `goaway ${streamId} ${code} because`,
    ]);
    const entry = at - SETTING_LENGTH;
    assert.ok(settingId(out, entry) >= 0x100);
    assert.equal(settingValue(out, entry), low);
  }
});

test('GOAWAY debug data is cut at 1,024 bytes', () => {
  for (const debug of ['x'.repeat(5000), Buffer.alloc(5000, 'x'), 'x'.repeat(1024)]) {
    const bytes = written(MAX_GO_AWAY_FRAME_LENGTH, (out, at) => writeGoAway(out, at, 1, 2, debug));
    assert.deepEqual(eventsOf(bytes), [`goaway 1 2 ${'x'.repeat(1024)}`]);
  }
});

test('a sealed block comes back whole, at every length around the frame size', () => {
  for (const maxFrameSize of [10, 16_384]) {
    const lengths = [0, 1, maxFrameSize - 1, maxFrameSize, maxFrameSize + 1, maxFrameSize * 2];
    lengths.push(
      maxFrameSize * 2 + 1,
      maxFrameSize * 3 - 1,
      maxFrameSize * 3,
      maxFrameSize * 3 + 5,
    );
    for (const blockLength of lengths) {
      const block = Buffer.alloc(blockLength);
      for (let i = 0; i < blockLength; i++) block[i] = (i * 7 + (i >> 8)) & 0xff;
      const capacity = blockLength + headersOverhead(blockLength, maxFrameSize);
      const bytes = written(capacity, (out, at) => {
        block.copy(out, at + 9);
        return sealHeaders(out, at, 5, true, blockLength, maxFrameSize);
      });
      assert.equal(bytes.length, capacity);
      const options = { ...OPTIONS, maxFrameSize };
      const flags = blockLength > maxFrameSize ? 1 : 5;
      const expected = [`headers 5 flags=${flags} ${block.toString('hex')}`.trimEnd()];
      assert.deepEqual(eventsOf(bytes, [], options), expected);
      assert.deepEqual(eventsOf(bytes, [4, 11], options), expected);
    }
  }
});

test('error codes have the names of RFC 9113, and unknown ones their number', () => {
  for (const [name, code] of Object.entries(ErrorCode)) assert.equal(errorCodeName(code), name);
  assert.equal(errorCodeName(13), 'HTTP_1_1_REQUIRED');
  assert.equal(errorCodeName(14), 'UNKNOWN_ERROR_CODE_0xe');
  assert.equal(errorCodeName(0xffffffff), 'UNKNOWN_ERROR_CODE_0xffffffff');
});
