// `npm run soak`: a mixed load with faults for as long as it is given, and what is left of it.
// Exit codes: 0 held, 1 not, 2 wrong usage.

import { writeFileSync } from 'node:fs';
import { endSoakChildren } from './child.ts';
import { HELP, readOptions, type SoakOptions } from './options.ts';
import { runSoak } from './soak.ts';
import { formatReport, progressLine } from './text-report.ts';

async function soak(options: SoakOptions): Promise<number> {
  const { runtime, seconds, rps, seed, json } = options;
  process.stderr.write(`${runtime} for ${seconds} s at ${rps} rps, seed ${seed}\n`);
  const report = await runSoak({ runtime, seconds, rps, seed }, (progress) =>
    process.stderr.write(`${progressLine(progress, seconds)}\n`),
  );
  process.stdout.write(`${formatReport(report)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  return report.held ? 0 : 1;
}

async function main(): Promise<number> {
  const parsed = readOptions(process.argv.slice(2), Date.now());
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'fault':
      process.stderr.write(`${parsed.why}\n\n${HELP}`);
      return 2;
    case 'run':
      return soak(parsed.options);
  }
}

process.once('SIGINT', () => {
  endSoakChildren();
  process.exit(130);
});
main().then(
  // Not left to itself: after broken connections Node may wait for a request that never ends.
  (code) => process.exit(code),
  (error: unknown) => {
    endSoakChildren();
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    process.exit(1);
  },
);
