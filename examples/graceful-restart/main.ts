// Runs the graceful-restart example: two replicas of a server are replaced by a new version, one
// after the other, while twenty callers do not stop calling. No call fails.

import { connect } from 'sluice';
import { Load } from './load.ts';
import { endReplica, startReplica } from './replica.ts';

async function main(): Promise<void> {
  const old = await Promise.all([startReplica('replica-1', 'v1'), startReplica('replica-2', 'v1')]);
  const channel = connect(`static:${old.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, {
    serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] },
    backoff: { initialMs: 100, maxMs: 1_000 },
  });
  const load = new Load(channel, 20);
  for (const { name } of old) await load.nextAnswerOf(`${name} v1`);

  const renewed = [];
  for (const replica of old) {
    const code = await endReplica(replica);
    console.log(`${replica.name} v1: gone, exit code ${code}`);
    const next = await startReplica(replica.name, 'v2', replica.port);
    // The other one goes only when this one has its share of the calls again.
    await load.nextAnswerOf(`${next.name} v2`);
    console.log(`${next.name} v2: answers`);
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
