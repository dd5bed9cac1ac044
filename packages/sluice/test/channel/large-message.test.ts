// One message larger than the queue: an account that is empty admits it, a second one waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, createServer, Status } from '#sluice/index.js';

const LIMIT = 65_536;
const LARGE = 4 * LIMIT;

async function withUpload(use: (target: string) => Promise<void>): Promise<void> {
  const server = createServer().clientStreaming('/s/Upload', async (requests) => {
    let received = 0;
    for await (const message of requests) received += message.length;
    return Buffer.from(String(received));
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  try {
    await use(`127.0.0.1:${port}`);
  } finally {
    await server.close();
  }
}

for (const when of ['before', 'after'] as const) {
  test(`a message above the queued-bytes limit is sent ${when} the connection is ready`, async () => {
    await withUpload(async (target) => {
      const channel = connect(target, { limits: { queuedBytes: LIMIT } });
      if (when === 'after') await channel.ready();
      const messages = [Buffer.alloc(LARGE), Buffer.alloc(LARGE)];
      const answer = await channel.clientStreaming('/s/Upload', messages);
      assert.equal(answer.toString(), String(2 * LARGE));
      await channel.close();
    });
  });
}

test('a writer that does not wait is refused by the queued-bytes limit', async () => {
  await withUpload(async (target) => {
    const channel = connect(target, { limits: { queuedBytes: LIMIT } });
    await channel.ready();
    const ended = new Promise<{ code: Status; details: string }>((resolve) => {
      const call = channel.call(
        '/s/Upload',
        {},
        {
          onHeader() {},
          onMessage() {},
          onWritable() {},
          onEnd: (code, details) => resolve({ code, details }),
        },
      );
      assert.equal(call.send(Buffer.alloc(LARGE)), false);
      assert.equal(call.isEnded, false);
      call.send(Buffer.alloc(1_000));
    });
    const { code, details } = await ended;
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.match(details, /refused by the queued-bytes limit/);
    await channel.close();
  });
});
