// Callbacks of the caller that throw: their own call fails with their error, nothing else does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, createServer } from 'sluice';

test('an onHeader or onTrailer that throws fails its call with that error', async () => {
  const server = createServer()
    .unary('/test.Callbacks/Say', (said) => said)
    .serverStreaming('/test.Callbacks/Repeat', async function* (said) {
      yield said;
    });
  const { port } = await server.listen({ host: '127.0.0.1' });
  const channel = connect(`127.0.0.1:${port}`);
  const hello = Buffer.from('hello');
  const fault = new Error('thrown by the caller');
  const thrower = (): never => {
    throw fault;
  };
  for (const options of [{ onHeader: thrower }, { onTrailer: thrower }]) {
    await assert.rejects(channel.unary('/test.Callbacks/Say', hello, options), fault);
    await assert.rejects(async () => {
      for await (const _ of channel.serverStreaming('/test.Callbacks/Repeat', hello, options));
    }, fault);
  }
  assert.deepEqual(await channel.unary('/test.Callbacks/Say', hello), hello);
  await channel.close();
  await server.close();
});
