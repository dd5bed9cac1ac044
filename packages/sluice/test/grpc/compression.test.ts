// The codecs of messages and the names they go by: gRPC compression.md.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { isTooLarge, type MessageCodec } from '#sluice/grpc/compression-codec.js';
import { isUncompressed, keepMark, uncompressed } from '#sluice/grpc/compression-mark.js';
import {
  acceptEncoding,
  encodingBit,
  messageCodec,
  parseAcceptEncoding,
  registerMessageEncoding,
  sendingCodec,
} from '#sluice/grpc/compression-names.js';
import {
  brotliEncoding,
  deflateEncoding,
  gzipEncoding,
  zstdEncoding,
} from '#sluice/grpc/compression-zlib.js';
import { mulberry32 } from '../support/random.js';

const LIMIT = 4_194_304;

function zstd(): MessageCodec | undefined {
  try {
    return zstdEncoding();
  } catch (error) {
    assert.match(String(error), /zstd needs Node 22\.15 or later; this is Node \d+\.\d+\.\d+/);
    return undefined;
  }
}

const CODECS = [gzipEncoding(), deflateEncoding(), brotliEncoding(), zstd()].filter(
  (codec) => codec !== undefined,
);

function inThread(
  run: ((done: (error: Error | null, result?: Uint8Array) => void) => void) | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    run?.((error, result) => {
      if (result === undefined) reject(error ?? new Error('nothing'));
      else resolve(result);
    });
  });
}

/** What decompressing gives, in a thread and not; the two agree. */
async function outcome(codec: MessageCodec, bytes: Uint8Array, limit = LIMIT): Promise<string> {
  let inline: string;
  try {
    inline = Buffer.from(codec.decompress(bytes, limit)).toString('hex');
  } catch (error) {
    inline = isTooLarge(error) ? 'too large' : 'damaged';
  }
  const threaded = await inThread((done) => codec.decompressAsync?.(bytes, limit, done)).then(
    (result) => Buffer.from(result).toString('hex'),
    (error: unknown) => (isTooLarge(error) ? 'too large' : 'damaged'),
  );
  assert.equal(threaded, inline);
  return inline;
}

function textOf(length: number, seed = 1): Buffer {
  const random = mulberry32(seed);
  const text = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) text[i] = 97 + Math.floor(random() * random() * 26);
  return text;
}

for (const codec of CODECS) {
  describe(`the encoding ${codec.name}`, () => {
    it('gives back what it was given, in a thread and not', async () => {
      for (const length of [0, 1, 100, 4_096, 16_384, 65_536, 70_000, 1_500_000]) {
        const message = textOf(length);
        const small = codec.compress(message);
        const large = await inThread((done) => codec.compressAsync?.(message, done));
        if (length > 100) assert.ok(small.length < length && large.length < length);
        assert.equal(await outcome(codec, small), message.toString('hex'));
        assert.equal(await outcome(codec, large), message.toString('hex'));
      }
    });

    it('gives back messages of every length around a chunk of zlib', async () => {
      for (let length = 16_380; length < 16_390; length += 1) {
        const message = Buffer.alloc(length);
        assert.equal(await outcome(codec, codec.compress(message)), message.toString('hex'));
      }
    });

    it('gives back what cannot be made smaller', async () => {
      const random = mulberry32(7);
      const noise = Buffer.from(Array.from({ length: 20_000 }, () => Math.floor(random() * 256)));
      assert.equal(await outcome(codec, codec.compress(noise)), noise.toString('hex'));
    });

    it('holds a message to its limit, exactly', async () => {
      for (const length of [1_000, 100_000]) {
        const bomb = codec.compress(Buffer.alloc(length));
        assert.equal(await outcome(codec, bomb, length - 1), 'too large');
        assert.equal((await outcome(codec, bomb, length)).length, length * 2);
      }
      const bomb = codec.compress(Buffer.alloc(10_000_000));
      assert.equal(await outcome(codec, bomb), 'too large');
    });

    it('takes a message cut short anywhere, or followed by anything, for damaged', async () => {
      const whole = codec.compress(textOf(300));
      for (let end = 0; end < whole.length; end += 1) {
        assert.equal(await outcome(codec, whole.subarray(0, end)), 'damaged', `cut at ${end}`);
      }
      for (const rest of [[0], [0, 0, 0, 0], [1], [0x1f], [0x1f, 0x8b], [120, 156, 3]]) {
        const bytes = Buffer.concat([whole, Buffer.from(rest)]);
        assert.equal(await outcome(codec, bytes), 'damaged', `followed by ${rest.join(' ')}`);
      }
    });

    it('meets arbitrary bytes with an error or a message, and nothing else', async () => {
      const random = mulberry32(99);
      const whole = codec.compress(textOf(200));
      for (let round = 0; round < 300; round += 1) {
        const bytes = Buffer.from(whole);
        for (let flips = 1 + random() * 4; flips > 0; flips -= 1) {
          bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
        }
        await outcome(codec, bytes, 10_000);
      }
    });

    it('keeps no more memory than a message takes', () => {
      const small = codec.decompress(codec.compress(textOf(100)), LIMIT);
      assert.equal(small.buffer.byteLength, 100);
      assert.equal(codec.compress(textOf(100)).buffer.byteLength < 200, true);
      const large = codec.decompress(codec.compress(textOf(200_000)), LIMIT);
      assert.ok(large.buffer.byteLength <= 225_000);
    });
  });
}

