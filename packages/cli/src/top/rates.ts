// Calls a second of channels and servers, from two looks. Pure.
// Invariant: what was not there before has no rate; a count that began anew is no negative one.

import type { Look, LookedEnd } from './look.ts';

/** Calls a second. */
export interface Rate {
  readonly started: number;
  readonly failed: number;
}

/** Looks closer together than this make no rate, ms. */
const LEAST_MS = 50;

/** By `channel 3` or `server 4`. */
export type Rates = ReadonlyMap<string, Rate>;

/** The rates of those that are in both looks. */
export function ratesBetween(before: Look | undefined, now: Look): Rates {
  const rates = new Map<string, Rate>();
  if (before === undefined || now.atMs - before.atMs < LEAST_MS) return rates;
  const seconds = (now.atMs - before.atMs) / 1_000;
  const add = (kind: string, from: readonly LookedEnd[], to: readonly LookedEnd[]): void => {
    const known = new Map(from.map((end) => [end.id, end]));
    for (const end of to) {
      const earlier = known.get(end.id);
      if (earlier === undefined) continue;
      const perSecond = (more: number): number => Math.max(0, more) / seconds;
      rates.set(`${kind} ${end.id}`, {
        started: perSecond(end.callsStarted - earlier.callsStarted),
        failed: perSecond(end.callsFailed - earlier.callsFailed),
      });
    }
  };
  add('channel', before.channels, now.channels);
  add('server', before.servers, now.servers);
  return rates;
}
