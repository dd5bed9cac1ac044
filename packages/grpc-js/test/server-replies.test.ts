// Replies that a server compresses, which the original cannot.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller } from './support/http2-caller.ts';
import { bidi, type Grpc, listening, unary } from './support/text-server.ts';

// Programs have the types of the original.
const grpc: Grpc = require('@sluice/grpc-js');

const TEXT = 'again and '.repeat(1_000);

async function served(
  options: grpcJs.ServerOptions,
  act: (caller: Http2Caller) => Promise<void>,
): Promise<void> {
  const server = new grpc.Server(options);
  unary(server, '/test.Replies/Text', (_call, callback) => callback(null, TEXT));
  unary(server, '/test.Replies/Plain', (_call, callback) => callback(null, TEXT, undefined, 2));
  bidi(server, '/test.Replies/Stream', (call) => {
    call.write(TEXT);
    call.end();
  });
  const caller = Http2Caller.to(await listening(grpc, server));
  try {
    await act(caller);
  } finally {
    caller.close();
    server.forceShutdown();
  }
}

async function bytesOf(
  caller: Http2Caller,
  path: string,
  accepts: string,
): Promise<{ encoding: unknown; bytes: Buffer }> {
  const call = caller.open(path, { 'grpc-accept-encoding': accepts });
  const chunks: Buffer[] = [];
  call.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const { head } = await call.send('x').end().reply;
  return { encoding: head['grpc-encoding'], bytes: Buffer.concat(chunks) };
}

test('grpc.default_compression_algorithm compresses the replies to clients that take it', async () => {
  const options = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
  await served(options, async (caller) => {
    for (const name of ['Text', 'Stream']) {
      const { encoding, bytes } = await bytesOf(caller, `/test.Replies/${name}`, 'gzip');
      assert.equal(encoding, 'gzip');
      assert.equal(bytes[0], 1);
      assert.equal(gunzipSync(bytes.subarray(5)).toString(), TEXT);
      assert.ok(bytes.length < TEXT.length / 10);
    }
    const plain = await bytesOf(caller, '/test.Replies/Text', 'identity');
    assert.equal(plain.bytes[0], 0);
    assert.equal(plain.bytes.length, 5 + TEXT.length);
  });
});

test('the flag NoCompress of an answer sends it as it is', async () => {
  const options = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
  await served(options, async (caller) => {
    const { bytes } = await bytesOf(caller, '/test.Replies/Plain', 'gzip');
    assert.equal(bytes[0], 0);
    assert.equal(bytes.subarray(5).toString(), TEXT);
  });
});

test('without the option nothing is compressed', async () => {
  await served({}, async (caller) => {
    const { bytes } = await bytesOf(caller, '/test.Replies/Text', 'gzip');
    assert.equal(bytes[0], 0);
  });
});
