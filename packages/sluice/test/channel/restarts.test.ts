// Backends that are restarted and killed under load, as processes: what calls see of it.
// gRPC wait-for-ready.md, gRFC A6 "transparent retries", A61.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, connect, Status } from '#sluice/index.js';
import { Backend, OpenLoop } from '../support/backend.js';

const RESTARTS = Number(process.env.SLUICE_RESTARTS ?? 10);
const RATE = 500;
const ROUND_ROBIN = { loadBalancingConfig: [{ round_robin: {} }] };

const backends: Backend[] = [];
const channels: Channel[] = [];

async function started(count: number): Promise<Backend[]> {
  const made = Array.from({ length: count }, () => new Backend());
  backends.push(...made);
  await Promise.all(made.map((backend) => backend.start()));
  return made;
}

function balanced(over: readonly Backend[]): Channel {
  const target = `static:${over.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  const channel = connect(target, {
    serviceConfig: ROUND_ROBIN,
    backoff: { initialMs: 50, maxMs: 200 },
  });
  channels.push(channel);
  return channel;
}

afterEach(async () => {
  await Promise.all(channels.splice(0).map((channel) => channel.close()));
  await Promise.all(backends.splice(0).map((backend) => backend.stop('SIGKILL')));
});

function failures(load: OpenLoop): string[] {
  return load.failed.map(({ error }) => error.message);
}

describe('under load', () => {
  it('no call fails while two backends are restarted in turn', async (test) => {
    const pair = await started(2);
    const load = new OpenLoop(balanced(pair), RATE, Buffer.from('0'), { timeoutMs: 10_000 });
    await Promise.all(pair.map(({ pid }) => load.answerOf(pid)));
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      const backend = pair[restart % 2];
      assert.ok(backend);
      await backend.stop('SIGTERM');
      await backend.start();
      await load.answerOf(backend.pid);
    }
    await load.stop();
    assert.deepEqual(failures(load), []);
    test.diagnostic(`${RESTARTS} restarts, ${load.started} calls, ${load.failed.length} failed`);
  });

  it('no call that waits for ready fails while its only backend is restarted', async (test) => {
    const [backend] = await started(1);
    assert.ok(backend);
    const options = { timeoutMs: 10_000, waitForReady: true };
    const load = new OpenLoop(balanced([backend]), RATE, Buffer.from('0'), options);
    await load.answerOf(backend.pid);
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      await backend.stop('SIGTERM');
      await backend.start();
      await load.answerOf(backend.pid);
    }
    await load.stop();
    assert.deepEqual(failures(load), []);
    test.diagnostic(`${RESTARTS} restarts, ${load.started} calls, ${load.failed.length} failed`);
  });

  it('a backend that is killed fails only the calls in flight on it', async (test) => {
    const three = await started(3);
    const channel = balanced(three);
    const load = new OpenLoop(channel, RATE, Buffer.from('30'), { timeoutMs: 10_000 });
    await Promise.all(three.map(({ pid }) => load.answerOf(pid)));
    const [victim] = three;
    assert.ok(victim);
    const onVictim = channel
      .stats()
      .connections.find(({ peer }) => peer.endsWith(`:${victim.port}`));
    const killedMs = performance.now();
    await victim.stop('SIGKILL');
    const others = three.slice(1);
    // Two full answers of each of the others: what was begun after the kill has ended by then.
    for (let i = 0; i < 2; i += 1) await Promise.all(others.map(({ pid }) => load.answerOf(pid)));
    const failedMs = Math.max(killedMs, ...load.failed.map(({ endedMs }) => endedMs));
    await load.stop();
    const codes = new Set(load.failed.map(({ error }) => error.code));
    assert.deepEqual(
      [...codes].filter((code) => code !== Status.UNAVAILABLE),
      [],
    );
    const inFlight = onVictim?.streams.open ?? 0;
    // Between the reading and the end of its sockets some more may have been begun.
    assert.ok(
      load.failed.length <= inFlight + RATE / 10,
      `${load.failed.length} failed, ${inFlight} were in flight: ${failures(load)[0]}`,
    );
    const late = load.failed.filter(({ startedMs }) => startedMs > failedMs);
    assert.deepEqual(late, []);
    const lasted = Math.round(failedMs - killedMs);
    test.diagnostic(
      `${load.started} calls, ${inFlight} in flight on the victim, ${load.failed.length} failed, the last ${lasted} ms after the kill`,
    );
  });
});
