// Half a TLS handshake, as row 16 sends it: a whole ClientHello, and nothing behind it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientHello } from '../../dist/rows/16-idle-connections.js';

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;

test('the first flight of node:tls is one record with a ClientHello', async () => {
  const hello = await clientHello();
  assert.equal(hello[0], HANDSHAKE_RECORD);
  assert.equal(hello.readUInt16BE(3), hello.length - 5);
  assert.equal(hello[5], CLIENT_HELLO);
});
