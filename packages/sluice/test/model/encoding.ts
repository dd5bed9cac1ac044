// A message encoding that fails in every way an encoding of a user can, and works mostly.

import type { CodecDone, MessageCodec } from '#sluice/grpc/compression-codec.js';
import { registerMessageEncoding } from '#sluice/grpc/compression-names.js';
import type { Conversation } from './conversation.js';

let world: Conversation | undefined;

export function encodeFor(conversation: Conversation): void {
  world = conversation;
}

function fails(): boolean {
  return world?.dice.chance(world.failing / 2) ?? false;
}

function turned(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes).map((byte) => byte ^ 0x55) as Buffer;
}

const MODEL: MessageCodec = {
  name: 'model',
  compress(message) {
    if (fails()) throw new Error('the encoding of the model fails');
    if (fails()) return 'no bytes' as unknown as Buffer;
    return turned(message);
  },
  decompress(compressed, maxLength) {
    if (fails()) throw new Error('the encoding of the model fails');
    if (compressed.length > maxLength) {
      throw Object.assign(new RangeError('too large'), { code: 'ERR_BUFFER_TOO_LARGE' });
    }
    return turned(compressed);
  },
  compressAsync(message, done) {
    later(message, done);
  },
  decompressAsync(compressed, _maxLength, done) {
    later(compressed, done);
  },
};

// Throws, or answers when the run lets it go on, or at once, or twice.
function later(bytes: Uint8Array, done: CodecDone): void {
  const conversation = world;
  if (conversation === undefined) throw new Error('no run is under way');
  const { dice, gates, platform } = conversation;
  platform.jobs += 1;
  const over = (): void => {
    platform.jobs -= 1;
  };
  const answer = (): void => {
    if (fails()) done(new Error('the encoding of the model fails'));
    else done(null, turned(bytes));
    if (dice.chance(0.05)) done(null, turned(bytes));
    setImmediate(over);
  };
  if (fails()) {
    setImmediate(over);
    throw new Error('the encoding of the model fails');
  }
  if (dice.chance(0.3)) answer();
  else void gates.wait().then(answer);
}

registerMessageEncoding(MODEL);
