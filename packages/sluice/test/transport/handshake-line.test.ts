// TLS handshakes begin a few in each turn of the event loop, however many connections come at once.

import assert from 'node:assert/strict';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { HandshakeLine } from '#sluice/transport/handshake-line.js';
import { HANDSHAKES_PER_TURN } from '#sluice/transport/limits.js';

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a burst begins in its order, a few a turn; what is gone by then does not begin', async () => {
  const begun: Duplex[] = [];
  const line = new HandshakeLine((socket) => begun.push(socket));
  const sockets = Array.from({ length: 3 * HANDSHAKES_PER_TURN }, () => new net.Socket());
  for (const socket of sockets) line.add(socket);
  sockets[1]?.destroy();
  assert.equal(begun.length, 0);
  for (let i = 1; i <= 2; i += 1) {
    await turn();
    assert.equal(begun.length, i * HANDSHAKES_PER_TURN);
  }
  await turn();
  assert.deepEqual(
    begun,
    sockets.filter((_, i) => i !== 1),
  );
  for (const socket of sockets) socket.destroy();
});

test('one that comes when the line is empty begins in the next turn', async () => {
  let begun = 0;
  const line = new HandshakeLine(() => {
    begun += 1;
  });
  for (let i = 1; i <= 3; i += 1) {
    const socket = new net.Socket();
    line.add(socket);
    await turn();
    assert.equal(begun, i);
    socket.destroy();
  }
});
