import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MAX_MESSAGE_LENGTH,
  MESSAGE_PREFIX_LENGTH,
  writeMessagePrefix,
} from '#sluice/grpc/message-framing.js';
import { Status } from '#sluice/grpc/status.js';
import { mulberry32 } from '../support/random.js';
import { body, frame, prefix, Recorder } from './message-recorder.js';

test('a prefix is the flag and the length in big-endian order', () => {
  const cases: [number, number, string][] = [
    [0, 0, '0000000000'],
    [1, 5, '0100000005'],
    [0, 0x01020304, '0001020304'],
    [1, 0x80000000, '0180000000'],
    [0, MAX_MESSAGE_LENGTH, '00ffffffff'],
  ];
  for (const [flag, length, hex] of cases) {
    const out = Buffer.alloc(8, 0xaa);
    assert.equal(writeMessagePrefix(out, 2, flag, length), 7);
    assert.equal(out.toString('hex'), `aaaa${hex}aa`);
  }
});

const several = [body(0), body(1), body(7), body(0), body(300, 3), body(16, 4)];
const wire = Buffer.concat(several.map((message, i) => frame(message, i & 1)));

function checkSeveral(recorder: Recorder): void {
  assert.deepEqual(recorder.messages, several);
  assert.deepEqual(recorder.flags, [false, true, false, true, false, true]);
  assert.equal(recorder.fault, undefined);
  assert.equal(recorder.ends, 1);
}

test('messages are the same whichever two pieces the bytes come in, asked for before', () => {
  for (let cut = 0; cut <= wire.length; cut++) {
    const recorder = new Recorder();
    recorder.reader.want(several.length);
    recorder.push(wire.subarray(0, cut));
    assert.equal(recorder.reader.unreadBytes, 0);
    recorder.push(wire.subarray(cut));
    recorder.reader.end();
    checkSeveral(recorder);
    assert.equal(recorder.reader.takeRead(), wire.length);
  }
});

test('messages are the same whichever two pieces the bytes come in, asked for after', () => {
  for (let cut = 0; cut <= wire.length; cut++) {
    const recorder = new Recorder();
    recorder.push(wire.subarray(0, cut));
    recorder.push(wire.subarray(cut));
    recorder.reader.end();
    assert.equal(recorder.reader.unreadBytes, wire.length);
    assert.equal(recorder.reader.takeRead(), 0);
    for (let i = 0; i < several.length; i++) {
      recorder.reader.want(1);
      assert.equal(recorder.messages.length, i + 1);
    }
    checkSeveral(recorder);
    assert.equal(recorder.reader.takeRead(), wire.length);
  }
});

test('messages are the same when the asking falls between any two bytes', () => {
  for (let ask = 0; ask <= wire.length; ask++) {
    const recorder = new Recorder();
    for (let i = 0; i < wire.length; i++) {
      if (i === ask) recorder.reader.want(several.length);
      recorder.reader.push(wire, i, i + 1);
    }
    if (ask === wire.length) recorder.reader.want(several.length);
    recorder.reader.end();
    checkSeveral(recorder);
  }
});

test('random pieces and random asks give the same messages, and every byte is accounted for', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = mulberry32(seed);
    const below = (n: number): number => Math.floor(random() * n);
    const messages: Buffer[] = [];
    for (let n = below(12); n >= 0; n--) {
      messages.push(body(random() < 0.2 ? below(200_000) : below(40), below(256)));
    }
    const bytes = Buffer.concat(messages.map((message) => frame(message)));
    const recorder = new Recorder();
    const { reader } = recorder;
    let asked = 0;
    let read = 0;
    let at = 0;
    const check = (): void => {
      read += reader.takeRead();
      assert.equal(read + reader.unreadBytes, at, `seed ${seed}`);
      if (reader.wanted > 0) assert.equal(reader.unreadBytes, 0);
    };
    while (at < bytes.length) {
      if (random() < 0.3) {
        const more = below(3);
        asked += more;
        reader.want(more);
        check();
      }
      const largest = random() < 0.5 ? 10 : 40_000;
      const end = Math.min(bytes.length, at + 1 + below(largest));
      reader.push(bytes, at, end);
      at = end;
      check();
    }
    reader.end();
    while (asked < messages.length) {
      reader.want(1);
      asked++;
    }
    check();
    assert.deepEqual(recorder.messages, messages, `seed ${seed}`);
    assert.equal(recorder.ends, 1);
    assert.equal(read, bytes.length);
    assert.equal(reader.heldBytes, 0);
  }
});

