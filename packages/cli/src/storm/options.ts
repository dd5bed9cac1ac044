// The options of `sluice storm`, read from the command line. Pure: a fault is an outcome that names
// the option, what it was given and where the help is.

import { parseArgs } from 'node:util';
import {
  DEFAULT_RATE_RPS,
  DEFAULT_STORM_SECONDS,
  RUNTIMES,
  type RuntimeName,
  SCENARIOS,
  type Scenario,
} from './scenarios.ts';

/** What to run and where to leave the results. */
export interface StormOptions {
  readonly scenarios: readonly Scenario[];
  readonly runtimes: readonly RuntimeName[];
  readonly rate: number;
  readonly seconds: number;
  readonly jsonFile: string | null;
  readonly htmlFile: string;
  readonly opens: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: StormOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly why: string };

export const STORM_HELP: string = `usage: sluice storm [options]

Shows what happens to a gRPC client that is asked for far more than its server
can take: Sluice and @grpc/grpc-js under the same load, one after another, each
client and server in a process of its own. Takes about 75 seconds, shows the
queue and the memory while it runs, and ends by itself.

  --seconds N    length of each storm in seconds (default ${DEFAULT_STORM_SECONDS})
  --rate N       calls offered per second (default ${DEFAULT_RATE_RPS})
  --only NAME    one scenario or runtime instead of all; may be given again:
                 scenarios ${SCENARIOS.map(({ name }) => name).join(', ')}
                 runtimes  ${RUNTIMES.join(', ')}
  --json FILE    write every figure to FILE
  --html FILE    where the report with the curves goes (default ./storm-report.html)
  --no-open      do not open the report in a browser
  --help         this text

Exit code: 0 every promise of Sluice held, 1 one did not, 2 the options were
not understood, 130 interrupted. The promises, and how they are measured, are
in packages/cli/README.md.
`;

const SEE_HELP = "see 'sluice storm --help'";

/** Lengths and rates outside of these measure nothing, or hold the machine for longer than meant. */
const SECONDS_RANGE = [0.5, 600] as const;
const RATE_RANGE = [100, 10_000_000] as const;

function numberIn(
  option: string,
  text: string | undefined,
  fallback: number,
  [least, most]: readonly [number, number],
): number | string {
  if (text === undefined) return fallback;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  return `--${option} takes a number from ${least} to ${most}, not '${text}'; ${SEE_HELP}`;
}

/** Reads the arguments after `storm`. */
export function parseStormOptions(args: readonly string[]): ParsedOptions {
  try {
    return parse(args);
  } catch (error) {
    // parseArgs tells an unknown option or a missing value by throwing; its text names the option.
    const text = error instanceof Error ? error.message : String(error);
    const why = text.split(/\.\s/)[0]?.replace('argument is ambiguous', 'lacks its value');
    return { kind: 'fault', why: `${why}; ${SEE_HELP}` };
  }
}

function parse(args: readonly string[]): ParsedOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rate: { type: 'string' },
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      html: { type: 'string' },
      'no-open': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return { kind: 'help' };

  const seconds = numberIn('seconds', values.seconds, DEFAULT_STORM_SECONDS, SECONDS_RANGE);
  if (typeof seconds === 'string') return { kind: 'fault', why: seconds };
  const rate = numberIn('rate', values.rate, DEFAULT_RATE_RPS, RATE_RANGE);
  if (typeof rate === 'string') return { kind: 'fault', why: rate };

  for (const option of ['json', 'html'] as const) {
    if (values[option] === '') {
      return { kind: 'fault', why: `--${option} takes the name of a file, not ''; ${SEE_HELP}` };
    }
  }

  const only = (values.only ?? []).flatMap((names) => names.split(','));
  const scenarios = SCENARIOS.filter(({ name }) => only.includes(name));
  const runtimes = RUNTIMES.filter((name) => only.includes(name));
  if (scenarios.length + runtimes.length < new Set(only).size) {
    const names = [...SCENARIOS.map(({ name }) => name), ...RUNTIMES];
    const stray = only.find((name) => !names.some((known) => known === name));
    return {
      kind: 'fault',
      why: `--only takes one of ${names.join(', ')}, not '${stray}'; ${SEE_HELP}`,
    };
  }
  return {
    kind: 'run',
    options: {
      scenarios: scenarios.length > 0 ? scenarios : SCENARIOS,
      runtimes: runtimes.length > 0 ? runtimes : RUNTIMES,
      rate,
      seconds,
      jsonFile: values.json ?? null,
      htmlFile: values.html ?? 'storm-report.html',
      opens: values['no-open'] !== true,
    },
  };
}
