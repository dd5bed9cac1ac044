// Which handlers began and which are over, on disk before the handler goes on: what a process did is
// known after SIGKILL too. A line is `+id` or `-id` and the time.
// Not here: who compares it with what clients saw (every-frame.ts).

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { monotonicMs } from './monotonic-clock.ts';
import type { HandlerJournal } from './subject.ts';

export class JournalFile implements HandlerJournal {
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, 'a');
  }

  began(id: string): void {
    writeSync(this.file, `+${id} ${monotonicMs().toFixed(1)}\n`);
  }

  over(id: string): void {
    writeSync(this.file, `-${id} ${monotonicMs().toFixed(1)}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** What became of the handlers of one call. */
export interface HandlerRecord {
  began: number;
  over: number;
  /** Of the last one that is over, of `monotonicMs`. */
  overMs: number;
}

/** Reads a journal, of this process or another one, from byte `from` on. */
export function readJournal(path: string, from = 0): Map<string, HandlerRecord> {
  const records = new Map<string, HandlerRecord>();
  const text = readFileSync(path).subarray(from).toString('latin1');
  for (const line of text.split('\n')) {
    const [what = '', time = ''] = line.split(' ');
    if (what === '') continue;
    const id = what.slice(1);
    const record = records.get(id) ?? { began: 0, over: 0, overMs: 0 };
    records.set(id, record);
    if (what.startsWith('+')) record.began += 1;
    else {
      record.over += 1;
      record.overMs = Number(time);
    }
  }
  return records;
}
