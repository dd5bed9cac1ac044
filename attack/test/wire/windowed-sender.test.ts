// An attacker's own flow control, against a Sluice server whose windows are small: what it sends
// arrives, and no window is ever overrun.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'sluice';
import { Flag, FrameType, frame, message, requestBlock } from '../../dist/wire/frames.js';
import { Probe } from '../../dist/wire/probe.js';
import { RawPeer } from '../../dist/wire/raw-peer.js';
import { WindowedSender } from '../../dist/wire/windowed-sender.js';

const PATH = '/test.Service/Count';

async function serve(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer({ initialStreamWindow: 16_384, staticWindows: true });
  server.unary(PATH, (request) => Buffer.from(String(request.length)));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { port, close: () => server.close() };
}

test('a message many times as long as the window arrives whole', async () => {
  const server = await serve();
  const probe = await Probe.connect({ port: server.port, trusted: undefined });
  const answer = await probe.ask(requestBlock(PATH), message(Buffer.alloc(300_000)));
  assert.equal(answer.text, 'status 0');
  assert.equal(answer.body.toString('latin1', 5), '300000');
  assert.equal(probe.peer.goAway, undefined);
  probe.end();
  await server.close();
});

test('padding is charged to the windows with what it pads', async () => {
  const server = await serve();
  const peer = await RawPeer.connect({ port: server.port, trusted: undefined });
  const sender = new WindowedSender(peer, {
    most: 5,
    overhead: 256,
    framing: (id, bytes, ends) => {
      const flags = Flag.PADDED | (ends ? Flag.END_STREAM : 0);
      const payload = Buffer.concat([Buffer.of(255), bytes, Buffer.alloc(255)]);
      return frame(FrameType.DATA, flags, id, payload);
    },
  });
  let isOver = false;
  peer.onFrame = (heard) => {
    sender.hear(heard);
    if (heard.type === FrameType.HEADERS && (heard.flags & Flag.END_STREAM) !== 0) isOver = true;
  };
  peer.write(frame(FrameType.HEADERS, Flag.END_HEADERS, 1, requestBlock(PATH)));
  sender.send(1, message(Buffer.alloc(2_000)), true);
  assert.ok(await peer.until(() => isOver, 5_000));
  assert.equal(peer.counts[FrameType.RST_STREAM] ?? 0, 0);
  peer.end();
  await server.close();
});
