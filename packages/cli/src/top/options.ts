// The options of `sluice top`, read from the command line. Pure: a fault is an outcome that names the
// option, what it was given and where the help is.

import { parseArgs } from 'node:util';

/** What to look at, and how. */
export interface TopOptions {
  readonly address: string;
  readonly intervalMs: number;
  /** One look, then the end. */
  readonly once: boolean;
  readonly json: boolean;
  readonly tls: boolean;
  /** A file of certificates to trust; null for the system's. */
  readonly caFile: string | null;
}

export type ParsedTopOptions =
  | { readonly kind: 'run'; readonly options: TopOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly why: string };

export const TOP_HELP: string = `usage: sluice top ADDRESS [options]

Shows what the channels and servers of a running process hold and wait for, once
a second: connections with their queues, windows and streams, limits that are
close to their value, and stalls. The process serves it with one line,

  addStats(server);    // import { addStats } from 'sluice/stats'

on any of its servers, whose ADDRESS (host:port, or unix:/path) is given here.
Of a process that serves channelz alone, less is shown.

  --interval S   seconds from one look to the next, 0.1 to 60 (default 1)
  --once         print one look as a table and end; so it is where the output
                 is no terminal
  --json         print looks as JSON, one a line: one, or with --interval one
                 after another
  --tls          connect with TLS
  --ca FILE      with TLS, trust the certificates in FILE
  --help         this text

Keys: q quits, up and down (or k and j) choose a connection, s sorts, p pauses,
? explains. NO_COLOR is respected. Exit code: 0, or 1 when the process could not
be asked, 2 when the options were not understood.
`;

const SEE_HELP = "see 'sluice top --help'";
const DEFAULT_SECONDS = 1;
const SECONDS_RANGE = [0.1, 60] as const;

/**
 * Reads the arguments after `top`.
 * @param isTerminal whether the output is one
 */
export function parseTopOptions(args: readonly string[], isTerminal: boolean): ParsedTopOptions {
  try {
    return parse(args, isTerminal);
  } catch (error) {
    // parseArgs tells an unknown option or a missing value by throwing; its text names the option.
    const text = error instanceof Error ? error.message : String(error);
    const why = text.split(/\.\s/)[0]?.replace('argument is ambiguous', 'lacks its value');
    return { kind: 'fault', why: `${why}; ${SEE_HELP}` };
  }
}

function parse(args: readonly string[], isTerminal: boolean): ParsedTopOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      interval: { type: 'string' },
      once: { type: 'boolean' },
      json: { type: 'boolean' },
      tls: { type: 'boolean' },
      ca: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return { kind: 'help' };
  const [address, stray] = positionals;
  if (address === undefined || address === '') {
    return { kind: 'fault', why: `top takes the ADDRESS of a process, as host:port; ${SEE_HELP}` };
  }
  if (stray !== undefined) {
    return { kind: 'fault', why: `top takes one ADDRESS, not '${stray}' too; ${SEE_HELP}` };
  }
  const seconds = values.interval === undefined ? DEFAULT_SECONDS : Number(values.interval || NaN);
  const [least, most] = SECONDS_RANGE;
  if (!(seconds >= least && seconds <= most)) {
    const why = `--interval takes seconds from ${least} to ${most}, not '${values.interval}'; ${SEE_HELP}`;
    return { kind: 'fault', why };
  }
  const json = values.json === true;
  const unattended = json || !isTerminal;
  return {
    kind: 'run',
    options: {
      address,
      intervalMs: Math.round(seconds * 1_000),
      once: values.once === true || (unattended && values.interval === undefined),
      json,
      tls: values.tls === true || values.ca !== undefined,
      caFile: values.ca ?? null,
    },
  };
}
