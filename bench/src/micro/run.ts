// Runs the micro benchmarks in a process of their own and makes rows of what it says.
// A case that fails takes its row with it, not the run.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Cores, pinned } from '../machine.ts';
import { type ReportRow, type Round, sideResult } from '../report.ts';
import type { MicroLine } from './micro-process.ts';

const MICRO_PROCESS: string = fileURLToPath(new URL('./micro-process.js', import.meta.url));

/** Every micro benchmark's name starts with this. */
export const MICRO_PREFIX = 'micro-';

/**
 * One row per micro benchmark that starts with one of `selection`, in `ns/op`.
 * @param machine one line, for the rows
 * @param version of sluice, for the rows
 * @param onRow called as each is done
 */
export async function runMicro(
  selection: readonly string[],
  cores: Cores | null,
  machine: string,
  version: string,
  onRow: (row: ReportRow) => void,
): Promise<ReportRow[]> {
  const command = [process.execPath, MICRO_PROCESS, ...selection];
  const [program = '', ...args] = pinned(cores?.client ?? null, command);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const rows: ReportRow[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    // Written by our own micro-process.
    const line = JSON.parse(text) as MicroLine;
    const rounds = line.nanoseconds.map(
      (value): Round => ({
        value,
        clientCpuUsPerCall: null,
        serverCpuUsPerCall: null,
        rss: null,
      }),
    );
    const row: ReportRow = {
      name: line.name,
      own: 'sluice',
      unit: 'ns/op',
      better: 'lower',
      measures: line.measures,
      machine,
      versions: { sluice: version },
      results: { sluice: sideResult(rounds) },
      ratio: {},
      rssRatio: {},
      bar: null,
      why: {},
    };
    rows.push(row);
    onRow(row);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`the micro benchmarks ended with code ${code}`);
  return rows;
}
