// A flood row: the same two attacks on every runtime, control runs without an attack between them,
// what is left 5 s later, and the legitimate twin.
// Invariant: a death of the process under attack fails the row and ends it; nothing here outlives it.

import { setTimeout as pause } from 'node:timers/promises';
import type { AttackName } from '../attack.ts';
import { ChildDied } from '../child.ts';
import { type AttackSide, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';
import type { FloodPlan, Run } from './flood-plan.ts';
import { judgeFlood, movedBetween, SETTLE_MS } from './flood-verdict.ts';
import { capMemory } from './memory-cap.ts';
import type { Settled } from './meter.ts';
import { beginAt, ClientScene, readAt, type Scene, ServerScene, settleAt } from './scene.ts';

const CONTROL_MS = 2_000;
/** Of an attack on a server, at the least: 400 calls of the good client. */
const LEAST_MS = 4_000;
/** After an attack, for what it has left under way. */
const TAIL_MS = 500;
/** Starting, warming up, three controls and the wait for memory. */
const AROUND_SECONDS = 19;

async function control(scene: Scene): Promise<{ p99Ms: number; stallMs: number }> {
  await beginAt(scene.target);
  await scene.startGood();
  await pause(CONTROL_MS);
  const { p99Ms } = await scene.stopGood();
  const { longestStallMs } = await readAt(scene.target);
  return { p99Ms, stallMs: longestStallMs };
}

interface AttackedOnce {
  readonly run: Run;
  readonly uncaught: readonly string[];
  readonly acted: Record<string, number>;
}

async function heldAt(scene: Scene, ms: number): Promise<Settled> {
  await pause(ms);
  return settleAt(scene.target);
}

async function attackOnce(scene: Scene, plan: FloodPlan, idle: Settled): Promise<AttackedOnce> {
  // What an earlier run left as garbage is none of this one's peak.
  await settleAt(scene.target);
  await beginAt(scene.target);
  await scene.startGood();
  const what: AttackName = { module: plan.module, name: plan.attack };
  const midway = plan.heldAfterMs === undefined ? undefined : heldAt(scene, plan.heldAfterMs);
  // A death is told by whoever waits for the attack.
  midway?.catch(() => {});
  const held = async () => {
    await pause(TAIL_MS);
    const good = await scene.stopGood();
    const reading = await readAt(scene.target);
    const { live } = await (midway ?? settleAt(scene.target));
    return { good, reading, live };
  };
  let heard: Awaited<ReturnType<typeof held>> | undefined;
  const { seen, ends } = await scene.attack(what, plan.seconds, LEAST_MS, async () => {
    heard = await held();
  });
  if (heard === undefined) throw new Error('an attack was over before it was measured');
  const { good, reading, live } = heard;
  const { peak, longestStallMs, cpuMs, handlersMost, uncaught, acted } = reading;
  const [first = {}, ...repeated] = seen;
  const run: Run = {
    seen: first,
    repeated,
    ends,
    growth: peak - idle.rss,
    heldMB: (live - idle.live) / 1e6,
    longestStallMs,
    cpuMs: cpuMs / seen.length,
    handlersMost,
    goodP99Ms: good.p99Ms,
    goodFailures: good.failures,
    goodCalls: good.calls,
  };
  return { run, uncaught, acted };
}

async function runTwin(scene: Scene, plan: FloodPlan): Promise<readonly string[] | undefined> {
  const { twin } = plan;
  if (twin === undefined) return undefined;
  const before = (await readAt(scene.target)).acted;
  const { seen, ends } = await scene.attack(
    { module: plan.module, name: twin.attack },
    twin.seconds,
    0,
    () => Promise.resolve(),
  );
  const { acted, uncaught } = await readAt(scene.target);
  // The limits of a client are those of a channel, which each attack has anew.
  const base = plan.direction === 'client' ? {} : before;
  return [
    ...movedBetween(base, acted).map((name) => `the limit ${name} acted`),
    ...uncaught.map((text) => `uncaught: ${text.split('\n')[0]}`),
    ...(twin.judge?.(seen[0] ?? {}, ends) ?? []),
  ];
}

async function measure(scene: Scene, plan: FloodPlan, context: RowContext): Promise<AttackSide> {
  await scene.open();
  await scene.warmUp();
  const idle = await settleAt(scene.target);
  const controls = [await control(scene)];
  const actedBefore = (await readAt(scene.target)).acted;
  const runs: Run[] = [];
  const uncaught: string[] = [];
  let actedAfter: Record<string, number> = {};
  for (let i = 1; i <= 2; i += 1) {
    context.progress(`attack ${i}`);
    const attacked = await attackOnce(scene, plan, idle);
    runs.push(attacked.run);
    uncaught.push(...attacked.uncaught);
    actedAfter = attacked.acted;
    controls.push(await control(scene));
  }
  context.progress('what is left');
  await pause(SETTLE_MS);
  const after = await settleAt(scene.target);
  if (plan.twin !== undefined) context.progress('twin');
  return judgeFlood(plan, {
    runtime: context.runtime,
    idleRss: idle.rss,
    idleLive: idle.live,
    liveAfter: after.live,
    control: {
      p99Ms: Math.min(...controls.map(({ p99Ms }) => p99Ms)),
      stallMs: Math.min(...controls.map(({ stallMs }) => stallMs)),
    },
    runs,
    uncaught,
    actedBefore: plan.direction === 'client' ? {} : actedBefore,
    actedAfter,
    twinFaults: await runTwin(scene, plan),
  });
}

/** A row of the kind that all floods are. */
export function floodRow(plan: FloodPlan): Row {
  const { row, name, direction, tls, expected } = plan;
  return {
    row,
    name,
    direction,
    tls,
    expected,
    seconds: AROUND_SECONDS + 2 * plan.seconds + (plan.twin?.seconds ?? 0),
    run: async (context) => {
      const scene =
        direction === 'server' ? new ServerScene(plan, context) : new ClientScene(plan, context);
      const uncap = capMemory(scene.target);
      try {
        return await measure(scene, plan, context);
      } catch (error) {
        if (!(error instanceof ChildDied)) throw error;
        const death = scene.target.death;
        if (death === undefined) throw error;
        return side([`the process under attack ${death}`], {});
      } finally {
        uncap();
        scene.close();
      }
    },
  };
}