test('random bytes never throw, and end in messages, one fault or one end', () => {
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = mulberry32(seed);
    const recorder = new Recorder(1_000);
    for (let pieces = Math.floor(random() * 20); pieces > 0; pieces--) {
      if (random() < 0.5) recorder.reader.want(1);
      const piece = Buffer.alloc(Math.floor(random() * 30));
      for (let i = 0; i < piece.length; i++) {
        piece[i] = random() < 0.8 ? 0 : Math.floor(random() * 256);
      }
      recorder.push(piece);
      assert.ok(recorder.reader.heldBytes <= 4_096);
    }
    recorder.reader.end();
    recorder.reader.want(1_000);
    assert.equal(recorder.ends + (recorder.fault === undefined ? 0 : 1), 1, `seed ${seed}`);
    assert.equal(recorder.reader.heldBytes, 0);
    assert.equal(recorder.reader.closed, true);
  }
});

test('each message is a Buffer over memory of exactly its own size', () => {
  for (const length of [1, 8, 63, 64, 65, 1_000, 4_096, 70_000]) {
    for (const direct of [true, false]) {
      const recorder = new Recorder();
      if (direct) recorder.reader.want(1);
      recorder.push(frame(body(length)));
      recorder.reader.want(1);
      const [message] = recorder.messages;
      assert.ok(Buffer.isBuffer(message));
      assert.equal(message.buffer.byteLength, length);
      assert.equal(message.byteOffset, 0);
    }
  }
});

test('what the reader keeps does not change with the chunk it came from', () => {
  const chunk = Buffer.concat([frame(body(40)), frame(body(30_000)), prefix(50)]);
  const first = new Recorder();
  first.push(chunk);
  const second = new Recorder();
  second.reader.want(3);
  second.push(chunk);
  chunk.fill(0xee);
  first.reader.want(2);
  for (const recorder of [first, second]) {
    assert.deepEqual(recorder.messages, [body(40), body(30_000)]);
  }
});

test('only as many messages are delivered as were asked for', () => {
  const recorder = new Recorder();
  recorder.reader.want(2);
  recorder.push(wire);
  assert.equal(recorder.messages.length, 2);
  assert.equal(recorder.reader.wanted, 0);
  assert.equal(recorder.reader.takeRead(), 5 + 6);
  assert.equal(recorder.reader.unreadBytes, wire.length - 11);
});

test('the bytes of an asked-for message count as read as they arrive', () => {
  const recorder = new Recorder();
  const { reader } = recorder;
  reader.want(1);
  recorder.push(prefix(100_000).subarray(0, 3));
  assert.equal(reader.takeRead(), 3);
  assert.equal(reader.partialLength, 0);
  recorder.push(prefix(100_000).subarray(3));
  assert.equal(reader.partialLength, 100_000);
  for (let sent = 0; sent < 100_000; sent += 1_000) {
    assert.equal(reader.partialReceived, sent);
    recorder.push(body(1_000));
    assert.equal(reader.unreadBytes, 0);
  }
  assert.equal(reader.takeRead(), 2 + 100_000);
  assert.equal(reader.takeRead(), 0);
  assert.equal(reader.partialLength, 0);
  assert.equal(recorder.messages.length, 1);
});

test('asking for a message that is partly here tells its length and reads what is here', () => {
  const recorder = new Recorder();
  recorder.push(prefix(1_000_000));
  recorder.push(body(60_000));
  assert.equal(recorder.reader.partialLength, 0);
  assert.equal(recorder.reader.unreadBytes, 60_005);
  recorder.reader.want(1);
  assert.equal(recorder.reader.partialLength, 1_000_000);
  assert.equal(recorder.reader.partialReceived, 60_000);
  assert.equal(recorder.reader.unreadBytes, 0);
  assert.equal(recorder.reader.takeRead(), 60_005);
  recorder.reader.want(1);
  assert.equal(recorder.reader.takeRead(), 0);
});

test('a message above the limit is a fault right after its prefix, which names both', () => {
  for (const ask of ['before', 'after']) {
    const recorder = new Recorder(1_000);
    if (ask === 'before') recorder.reader.want(1);
    recorder.push(prefix(1_001).subarray(0, 4));
    recorder.push(prefix(1_001).subarray(4));
    if (ask === 'after') recorder.reader.want(1);
    assert.equal(recorder.fault?.code, Status.RESOURCE_EXHAUSTED);
    assert.match(recorder.fault.details, /1001 bytes.* 1000; raise maxReceiveMessageLength$/);
    recorder.push(body(1_001));
    recorder.reader.end();
    assert.deepEqual(recorder.messages, []);
    assert.equal(recorder.reader.heldBytes, 0);
    assert.equal(recorder.reader.unreadBytes, 0);
  }
});

