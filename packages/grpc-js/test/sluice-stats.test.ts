// Queue lengths of a client of this package can be read.
// Not here: what the figures are (sluice's own tests).

import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as published from '@grpc/grpc-js';
import * as grpc from '@sluice/grpc-js';
import { statsOf } from '@sluice/grpc-js/build/src/sluice-stats';

const bytes = (value: Buffer): Buffer => value;

it('shows the calls of a client that wait, by the client and by its channel', async () => {
  const client = new grpc.Client('127.0.0.1:1', grpc.credentials.createInsecure());
  const calls = [1, 2, 3].map(
    () =>
      new Promise<number | undefined>((resolve) => {
        client.makeUnaryRequest('/s/m', bytes, bytes, Buffer.alloc(1), (error) =>
          resolve(error?.code),
        );
      }),
  );
  assert.equal(statsOf(client).waitingCalls, 3);
  assert.equal(statsOf(client.getChannel()).waitingCalls, 3);
  client.close();
  assert.deepEqual(await Promise.all(calls), [14, 14, 14]);
});

it('refuses what is not of this package', () => {
  const client = new published.Client('127.0.0.1:1', published.credentials.createInsecure());
  assert.throws(
    () => statsOf(client),
    /^TypeError: statsOf takes a client or a channel of this package/,
  );
  client.close();
});
