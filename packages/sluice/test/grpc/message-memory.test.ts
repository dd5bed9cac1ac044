import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ByteStash, MAX_CHUNK_LENGTH, MIN_CHUNK_LENGTH } from '#sluice/grpc/byte-stash.js';
import { Status } from '#sluice/grpc/status.js';
import { mulberry32 } from '../support/random.js';
import { body, frame, prefix, Recorder } from './message-recorder.js';

test('a million 1-byte pieces that nobody reads take at most twice their bytes', () => {
  const recorder = new Recorder(10_000_000);
  const one = Buffer.from([0]);
  for (let i = 1; i <= 1_000_000; i++) {
    recorder.push(one);
    if (recorder.reader.heldBytes > 2 * i + MIN_CHUNK_LENGTH) {
      assert.fail(`${recorder.reader.heldBytes} bytes held for ${i}`);
    }
  }
  assert.equal(recorder.reader.unreadBytes, 1_000_000);
  assert.ok(recorder.reader.heldBytes <= 1_000_000 + MAX_CHUNK_LENGTH);
  recorder.reader.want(200_000);
  assert.equal(recorder.messages.length, 200_000);
  assert.equal(recorder.reader.heldBytes, 0);
});

test('an idle stream holds nothing', () => {
  const recorder = new Recorder();
  assert.equal(recorder.reader.heldBytes, 0);
  recorder.reader.want(2);
  recorder.push(frame(body(100)));
  assert.equal(recorder.reader.heldBytes, 0);
});

test('a prefix alone takes no memory, however long the message it claims', () => {
  for (const length of [1, 1_024, 4_194_304]) {
    const recorder = new Recorder();
    recorder.reader.want(1);
    recorder.push(prefix(length));
    assert.equal(recorder.reader.heldBytes, 0);
  }
});

test('a large message takes memory as its bytes arrive: fragments, then one allocation', () => {
  const length = 4_194_304;
  const whole = body(length);
  for (const step of [1_000, 16_384]) {
    const recorder = new Recorder();
    recorder.reader.want(1);
    recorder.push(prefix(length));
    let most = 0;
    for (let at = 0; at < length; at += step) {
      recorder.push(whole.subarray(at, at + step));
      const here = recorder.reader.partialReceived;
      const held = recorder.reader.heldBytes;
      most = Math.max(most, held);
      if (here === 0) continue; // complete
      if (here * 8 < length) assert.ok(held <= here + MAX_CHUNK_LENGTH, `${held} for ${here}`);
      else assert.equal(held, length);
    }
    assert.equal(most, length);
    assert.ok(recorder.messages[0]?.equals(whole));
    assert.equal(recorder.reader.heldBytes, 0);
  }
});

test('without room a large message stays in fragments, until there is room or it is whole', () => {
  const whole = body(1_000_000);
  for (const roomAt of [300_000, Number.POSITIVE_INFINITY]) {
    const recorder = new Recorder();
    recorder.room = false;
    recorder.reader.want(1);
    recorder.push(prefix(whole.length));
    for (let at = 0; at < whole.length; at += 10_000) {
      if (at >= roomAt) recorder.room = true;
      recorder.push(whole.subarray(at, at + 10_000));
      const here = recorder.reader.partialReceived;
      const held = recorder.reader.heldBytes;
      if (!recorder.room) assert.ok(held <= here + MAX_CHUNK_LENGTH, `${held} for ${here}`);
      else if (here > 0) assert.equal(held, whole.length);
    }
    assert.ok(recorder.messages[0]?.equals(whole));
    assert.equal(recorder.reader.heldBytes, 0);
  }
});

test('a large message is assembled whichever part of it was waiting when it was asked for', () => {
  const whole = body(100_000);
  const bytes = frame(whole);
  for (const waiting of [0, 3, 5, 6, 12_000, 12_504, 12_505, 12_506, 60_000, 100_004, 100_005]) {
    const recorder = new Recorder();
    recorder.push(bytes.subarray(0, waiting));
    recorder.reader.want(1);
    assert.equal(recorder.reader.unreadBytes, 0);
    recorder.push(bytes.subarray(waiting, waiting + 700));
    recorder.push(bytes.subarray(waiting + 700));
    assert.equal(recorder.messages.length, 1);
    assert.ok(recorder.messages[0]?.equals(whole), `waiting ${waiting}`);
    assert.equal(recorder.reader.takeRead(), bytes.length);
    assert.equal(recorder.reader.heldBytes, 0);
  }
});

test('a small rest of a large stash does not keep its chunk', () => {
  const recorder = new Recorder();
  recorder.push(Buffer.concat([frame(body(15_000)), frame(body(10))]));
  recorder.reader.want(1);
  assert.equal(recorder.reader.unreadBytes, 15);
  assert.equal(recorder.reader.heldBytes, MIN_CHUNK_LENGTH);
  recorder.reader.want(1);
  assert.deepEqual(recorder.messages[1], body(10));
});

test('a stash gives back what it was given, in order, under random use', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = mulberry32(seed);
    const stash = new ByteStash();
    let model = Buffer.alloc(0);
    for (let step = 0; step < 60; step++) {
      if (random() < 0.6) {
        const piece = body(Math.floor(random() * (random() < 0.2 ? 50_000 : 300)), step);
        stash.append(piece, 0, piece.length);
        model = Buffer.concat([model, piece]);
      } else {
        const out = Buffer.alloc(Math.floor(random() * 20_000));
        const moved = stash.moveTo(out, 0, out.length);
        assert.equal(moved, Math.min(out.length, model.length));
        assert.ok(out.subarray(0, moved).equals(model.subarray(0, moved)));
        model = model.subarray(moved);
        if (random() < 0.5) stash.trim();
      }
      assert.equal(stash.length, model.length);
      const most = 2 * stash.length + 2 * MAX_CHUNK_LENGTH;
      assert.ok(stash.capacity <= most, `seed ${seed}: ${stash.capacity} for ${stash.length}`);
      if (stash.length === 0) assert.equal(stash.capacity, 0);
    }
  }
});

test('a message that the process has no memory for is a fault, never a throw', () => {
  for (const ask of ['before', 'after']) {
    const starved = new Recorder(Number.POSITIVE_INFINITY);
    const bytes = frame(body(2_000));
    if (ask === 'after') starved.push(bytes);
    const allocate = mock.method(Buffer, 'allocUnsafeSlow', () => {
      throw new RangeError('Array buffer allocation failed');
    });
    try {
      starved.reader.want(1);
      if (ask === 'before') starved.push(bytes);
    } finally {
      allocate.mock.restore();
    }
    assert.equal(starved.fault?.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      starved.fault.details,
      'no memory for a received message of 2000 bytes; lower maxReceiveMessageLength',
    );
    assert.equal(starved.reader.heldBytes, 0);
  }
});