test('a message of exactly the limit is delivered', () => {
  const recorder = new Recorder(1_000);
  recorder.reader.want(1);
  recorder.push(frame(body(1_000)));
  assert.deepEqual(recorder.messages, [body(1_000)]);
});

test('a length prefix of 4 GiB is read as unsigned', () => {
  for (const step of [1, 5]) {
    const recorder = new Recorder();
    recorder.reader.want(1);
    const bytes = prefix(MAX_MESSAGE_LENGTH);
    for (let i = 0; i < 5; i += step) recorder.reader.push(bytes, i, i + step);
    assert.equal(recorder.fault?.code, Status.RESOURCE_EXHAUSTED);
    assert.match(recorder.fault.details, /4294967295/);
  }
});

test('a compressed flag other than 0 and 1 is an INTERNAL fault that names it', () => {
  const recorder = new Recorder(10);
  recorder.reader.want(2);
  recorder.push(Buffer.concat([frame(body(3)), prefix(99, 2)]));
  assert.deepEqual(recorder.messages, [body(3)]);
  assert.equal(recorder.fault?.code, Status.INTERNAL);
  assert.match(recorder.fault.details, /flag 2/);
});

test('the end of the stream is told once the last message has been taken', () => {
  const recorder = new Recorder();
  recorder.push(frame(body(3)));
  recorder.reader.end();
  assert.equal(recorder.ends, 0);
  recorder.reader.want(1);
  assert.equal(recorder.ends, 1);

  const empty = new Recorder();
  empty.reader.end();
  assert.equal(empty.ends, 1);
  empty.reader.end();
  empty.reader.want(1);
  empty.reader.destroy();
  assert.equal(empty.ends, 1);
});

test('an end inside a message is an INTERNAL fault, at every place', () => {
  const bytes = frame(body(20));
  for (let cut = 1; cut < bytes.length; cut++) {
    for (const ask of ['before', 'after']) {
      const recorder = new Recorder();
      if (ask === 'before') recorder.reader.want(1);
      recorder.push(bytes.subarray(0, cut));
      recorder.reader.end();
      if (ask === 'after') {
        assert.equal(recorder.fault, undefined);
        recorder.reader.want(1);
      }
      assert.equal(recorder.fault?.code, Status.INTERNAL);
      const where = cut < MESSAGE_PREFIX_LENGTH ? `${cut} of the 5` : `${cut - 5} of its 20`;
      assert.ok(recorder.fault.details.includes(where), recorder.fault.details);
      assert.equal(recorder.ends, 0);
    }
  }
});

test('a sink may ask for the next message from inside, without recursion', () => {
  const count = 100_000;
  const bytes = Buffer.alloc(count * MESSAGE_PREFIX_LENGTH);
  for (const ask of ['before', 'after']) {
    const recorder = new Recorder();
    let depth = 0;
    recorder.during = () => {
      assert.equal(depth++, 0);
      recorder.reader.want(1);
      depth--;
    };
    if (ask === 'before') recorder.reader.want(1);
    recorder.push(bytes);
    if (ask === 'after') recorder.reader.want(1);
    assert.equal(recorder.messages.length, count);
    assert.equal(recorder.reader.takeRead(), bytes.length);
    recorder.reader.end();
    assert.equal(recorder.ends, 1);
  }
});

test('a sink may destroy the reader from inside; nothing follows and nothing is held', () => {
  for (const ask of ['before', 'after']) {
    const recorder = new Recorder();
    recorder.during = () => {
      if (recorder.messages.length === 3) recorder.reader.destroy();
    };
    if (ask === 'before') recorder.reader.want(6);
    recorder.push(wire);
    if (ask === 'after') recorder.reader.want(6);
    recorder.push(wire);
    recorder.reader.end();
    assert.equal(recorder.messages.length, 3);
    assert.equal(recorder.ends, 0);
    assert.equal(recorder.fault, undefined);
    assert.equal(recorder.reader.heldBytes, 0);
    assert.equal(recorder.reader.unreadBytes, 0);
  }
});

test('a sink may end the stream from inside; the bytes behind it are still read', () => {
  const recorder = new Recorder();
  recorder.during = () => recorder.reader.end();
  recorder.reader.want(several.length);
  recorder.push(wire);
  checkSeveral(recorder);
});

test('pushing from inside the sink is misuse and says so', () => {
  const recorder = new Recorder();
  recorder.during = () => assert.throws(() => recorder.push(wire), /inside its own sink/);
  recorder.reader.want(1);
  recorder.push(wire);
  assert.equal(recorder.messages.length, 1);
});
