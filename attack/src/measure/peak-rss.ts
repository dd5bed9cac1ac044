// The peak of a process's RSS as the kernel keeps it, which no stalled event loop can hide.
// Linux only: /proc/PID/clear_refs sets the mark back, VmHWM in /proc/PID/status has it.

import { readFileSync, writeFileSync } from 'node:fs';

/** False where the system keeps no such mark. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

/** Bytes; undefined where the system does not say, or the process is gone. */
export function peakOf(pid: number): number | undefined {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found === null ? undefined : Number(found[1]) * 1024;
  } catch {
    return undefined;
  }
}