describe('gzip', () => {
  it('takes a message of several members (RFC 1952)', async () => {
    const bytes = Buffer.concat([gzipSync('one, '), gzipSync('two')]);
    assert.equal(await outcome(gzipEncoding(), bytes), Buffer.from('one, two').toString('hex'));
  });

  it('does not believe what a message claims of its length', async () => {
    for (const claim of [0, 1, 50_000, 0xffff_ffff]) {
      const bytes = gzipSync(textOf(3_000));
      bytes.writeUInt32LE(claim, bytes.length - 4);
      assert.equal(await outcome(gzipEncoding(), bytes), 'damaged');
    }
  });
});

describe('deflate', () => {
  it('is the format of zlib and not bare deflate (RFC 1950)', async () => {
    const codec = deflateEncoding();
    assert.equal(codec.compress(textOf(100))[0], 0x78);
    assert.equal(await outcome(codec, deflateRawSync(textOf(100))), 'damaged');
  });
});

describe('levels', () => {
  it('change the size, and wrong ones are named with their range', () => {
    const message = textOf(100_000);
    assert.ok(gzipEncoding(9).compress(message).length < gzipEncoding(1).compress(message).length);
    assert.throws(
      () => gzipEncoding(10),
      /^RangeError: level is 10; it must be an integer from 0 to 9$/,
    );
    assert.throws(() => deflateEncoding(-1), RangeError);
    assert.throws(() => brotliEncoding(12), RangeError);
    assert.throws(() => zstdEncoding(0), /level is 0; it must be an integer from 1 to 22/);
  });
});

describe('the names of encodings', () => {
  it('begin with those that every gRPC peer may send', () => {
    assert.equal(acceptEncoding(), 'identity,deflate,gzip');
    assert.equal(messageCodec('identity'), undefined);
    assert.equal(messageCodec('gzip')?.name, 'gzip');
    assert.equal(messageCodec('__proto__'), undefined);
  });

  it('take in what is registered, with a bit of its own', () => {
    assert.equal(encodingBit('br'), 0);
    const before = parseAcceptEncoding('br,gzip');
    registerMessageEncoding(brotliEncoding());
    assert.equal(acceptEncoding(), 'identity,deflate,gzip,br');
    assert.equal(encodingBit('br'), 8);
    assert.equal(parseAcceptEncoding('br,gzip'), before | 8);
    // Again: replaced, not repeated.
    const faster = brotliEncoding(1);
    registerMessageEncoding(faster);
    assert.equal(messageCodec('br'), faster);
    assert.equal(acceptEncoding(), 'identity,deflate,gzip,br');
    assert.equal(encodingBit('br'), 8);
  });

  it('cannot be what breaks a list of names, nor identity', () => {
    const codec = gzipEncoding();
    for (const name of ['', 'a,b', 'GZIP', 'a b', 'identity', 'x\n']) {
      const bad = { name, compress: () => Buffer.of(), decompress: () => Buffer.of() };
      assert.throws(() => registerMessageEncoding(bad), /^TypeError: message encoding "/);
    }
    assert.equal(codec.name, 'gzip');
  });

  it('in the option compress are checked against the known ones', () => {
    assert.equal(sendingCodec(undefined), undefined);
    assert.equal(sendingCodec('identity'), undefined);
    assert.equal(sendingCodec('deflate')?.name, 'deflate');
    assert.throws(
      () => sendingCodec('snappy'),
      /^RangeError: compress is "snappy"; it must be one of identity, deflate, gzip(, br)?, or another after registerMessageEncoding$/,
    );
  });
});

describe('the mark of uncompressed', () => {
  it('stays with its message and goes over to the bytes made of it', () => {
    const message = { text: 'secret' };
    const other = {};
    assert.equal(isUncompressed(message), false);
    assert.equal(uncompressed(message), message);
    assert.equal(isUncompressed(message), true);
    assert.equal(isUncompressed(other), false);
    const bytes = Buffer.from('secret');
    keepMark(message, bytes);
    assert.equal(isUncompressed(bytes), true);
    keepMark(other, Buffer.from('other'));
    keepMark(undefined, bytes);
  });
});
