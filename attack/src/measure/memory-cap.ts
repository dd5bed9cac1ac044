// The end of a process under attack that takes so much memory that the machine would suffer: the
// attack is to show that it does, not to take the machine along.
// Linux only: elsewhere nobody says how much it takes.

import { readFileSync } from 'node:fs';
import type { Child } from '../child.ts';

/** MB of RSS; sixty times what any row allows. */
const CAP_MB = 3_000;
const LOOK_MS = 25;

function rssMB(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found === null ? 0 : Number(found[1]) / 1e3;
  } catch {
    return 0;
  }
}

/** Ends `child` once it is above the cap; answers with what ends the watch. */
export function capMemory(child: Child): () => void {
  const timer = setInterval(() => {
    if (rssMB(child.pid) <= CAP_MB) return;
    clearInterval(timer);
    child.stop(`took more than ${CAP_MB} MB and was ended`);
  }, LOOK_MS);
  return () => clearInterval(timer);
}
