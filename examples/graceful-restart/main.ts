// Runs the graceful-restart example: two replicas of a server are replaced by a new version, one
// after the other, while twenty callers do not stop calling. No call fails.

import { setTimeout } from 'node:timers/promises';
import { type Channel, connect } from 'sluice';
import { Load } from './load.ts';
import { endReplica, startReplica } from './replica.ts';

/** Resolves when the channel is connected to every replica. */
async function allReady(channel: Channel): Promise<void> {
  await channel.ready();
  while (channel.stats().backends?.some(({ state }) => state !== 'READY')) await setTimeout(10);
}

async function main(): Promise<void> {
  const old = await Promise.all([startReplica('replica-1', 'v1'), startReplica('replica-2', 'v1')]);
  const addresses = old.map(({ port }) => `127.0.0.1:${port}`);
  const channel = connect(addresses, {
    serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] },
    backoff: { initialMs: 100, maxMs: 1_000 },
  });
  const load = new Load(channel, 20);
  await allReady(channel);

  const renewed = [];
  for (const replica of old) {
    const code = await endReplica(replica);
    console.log(`${replica.name} v1: gone, exit code ${code}`);
    const next = await startReplica(replica.name, 'v2', replica.port);
    // The other one goes only when this one has its share of the calls again.
    await allReady(channel);
    console.log(`${next.name} v2: connected`);
    renewed.push(next);
  }

  await load.stop();
  await channel.close();
  await Promise.all(renewed.map(endReplica));
  console.log(`v1 answered ${load.answersOf('v1')} calls, v2 ${load.answersOf('v2')}`);
  console.log(`${load.failures.length} calls failed`);
  for (const { message } of load.failures) console.log(message);
}

void main();
