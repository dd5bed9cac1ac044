// A deadline that passes while this process does something else: calls over real sockets.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connect, createServer, Status, StatusError } from '#sluice/index.js';

const PATH = '/test.Blocked/Echo';

it('the error blames the event loop that was blocked, and not the server', async () => {
  const server = createServer().unary(PATH, (request) => request);
  const { port } = await server.listen({ host: '127.0.0.1' });
  const channel = connect(`127.0.0.1:${port}`);
  await channel.ready();
  const call = channel.unary(PATH, Buffer.from('x'), { timeoutMs: 500 });
  const until = performance.now() + 900;
  while (performance.now() < until);
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    const found =
      /^deadline of 500 ms exceeded; this process's event loop was blocked for (\d+) of the (\d+) ms, until [^,]+, /.exec(
        error.details,
      );
    assert.ok(found !== null, error.details);
    const [, blockedMs, ofMs] = found.map(Number);
    assert.ok((blockedMs ?? 0) >= 800 && (ofMs ?? 0) >= 900, error.details);
    return true;
  });
  await channel.close();
  await server.close();
});
