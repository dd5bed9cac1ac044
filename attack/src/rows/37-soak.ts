// Row 37: a soak of three minutes. Every call ends once, as it was planned; live memory does not grow
// for as long as the fit can tell; nothing is open at the end. The same load through grpc-js.

import { type AttackSide, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';
import { DEFAULT_RPS, DEFAULT_SECONDS } from '../soak/options.ts';
import { runSoak } from '../soak/soak.ts';
import { progressLine } from '../soak/text-report.ts';

/** The same for both runtimes, so that they are put to the same calls. */
const SEED = 37;

/** Progress is said for every so many samples. */
const SAID_EVERY = 5;

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

async function run({ runtime, progress }: RowContext): Promise<AttackSide> {
  let samples = 0;
  const plan = { runtime, seconds: DEFAULT_SECONDS, rps: DEFAULT_RPS, seed: SEED };
  const report = await runSoak(plan, (now) => {
    samples += 1;
    if (samples % SAID_EVERY === 0) progress(progressLine(now, DEFAULT_SECONDS));
  });
  return side(report.why, {
    calls: report.calls,
    lost: report.lost,
    heapSlopeMBPerHour: report.heapSlopeMBPerHour,
    slopeConfidence: report.slopeConfidence,
    clientGrewMB: rounded(report.memory.client.grewMB),
    serverGrewMB: rounded(report.memory.server.grewMB),
    openHandles: report.openHandles,
    openTimers: report.openTimers,
    openStreams: report.openStreams,
    handlersLeft: report.handlersLeft,
    channels: report.channels,
    restarts: report.restarts,
    faults: Object.values(report.faults).reduce((sum, count) => sum + count, 0),
  });
}

export const rows: readonly Row[] = [
  {
    row: 37,
    name: 'soak',
    direction: 'server',
    tls: false,
    expected:
      '10 % cancels, 5 % deadlines, connection churn, faults: every call ends once; heap slope after collections <= 1 MB/h as far as the fit can tell; no fd, timer, stream left',
    seconds: 200,
    run,
  },
];
