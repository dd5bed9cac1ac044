// Row 34: 512 calls over one connection between two peers neither of which gets rid of its bytes
// for three seconds (grpc-go #9330), then one of them, then the other; socket buffers are small.

import { askOnSmallBuffers, NoNamespaceError } from '../faults/small-buffers.ts';
import type { StopOutcome } from '../faults/stopped-peers.ts';
import { type AttackSide, blocked, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const PAUSES = 3;
const WITHIN_SECONDS = 90;

function judge(outcome: StopOutcome): AttackSide {
  const { calls, odd, firstOdd, connections, pauses } = outcome;
  const { movedMB, resumedMs, gatesClosed, seconds } = outcome;
  const faults: string[] = [];
  if (odd > 0) faults.push(`${odd} calls did not end as they should, the first with ${firstOdd}`);
  if (connections !== 1) faults.push(`${connections} connections were made`);
  if (pauses !== PAUSES) faults.push(`the load was over after ${pauses} of ${PAUSES} pauses`);
  return side(faults, {
    calls,
    odd,
    connections,
    pauses,
    movedMB: Math.round(movedMB),
    resumedMs: Math.round(resumedMs),
    gatesClosed,
    seconds: Math.round(seconds),
  });
}

async function run(context: RowContext): Promise<AttackSide> {
  const { runtime } = context;
  try {
    const outcome = await askOnSmallBuffers<StopOutcome>(
      'small-buffers-process.js',
      { runtime },
      WITHIN_SECONDS,
    );
    return judge(outcome);
  } catch (error) {
    if (error instanceof NoNamespaceError) return blocked(error.message);
    return side([error instanceof Error ? error.message : String(error)], {});
  }
}

export const rows: readonly Row[] = [
  {
    row: 34,
    name: 'both peers stop reading, 512 calls',
    direction: 'client',
    tls: false,
    expected: 'progress resumes, no connection is closed, every call ends as it should',
    seconds: 15,
    run,
  },
];
