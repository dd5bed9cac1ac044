import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Cable, existing, Hosts, NoHostsError } from '../../dist/hosts/hosts.js';
import { Pair } from '../../dist/hosts/pair.js';
import type { LoadResult } from '../../dist/hosts/traffic.js';
import { rows } from '../../dist/rows/31-packet-loss.js';

/** Undefined where the machine allows none, which is then said: the row is `blocked` there as well. */
async function hostsIfAllowed(t: TestContext, cable: Cable): Promise<Hosts | undefined> {
  try {
    return await Hosts.make(cable);
  } catch (fault) {
    if (!(fault instanceof NoHostsError)) throw fault;
    t.diagnostic(`no hosts here: ${fault.message}`);
    return undefined;
  }
}

function left(names: readonly string[]): string[] {
  return existing().filter((name) => names.includes(name));
}

test('a server and a client talk over the cable, and nothing is left of the hosts', async (t) => {
  const hosts = await hostsIfAllowed(t, { lossPercent: 0, bitsPerSecond: 100_000_000 });
  if (hosts === undefined) return;
  const names = [hosts.server.name, hosts.client.name];
  try {
    assert.equal(left(names).length, 2);
    const pair = await Pair.start({ server: 'sluice', client: 'sluice', hosts });
    try {
      const transfer = { do: 'transfer', direction: 'download', length: 4_096, count: 5 } as const;
      const { failed, wrong, bytes } = await pair.askClient<LoadResult>(transfer);
      assert.deepEqual([failed, wrong, bytes], [0, 0, 5 * 4_096]);
    } finally {
      pair.end();
    }
  } finally {
    await hosts.remove();
  }
  assert.deepEqual(left(names), []);
});

test('packets are lost on the way in, at both hosts', async (t) => {
  const hosts = await hostsIfAllowed(t, { lossPercent: 10 });
  if (hosts === undefined) return;
  try {
    const pair = await Pair.start({ server: 'sluice', client: 'sluice', hosts });
    try {
      const transfer = { do: 'transfer', direction: 'upload', length: 65_536, count: 4 } as const;
      const { failed, wrong } = await pair.askClient<LoadResult>(transfer);
      assert.deepEqual([failed, wrong], [0, 0]);
    } finally {
      pair.end();
    }
    const { received, lost } = hosts.lossAt(hosts.server);
    assert.ok(received > 0);
    assert.ok(lost > 0 && lost < received);
  } finally {
    await hosts.remove();
  }
});

test('hosts are gone with the process that made them, even when that is killed', async (t) => {
  const possible = await hostsIfAllowed(t, { lossPercent: 0 });
  if (possible === undefined) return;
  await possible.remove();
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./hosts-process.js', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  assert.ok(child.stdout);
  const [text]: unknown[] = await once(child.stdout, 'data');
  const names = String(text).trim().split(' ');
  assert.equal(left(names).length, 2);
  child.kill('SIGKILL');
  await once(child, 'exit');
  // The guard works on its own; each look is a program that takes its time.
  for (let looks = 0; looks < 500 && left(names).length > 0; looks += 1);
  assert.deepEqual(left(names), []);
});

test('removing hosts twice is removing them once', async (t) => {
  const hosts = await hostsIfAllowed(t, { lossPercent: 0 });
  if (hosts === undefined) return;
  await hosts.remove();
  await hosts.remove();
  assert.deepEqual(left([hosts.server.name, hosts.client.name]), []);
});

test('a cable that cannot be had says so by name and leaves no host', async (t) => {
  const possible = await hostsIfAllowed(t, { lossPercent: 0 });
  if (possible === undefined) return;
  await possible.remove();
  await assert.rejects(Hosts.make({ lossPercent: 0, bitsPerSecond: -1 }), {
    name: 'NoHostsError',
    message: /^tc .*rate/,
  });
  const own = `sluice-${process.pid}-`;
  assert.deepEqual(
    existing().filter((name) => name.startsWith(own)),
    [],
  );
});

test('a row that needs hosts is blocked, with the reason by name, where there can be none', async () => {
  const path = process.env.PATH;
  process.env.PATH = '';
  try {
    const context = { runtime: 'sluice', certificate: undefined, progress: () => {} } as const;
    const [packetLoss] = rows;
    assert.ok(packetLoss !== undefined);
    const { status, why } = await packetLoss.run(context);
    assert.equal(status, 'blocked');
    assert.match(why ?? '', /no ip on this machine|need Linux|need root/);
  } finally {
    process.env.PATH = path;
  }
});
