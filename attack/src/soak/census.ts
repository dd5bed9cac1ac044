// What a process holds open: file descriptors, active resources of the event loop, timers.
// Invariant: only what is there beyond the census taken at the start counts as left over, so the
// IPC channel and the streams of the process do not.
// Not here: streams and handlers, which the runtimes count.

import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

export interface Census {
  /** Null where the system does not tell. */
  readonly descriptors: number | null;
  /** By the names of `process.getActiveResourcesInfo`. */
  readonly resources: Readonly<Record<string, number>>;
  /** In the timer wheel of Sluice. */
  readonly wheelTimers: number;
}

export interface Leftovers {
  readonly handles: number;
  readonly timers: number;
  /** What they are, for whoever looks for them. */
  readonly names: readonly string[];
}

/** Resources that are timers; what is left of them is counted apart. */
const TIMERS = new Set(['Timeout', 'Immediate']);

/** The timers of Sluice in this process. */
export interface TimerCount {
  readonly size: number;
}

/**
 * The wheel of the copy of Sluice that this process has loaded. It is no part of the package's
 * public face, so it is found beside the file that is.
 */
export async function sluiceTimers(): Promise<TimerCount> {
  const entry = import.meta.resolve('sluice');
  // Foreign as far as types go: the module of another package, by its place.
  const wheel = (await import(new URL('transport/timer-wheel.js', entry).href)) as {
    processWheel: TimerCount;
  };
  return wheel.processWheel;
}

function descriptors(): number | null {
  try {
    // The listing itself holds one.
    return readdirSync(pathToFileURL('/proc/self/fd/')).length - 1;
  } catch {
    return null;
  }
}

export function takeCensus(wheel: TimerCount | undefined): Census {
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) {
    resources[name] = (resources[name] ?? 0) + 1;
  }
  return { descriptors: descriptors(), resources, wheelTimers: wheel?.size ?? 0 };
}

/** What is there at the end and was not at the start. */
export function leftovers(start: Census, end: Census): Leftovers {
  const names: string[] = [];
  let resources = 0;
  let timers = Math.max(0, end.wheelTimers - start.wheelTimers);
  if (timers > 0) names.push(`${timers} in the timer wheel`);
  for (const [name, count] of Object.entries(end.resources)) {
    const more = count - (start.resources[name] ?? 0);
    if (more <= 0) continue;
    names.push(`${more} ${name}`);
    if (TIMERS.has(name)) timers += more;
    else resources += more;
  }
  const descriptorsMore =
    end.descriptors === null || start.descriptors === null
      ? 0
      : Math.max(0, end.descriptors - start.descriptors);
  if (descriptorsMore > 0) names.push(`${descriptorsMore} file descriptors`);
  // A socket is both a resource and a descriptor, and must not count twice.
  return { handles: Math.max(resources, descriptorsMore), timers, names };
}

/** Looks until nothing is left over, or until the time is up. */
export async function settledLeftovers(
  start: Census,
  wheel: TimerCount | undefined,
  withinMs: number,
): Promise<Leftovers> {
  const until = performance.now() + withinMs;
  for (;;) {
    const left = leftovers(start, takeCensus(wheel));
    if (left.handles + left.timers === 0 || performance.now() > until) return left;
    await pause(100);
  }
}
