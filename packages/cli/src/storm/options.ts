// The options of `sluice storm`, read from the command line: of the storm, and of its matrix. Pure:
// a fault is an outcome that names the option, what it was given and where the help is.

import { parseArgs } from 'node:util';
import {
  CELL_RUNS,
  CELLS,
  cellsNamed,
  MATRIX_RUNTIMES,
  type MatrixCell,
  type MatrixRuntime,
} from './matrix-cells.ts';
import {
  DEFAULT_RATE_RPS,
  DEFAULT_STORM_SECONDS,
  RUNTIMES,
  type RuntimeName,
  SCENARIOS,
  type Scenario,
} from './scenarios.ts';
import type { Trial } from './trials/trial.ts';
import { TRIALS } from './trials/trials.ts';
import type { WatchOptions } from './watch.ts';

/** What of the matrix to run. */
export interface MatrixOptions {
  readonly cells: readonly MatrixCell[];
  readonly runtimes: readonly MatrixRuntime[];
  /** Length of each of Sluice's storms. */
  readonly seconds: number;
}

/** What to run and where to leave the results. */
export interface StormOptions {
  readonly scenarios: readonly Scenario[];
  readonly runtimes: readonly RuntimeName[];
  readonly rate: number;
  readonly seconds: number;
  /** Null unless the matrix was asked for, which then runs instead of the scenarios. */
  readonly matrix: MatrixOptions | null;
  /** Trials of single features; they run instead of the scenarios, or after the matrix. */
  readonly trials: readonly Trial[];
  readonly jsonFile: string | null;
  readonly htmlFile: string;
  readonly opens: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: StormOptions }
  | { readonly kind: 'watch'; readonly options: WatchOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly why: string };

export const STORM_HELP: string = `usage: sluice storm [options]

Shows what happens to a gRPC client that is asked for far more than its server
can take: Sluice, @grpc/grpc-js and its drop-in @sluice/grpc-js under the same
load, one after another, each client and server in a process of its own. Takes
about 80 seconds, shows the queue and the memory while it runs, and ends by
itself.

  --seconds N    length of each storm in seconds (default ${DEFAULT_STORM_SECONDS})
  --rate N       calls offered per second (default ${DEFAULT_RATE_RPS})
  --only NAME    one scenario or runtime instead of all; may be given again:
                 scenarios ${SCENARIOS.map(({ name }) => name).join(', ')}
                 runtimes  ${RUNTIMES.join(', ')}
  --matrix       every load, payload and kind of call instead: ${CELLS.length} cells, each
                 beside grpc-js and, where Go is installed, grpc-go; about ten
                 minutes. --only then takes parts of their names, as in
                 slow-server/unary or 16KB/300000, or ${MATRIX_RUNTIMES.join(', ')}
  --watch        storms at Sluice alone, one after another, each process with a
                 page that shows what it holds; until Ctrl-C, or for --seconds
  --scenarios A  trials of single features instead, or after the matrix: any of
                 ${TRIALS.map(({ name }) => name).join(', ')}, or all; about a minute each
  --json FILE    write every figure to FILE
  --html FILE    where the report with the curves goes (default ./storm-report.html)
  --no-open      do not open the report in a browser
  --help         this text

Exit code: 0 every promise of Sluice and of the drop-in held, 1 one did not, 2
the options were not understood, 130 interrupted. The promises, and how they are
measured, are in packages/cli/README.md.
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
      matrix: { type: 'boolean' },
      scenarios: { type: 'string', multiple: true },
      watch: { type: 'boolean' },
      json: { type: 'string' },
      html: { type: 'string' },
      'no-open': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return { kind: 'help' };

  const asMatrix = values.matrix === true;
  if (asMatrix && values.rate !== undefined) {
    const rates = `its cells have their own, as in --only 100000`;
    return { kind: 'fault', why: `--rate does not go with --matrix: ${rates}; ${SEE_HELP}` };
  }
  const usual = asMatrix ? CELL_RUNS.sluice.seconds : DEFAULT_STORM_SECONDS;
  const seconds = numberIn('seconds', values.seconds, usual, SECONDS_RANGE);
  if (typeof seconds === 'string') return { kind: 'fault', why: seconds };
  const rate = numberIn('rate', values.rate, DEFAULT_RATE_RPS, RATE_RANGE);
  if (typeof rate === 'string') return { kind: 'fault', why: rate };

  if (values.watch === true) {
    const stray = (['only', 'matrix', 'json', 'html'] as const).find(
      (name) => values[name] !== undefined,
    );
    if (stray !== undefined) {
      return { kind: 'fault', why: `--${stray} does not go with --watch; ${SEE_HELP}` };
    }
    const forSeconds = values.seconds === undefined ? null : seconds;
    return { kind: 'watch', options: { rate, seconds: forSeconds } };
  }

  for (const option of ['json', 'html'] as const) {
    if (values[option] === '') {
      return { kind: 'fault', why: `--${option} takes the name of a file, not ''; ${SEE_HELP}` };
    }
  }

  const only = (values.only ?? []).flatMap((names) => names.split(','));
  const files = {
    jsonFile: values.json ?? null,
    htmlFile: values.html ?? 'storm-report.html',
    opens: values['no-open'] !== true,
  };
  const trials = trialsNamed((values.scenarios ?? []).flatMap((names) => names.split(',')));
  if (typeof trials === 'string') return { kind: 'fault', why: trials };
  if (!asMatrix && trials.length > 0) {
    if (only.length > 0) {
      const why = `--only does not go with --scenarios, which names what runs; ${SEE_HELP}`;
      return { kind: 'fault', why };
    }
    const nothing = { scenarios: [], runtimes: [], matrix: null };
    return { kind: 'run', options: { ...nothing, trials, rate, seconds, ...files } };
  }
  if (asMatrix) {
    const matrix = matrixOf(only, seconds);
    if (typeof matrix === 'string') return { kind: 'fault', why: matrix };
    const nothing = { scenarios: [], runtimes: [] };
    return { kind: 'run', options: { ...nothing, trials, rate, seconds, matrix, ...files } };
  }
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
      matrix: null,
      trials,
      ...files,
    },
  };
}

/** The trials by name, or the fault. */
function trialsNamed(names: readonly string[]): readonly Trial[] | string {
  if (names.includes('all')) return TRIALS;
  const stray = names.find((name) => !TRIALS.some((trial) => trial.name === name));
  if (stray === undefined) return TRIALS.filter((trial) => names.includes(trial.name));
  const known = [...TRIALS.map(({ name }) => name), 'all'].join(', ');
  return `--scenarios takes one of ${known}, not '${stray}'; ${SEE_HELP}`;
}

/** What of the matrix the words after --only leave, or the fault. */
function matrixOf(only: readonly string[], seconds: number): MatrixOptions | string {
  const runtimes = MATRIX_RUNTIMES.filter((name) => only.includes(name));
  const words = only.filter((word) => !MATRIX_RUNTIMES.some((name) => name === word));
  const stray = words.find((word) => cellsNamed([word]).length === 0);
  if (stray !== undefined) {
    const example = CELLS[0]?.name ?? '';
    return `--only takes parts of a cell's name such as ${example}, or one of ${MATRIX_RUNTIMES.join(', ')}, not '${stray}'; ${SEE_HELP}`;
  }
  return {
    cells: words.length > 0 ? cellsNamed(words) : CELLS,
    runtimes: runtimes.length > 0 ? runtimes : MATRIX_RUNTIMES,
    seconds,
  };
}
