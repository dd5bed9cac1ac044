// Log lines and traces: where they go, which are written.
// Invariant: a line that is not written costs a comparison. `GRPC_VERBOSITY` and `GRPC_TRACE` (or
// `GRPC_NODE_VERBOSITY`, `GRPC_NODE_TRACE`, which win) are read once, when this file is loaded.
// Source: gRPC environment_variables.md.

import { LogVerbosity } from './constants.ts';

const TO_CONSOLE: Partial<Console> = {
  error: (message?: unknown, ...more: unknown[]) => console.error(`E ${message}`, ...more),
  info: (message?: unknown, ...more: unknown[]) => console.error(`I ${message}`, ...more),
  debug: (message?: unknown, ...more: unknown[]) => console.error(`D ${message}`, ...more),
};

const { version }: { readonly version: string } = require('../../package.json');

let logger: Partial<Console> = TO_CONSOLE;
let verbosity: LogVerbosity = verbosityNamed(
  process.env.GRPC_NODE_VERBOSITY ?? process.env.GRPC_VERBOSITY ?? '',
);

const enabledTracers = new Set<string>();
const disabledTracers = new Set<string>();

for (const entry of (process.env.GRPC_NODE_TRACE ?? process.env.GRPC_TRACE ?? '').split(',')) {
  if (entry.startsWith('-')) disabledTracers.add(entry.slice(1));
  else if (entry !== '') enabledTracers.add(entry);
}
const allTracers: boolean = enabledTracers.has('all');

export const getLogger = (): Partial<Console> => logger;

export const setLogger = (newLogger: Partial<Console>): void => {
  logger = newLogger;
};

export const setLoggerVerbosity = (newVerbosity: LogVerbosity): void => {
  verbosity = newVerbosity;
};

/** Writes a line if it is severe enough; by `error` where the logger has no function for it. */
// biome-ignore lint/suspicious/noExplicitAny: the published type
export const log = (severity: LogVerbosity, ...args: any[]): void => {
  if (severity < verbosity) return;
  let write: Console['error'] | undefined;
  if (severity === LogVerbosity.DEBUG) write = logger.debug;
  else if (severity === LogVerbosity.INFO) write = logger.info;
  else if (severity === LogVerbosity.ERROR) write = logger.error;
  write ??= logger.error;
  write?.apply(logger, args);
};

/** Writes a line of a tracer, if that tracer is on. */
export function trace(severity: LogVerbosity, tracer: string, text: string): void {
  if (!isTracerEnabled(tracer)) return;
  log(severity, `${new Date().toISOString()} | v${version} ${process.pid} | ${tracer} | ${text}`);
}

export function isTracerEnabled(tracer: string): boolean {
  return !disabledTracers.has(tracer) && (allTracers || enabledTracers.has(tracer));
}

function verbosityNamed(name: string): LogVerbosity {
  switch (name.toUpperCase()) {
    case 'DEBUG':
      return LogVerbosity.DEBUG;
    case 'INFO':
      return LogVerbosity.INFO;
    case 'NONE':
      return LogVerbosity.NONE;
    default:
      return LogVerbosity.ERROR;
  }
}
