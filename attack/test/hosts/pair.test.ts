import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdsOfConnection } from '../../dist/hosts/first-ids.js';
import { LAST_ID, useLastIds } from '../../dist/hosts/last-ids.js';
import { Pair } from '../../dist/hosts/pair.js';
import type { Arrival, LoadResult } from '../../dist/hosts/traffic.js';

for (const runtime of ['sluice', 'grpc-js'] as const) {
  test(`${runtime}: transfers arrive whole, in both directions`, async () => {
    const pair = await Pair.start({ server: runtime, client: runtime });
    try {
      for (const direction of ['download', 'upload'] as const) {
        const transfer = { do: 'transfer', direction, length: 65_536, count: 20 } as const;
        const result = await pair.askClient<LoadResult>(transfer);
        assert.deepEqual([result.failed, result.wrong, result.bytes], [0, 0, 20 * 65_536]);
        const ask = { do: 'arrivals' } as const;
        const came =
          direction === 'download'
            ? await pair.askClient<Arrival[]>(ask)
            : await pair.askServer<Arrival[]>(ask);
        assert.equal(came.at(-1)?.bytes, 20 * 65_536);
      }
    } finally {
      pair.end();
    }
  });

  test(`${runtime}: a server answers on the last id there is`, async () => {
    const pair = await Pair.start({ server: runtime, client: runtime });
    try {
      assert.deepEqual(await useLastIds(pair.target, 3), { faults: [], last: LAST_ID });
    } finally {
      pair.end();
    }
  });
}

test('a client whose ids run out goes on with a new connection, and no call fails', async () => {
  const pair = await Pair.start({
    server: 'sluice',
    client: 'sluice',
    firstIds: [LAST_ID - 200, LAST_ID],
  });
  try {
    const result = await pair.askClient<LoadResult>({ do: 'paced', perSecond: 200, seconds: 0.5 });
    assert.deepEqual([result.failed, result.firstFault, result.wrong], [0, undefined, 0]);
    const ids = await pair.askClient<readonly IdsOfConnection[]>({ do: 'ids' });
    // The first two begin where a client leaves at once; the last one is used on.
    assert.deepEqual(
      ids.map(({ first }) => first),
      [LAST_ID - 200, LAST_ID, 1],
    );
    assert.ok(ids.every(({ last }) => last <= LAST_ID));
  } finally {
    pair.end();
  }
});

test('asking a pair whose server has no port rejects and leaves no process', async () => {
  const nowhere = { name: 'nowhere', address: '203.0.113.1', enter: [] };
  // Not an address of this machine: listening there fails.
  await assert.rejects(
    Pair.start({
      server: 'sluice',
      client: 'sluice',
      hosts: { server: nowhere, client: nowhere },
    }),
    /EADDRNOTAVAIL/,
  );
});
