// What the reader tells of well-formed frames, and holding it (RFC 9113 §4, §6).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { CLIENT_PREFACE } from '#sluice/frames/preface.js';
import { mulberry32 } from '../support/random.js';
import { CONVERSATION, EVENTS, FRAMES } from './conversation.js';
import { eventsOf, eventsOfBytes, hex, OPTIONS, Recorder } from './recorder.js';

const SERVER = { ...OPTIONS, expectPreface: true };

test('every frame type is told once, in the order of the wire', () => {
  assert.deepEqual(eventsOf(CONVERSATION, [], SERVER), EVENTS);
});

test('a conversation cut in two at any byte tells the same', () => {
  for (let cut = 0; cut <= CONVERSATION.length; cut++) {
    assert.deepEqual(eventsOf(CONVERSATION, [cut], SERVER), EVENTS, `cut at ${cut}`);
  }
});

test('a conversation in chunks of one byte tells the same', () => {
  assert.deepEqual(eventsOfBytes(CONVERSATION, SERVER), EVENTS);
});

test('a conversation in random chunks tells the same', () => {
  const random = mulberry32(1);
  for (let round = 0; round < 300; round++) {
    const cuts: number[] = [];
    let at = 0;
    for (;;) {
      at += Math.floor(random() * 40);
      if (at >= CONVERSATION.length) break;
      cuts.push(at);
    }
    assert.deepEqual(eventsOf(CONVERSATION, cuts, SERVER), EVENTS, cuts.join());
  }
});

test('a reader held in every event stops at the next frame and loses nothing', () => {
  for (const chunkLength of [1, 2, 7, 64, CONVERSATION.length]) {
    const recorder = new Recorder();
    const reader = new FrameReader(recorder, SERVER);
    recorder.onEvent = () => reader.hold();
    for (let start = 0; start < CONVERSATION.length; start += chunkLength) {
      const end = Math.min(start + chunkLength, CONVERSATION.length);
      let at = start;
      while (at < end) {
        reader.release();
        const before = recorder.events.length;
        at = reader.read(CONVERSATION, at, end);
        const told = recorder.events.slice(before);
        const frames = told.filter((event) => !event.startsWith('end ')).length;
        assert.ok(frames <= 1 || told[1]?.startsWith('STREAM 9'), told.join('\n'));
      }
    }
    assert.deepEqual(recorder.events, EVENTS, `chunks of ${chunkLength}`);
  }
});

test('a held reader takes nothing until it is released, even with half a header in hand', () => {
  const ping = hex('000008 06 00 00000000 0000000100000002');
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, OPTIONS);
  assert.equal(reader.read(ping, 0, 5), 5);
  reader.hold();
  assert.equal(reader.read(ping, 5, ping.length), 5);
  assert.deepEqual(recorder.events, []);
  reader.release();
  assert.equal(reader.read(ping, 5, ping.length), ping.length);
  assert.deepEqual(recorder.events, ['ping 1 2']);
});

test('a reader held inside a DATA frame finishes that frame and stops before the next', () => {
  const bytes = Buffer.concat([
    hex('000004 00 00 00000001 01020304'),
    hex('000000 00 01 00000001'),
  ]);
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, OPTIONS);
  recorder.onEvent = () => reader.hold();
  assert.equal(reader.read(bytes, 0, 10), 10);
  assert.equal(reader.read(bytes, 10, bytes.length), 13);
  assert.deepEqual(recorder.events, [
    'data 1 flags=0 length=4',
    'end 1 flags=0 padding=0 01020304',
  ]);
});

test('a reader stopped by its handler tells nothing more and swallows the rest', () => {
  for (let stopAt = 0; stopAt < EVENTS.length; stopAt++) {
    for (const chunkLength of [1, 5, CONVERSATION.length]) {
      const recorder = new Recorder();
      const reader = new FrameReader(recorder, SERVER);
      recorder.onEvent = () => {
        if (recorder.events.length === stopAt + 1) reader.stop();
      };
      for (let at = 0; at < CONVERSATION.length; at += chunkLength) {
        const end = Math.min(at + chunkLength, CONVERSATION.length);
        assert.equal(reader.read(CONVERSATION, at, end), end);
      }
      assert.equal(reader.stopped, true);
      assert.deepEqual(recorder.events, EVENTS.slice(0, stopAt + 1));
    }
  }
});

test('a reader stopped in the middle of DATA tells nothing more', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, OPTIONS);
  recorder.onDataBytes = () => reader.stop();
  const bytes = hex('000004 00 01 00000001 01020304 000000 04 01 00000000');
  assert.equal(reader.read(bytes, 0, bytes.length), bytes.length);
  assert.deepEqual(recorder.events, ['data 1 flags=1 length=4']);
  assert.equal(reader.stopped, true);
});

test('each frame is told as soon as its last byte is there', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, OPTIONS);
  for (const frame of FRAMES) {
    const told = recorder.events.length;
    assert.equal(reader.read(frame, 0, frame.length), frame.length);
    const opensBlock = (frame[3] === 1 || frame[3] === 9) && ((frame[4] ?? 0) & 4) === 0;
    assert.equal(recorder.events.length > told, !opensBlock, frame.toString('hex'));
  }
});

