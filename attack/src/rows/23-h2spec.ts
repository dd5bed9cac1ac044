// Row 23: h2spec, strict, against a server in plain text and over TLS: what others expect of HTTP/2.
// The cases that ours is right to fail are written down in interop's list of exceptions; for grpc-js
// there is none.

import { runH2spec } from '../../../interop/dist/h2spec.js';
import { type AttackSide, blocked, type Figures, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const FAULTS_TOLD = 20;

async function run({ runtime, progress }: RowContext): Promise<AttackSide> {
  const report = await runH2spec(progress, runtime);
  const whole = report.filter(({ case: name }) => name === 'h2spec');
  const missing = whole.find(({ result }) => result === 'skipped');
  if (missing !== undefined) return blocked(missing.why ?? 'h2spec is not to be had');
  const figures: Figures = {};
  for (const tls of [false, true]) {
    const of = report.filter((one) => one.tls === tls && one.case !== 'h2spec');
    const count = (result: string): number => of.filter((one) => one.result === result).length;
    const wire = tls ? 'Tls' : 'Plain';
    figures[`cases${wire}`] = of.length;
    figures[`passed${wire}`] = count('pass');
    figures[`failed${wire}`] = count('fail');
    figures[`notJudged${wire}`] = count('skipped');
  }
  const failed = report
    .filter(({ result }) => result === 'fail')
    .map((one) => `${one.case.replace('h2spec/', '')}${one.tls ? ' over TLS' : ''}`);
  const told = failed.slice(0, FAULTS_TOLD).join(', ');
  return side(failed.length === 0 ? [] : [`${failed.length} cases failed: ${told}`], figures);
}

export const rows: readonly Row[] = [
  {
    row: 23,
    name: 'h2spec, strict, plain and over TLS',
    direction: 'server',
    tls: false,
    expected:
      'all cases, less those that are written down as exceptions with the rule that says so',
    seconds: 60,
    run,
  },
];
