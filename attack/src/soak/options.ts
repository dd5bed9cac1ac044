// The command line of `npm run soak`. Pure: a fault is an outcome that names the option and what it
// was given.

import { parseArgs } from 'node:util';
import type { SoakRuntime } from './runtime.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly rps: number;
  readonly seed: number;
  readonly runtime: SoakRuntime;
  readonly json: string | undefined;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: SoakOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly why: string };

export const DEFAULT_SECONDS = 180;
export const DEFAULT_RPS = 200;

export const HELP: string = `Usage: npm run soak -- [options]

A server and a client, each in a process of its own, under a mixed load: calls of
every kind, 10 % cancelled, 5 % with a deadline that passes, connections that come
and go, faults injected by a proxy. Every call has to end once, as it was planned;
live memory must not grow; nothing may be open at the end.

  --seconds N     length of the load (default ${DEFAULT_SECONDS}); from 1800 on the slope itself is
                  held to 1 MB/h, below that the lower end of its 95 % interval to
                  6 MB/h; below 150 memory is not judged
  --rps N         calls begun a second (default ${DEFAULT_RPS})
  --seed N        the same seed makes the same calls and faults (default by the clock)
  --runtime NAME  sluice (default) or grpc-js, which is measured by the same load
  --json FILE     also write the report as JSON
  --help          this text

Exit codes: 0 held, 1 not, 2 wrong usage.
`;

const NUMBERS = {
  seconds: [2, 604_800],
  rps: [1, 5_000],
  seed: [0, 4_294_967_295],
} as const;

/** The number of an option, or what is wrong with it. */
function numberOf(name: keyof typeof NUMBERS, text: string | undefined, usual: number) {
  if (text === undefined) return usual;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const [least, most] = NUMBERS[name];
  if (value >= least && value <= most) return value;
  return `--${name} is '${text}'; it must be a number from ${least} to ${most}`;
}

/** @param clock milliseconds, for a seed where none is given */
export function readOptions(args: readonly string[], clock: number): ParsedOptions {
  try {
    return parse(args, clock);
  } catch (error) {
    // parseArgs tells an unknown option or a missing value by throwing; its text names the option.
    return { kind: 'fault', why: error instanceof Error ? error.message : String(error) };
  }
}

function parse(args: readonly string[], clock: number): ParsedOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rps: { type: 'string' },
      seed: { type: 'string' },
      runtime: { type: 'string', default: 'sluice' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const seconds = numberOf('seconds', values.seconds, DEFAULT_SECONDS);
  const rps = numberOf('rps', values.rps, DEFAULT_RPS);
  const seed = numberOf('seed', values.seed, Math.floor(clock) % 1_000_000);
  for (const value of [seconds, rps, seed]) {
    if (typeof value === 'string') return { kind: 'fault', why: value };
  }
  const { runtime } = values;
  if (runtime !== 'sluice' && runtime !== 'grpc-js') {
    return { kind: 'fault', why: `--runtime is '${runtime}'; it must be sluice or grpc-js` };
  }
  return {
    kind: 'run',
    options: {
      seconds: Number(seconds),
      rps: Number(rps),
      seed: Number(seed),
      runtime,
      json: values.json,
    },
  };
}