test('DATA is passed on as views of the chunk it came in', () => {
  const seen: [Buffer, number, number][] = [];
  const recorder = new Recorder();
  recorder.onDataBytes = (_streamId, chunk, start, end) => seen.push([chunk, start, end]);
  const reader = new FrameReader(recorder, OPTIONS);
  const bytes = hex('ffff 000006 00 08 00000001 01 01020304 00');
  reader.read(bytes, 2, bytes.length);
  assert.deepEqual(
    seen.map(([chunk, start, end]) => [chunk === bytes, start, end]),
    [[true, 12, 16]],
  );
});

test('a field block within one chunk is passed on as a view of it', () => {
  let view: Buffer | undefined;
  const recorder = new Recorder();
  recorder.onHeaders = (_streamId, _flags, block) => {
    view = block;
  };
  const reader = new FrameReader(recorder, OPTIONS);
  const bytes = hex('000002 01 04 00000001 8286');
  const idle = reader.retainedBytes;
  reader.read(bytes, 0, bytes.length);
  assert.equal(view, bytes);
  assert.equal(reader.retainedBytes, idle);
});

test('GOAWAY keeps 1,024 bytes of its debug data and skips the rest', () => {
  const head = hex('0003fa 07 00 00000000 0000000100000002');
  for (const extra of [0, 1, 1015, 1023, 1024, 1025, 9000]) {
    const frame = Buffer.concat([head, Buffer.alloc(extra, 'x'), hex('000000 04 01 00000000')]);
    frame.writeUIntBE(8 + extra, 0, 3);
    const expected = [`goaway 1 2 ${'x'.repeat(Math.min(extra, 1024))}`.trimEnd(), 'settings ack'];
    assert.deepEqual(eventsOf(frame), expected);
    assert.deepEqual(eventsOf(frame, [12, 300]), expected);
    assert.deepEqual(eventsOfBytes(frame), expected);
  }
});

test('PUSH_PROMISE is told and its payload skipped', () => {
  const frame = hex('000005 05 04 00000001 0000000282 000000 04 01 00000000');
  assert.deepEqual(eventsOf(frame), ['push 1', 'settings ack']);
  assert.deepEqual(eventsOfBytes(frame), ['push 1', 'settings ack']);
});

test('a server reads nothing but the preface first', () => {
  assert.deepEqual(eventsOf(CLIENT_PREFACE, [], SERVER), []);
  for (let wrong = 0; wrong < CLIENT_PREFACE.length; wrong++) {
    const bytes = Buffer.from(CLIENT_PREFACE);
    bytes[wrong] = (bytes[wrong] ?? 0) ^ 0x20;
    const fault = ['CONNECTION 1 not the HTTP/2 client preface'];
    assert.deepEqual(eventsOf(bytes, [], SERVER), fault);
    assert.deepEqual(eventsOf(bytes.subarray(0, wrong + 1), [], SERVER), fault);
    assert.deepEqual(eventsOfBytes(bytes, SERVER), fault);
  }
});

test('a block is joined in a scratch that grows as bytes come and is let go when large', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, { ...OPTIONS, maxFrameSize: 65_536 });
  const idle = reader.retainedBytes;
  const header = hex('00ffff 01 04 00000001');
  reader.read(header, 0, header.length);
  assert.equal(reader.retainedBytes, idle, 'nothing is taken for a claim');
  const byte = Buffer.from([0x82]);
  reader.read(byte, 0, 1);
  assert.ok(reader.retainedBytes <= idle + 1024);
  const rest = Buffer.alloc(0xfffe, 0x82);
  reader.read(rest, 0, 0xfffd);
  assert.ok(reader.retainedBytes <= idle + 65_536);
  reader.read(rest, 0, 1);
  assert.equal(recorder.events[0], `headers 1 flags=4 ${'82'.repeat(0xffff)}`);
  assert.equal(reader.retainedBytes, idle);
});

test('the scratch of a block never grows past the limit of a block', () => {
  const reader = new FrameReader(new Recorder(), { ...OPTIONS, maxHeaderBlock: 1500 });
  const idle = reader.retainedBytes;
  const frame = Buffer.concat([hex('0005dc 01 04 00000001'), Buffer.alloc(1500, 0x82)]);
  reader.read(frame, 0, 10);
  reader.read(frame, 10, 1200);
  assert.equal(reader.retainedBytes, idle + 1500);
});

test('maxFrameSize may change between frames', () => {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, OPTIONS);
  const frame = Buffer.concat([hex('004001 00 00 00000001'), Buffer.alloc(16_385)]);
  reader.maxFrameSize = 16_385;
  reader.read(frame, 0, frame.length);
  assert.equal(recorder.events[0], 'data 1 flags=0 length=16385');
  assert.equal(reader.stopped, false);
  reader.maxFrameSize = 16_384;
  reader.read(frame, 0, frame.length);
  assert.equal(recorder.events[2], 'CONNECTION 6 frame larger than MAX_FRAME_SIZE');
  assert.equal(reader.stopped, true);
});
