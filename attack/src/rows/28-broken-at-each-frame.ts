// Row 28: a conversation that is broken at each frame of either direction, by RST, FIN and SIGKILL.
// Not here: one break and its judgement (faults/every-frame.ts).

import { Crew } from '../faults/crew.ts';
import { type Break, EveryFrame } from '../faults/every-frame.ts';
import type { Direction } from '../faults/fault-proxy.ts';
import { type AttackSide, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

/** SIGKILL costs a process: at every so many frames. RST and FIN are at each. */
const KILL_EVERY = 4;

const FAULTS_TOLD = 3;

interface Step {
  readonly direction: Direction;
  readonly frame: number;
  readonly how: Break;
}

/** The breaks at these many frames, in the order of the frames. */
function stepsOf(frames: Readonly<Record<Direction, number>>): Step[] {
  const steps: Step[] = [];
  for (const direction of ['toServer', 'toClient'] as const) {
    for (let frame = 0; frame <= frames[direction]; frame += 1) {
      steps.push({ direction, frame, how: 'reset' }, { direction, frame, how: 'fin' });
      if (frame % KILL_EVERY !== 0) continue;
      steps.push(
        { direction, frame, how: 'kill-server' },
        { direction, frame, how: 'kill-client' },
      );
    }
  }
  return steps;
}

async function run(context: RowContext): Promise<AttackSide> {
  const startedMs = performance.now();
  const crew = new Crew(context.runtime);
  const everyFrame = await EveryFrame.start(crew);
  const { totals } = everyFrame;
  const frames = { toServer: 0, toClient: 0 };
  const faults: string[] = [];
  try {
    await everyFrame.measure();
    Object.assign(frames, await everyFrame.measure());
    for (const { direction, frame, how } of stepsOf(frames)) {
      if (frame % 25 === 0) context.progress(`${how} ${direction} at frame ${frame}`);
      await everyFrame.breakOnce(direction, frame, how);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    await everyFrame.close();
    crew.end();
  }
  if (totals.unavailable === 0) faults.push('no call was broken');
  if (totals.faults.length > 0) {
    faults.push(`${totals.faults.length} of ${totals.breaks} breaks`);
    faults.push(...totals.faults.slice(0, FAULTS_TOLD));
  }
  return side(faults, {
    framesToServer: frames.toServer,
    framesToClient: frames.toClient,
    breaks: totals.breaks,
    breaksNotHeld: totals.faults.length,
    notReached: totals.notReached,
    killEvery: KILL_EVERY,
    calls: totals.calls,
    unavailable: totals.unavailable,
    longestEndMs: Math.round(totals.longestMs),
    seconds: Math.round((performance.now() - startedMs) / 1000),
  });
}

export const rows: readonly Row[] = [
  {
    row: 28,
    name: 'RST, FIN and kill -9 at each frame',
    direction: 'client',
    tls: false,
    expected:
      'each RPC ends once, UNAVAILABLE or as it would have, within 1 s; no handler runs twice or stays',
    seconds: 45,
    run,
  },
];
