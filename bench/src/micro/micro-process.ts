// Runs the micro benchmarks whose names are given, in one process on one core, and says one JSON
// line for each: its name and the nanoseconds per operation of every batch.

import type { MicroCase } from './case.ts';
import { timeCase } from './case.ts';
import { frameReaderCases } from './frame-reader.ts';
import { frameWriterCases } from './frame-writer.ts';
import { hpackCases } from './hpack.ts';
import { loopyCases } from './loopy.ts';

const CASES: readonly MicroCase[] = [
  ...hpackCases,
  ...frameReaderCases,
  ...frameWriterCases,
  ...loopyCases,
];

export interface MicroLine {
  readonly name: string;
  readonly measures: string;
  readonly nanoseconds: readonly number[];
}

function main(selection: readonly string[]): void {
  for (const micro of CASES) {
    if (!selection.some((prefix) => micro.name.startsWith(prefix))) continue;
    const line: MicroLine = {
      name: micro.name,
      measures: micro.measures,
      nanoseconds: timeCase(micro),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

main(process.argv.slice(2));
