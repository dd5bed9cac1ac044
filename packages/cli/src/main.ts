#!/usr/bin/env node
// The `sluice` command: finds the subcommand, prints help and version, sets the exit code.
// Exit codes: 0 what was asked held, 1 it did not, 2 the command line was not understood.

import { createRequire } from 'node:module';
import { parseStormOptions, STORM_HELP } from './storm/options.ts';
import { storm } from './storm/storm.ts';
import { watchStorm } from './storm/watch.ts';
import { parseTopOptions, TOP_HELP } from './top/options.ts';
import { top } from './top/top.ts';

const HELP = `usage: sluice <command> [options]

commands:
  storm      Sluice, @grpc/grpc-js and its drop-in under far more load than the server drains
  top        what a running process holds and waits for, live

options:
  --help     this text, or a command's
  --version  the version
`;

const EXIT_USAGE = 2;

function version(): string {
  // The package's own manifest.
  const manifest = createRequire(import.meta.url)('../package.json') as { version: string };
  return manifest.version;
}

function fault(why: string): number {
  process.stderr.write(`sluice: ${why}\n`);
  return EXIT_USAGE;
}

async function runStorm(args: readonly string[]): Promise<number> {
  const parsed = parseStormOptions(args);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(STORM_HELP);
      return 0;
    case 'fault':
      return fault(parsed.why);
    case 'watch':
      return watchStorm(parsed.options);
    case 'run':
      return storm(parsed.options);
  }
}

async function runTop(args: readonly string[]): Promise<number> {
  const parsed = parseTopOptions(args, process.stdout.isTTY === true);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(TOP_HELP);
      return 0;
    case 'fault':
      return fault(parsed.why);
    case 'run':
      return top(parsed.options);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case undefined:
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      return command === undefined ? EXIT_USAGE : 0;
    case '--version':
      process.stdout.write(`${version()}\n`);
      return 0;
    case 'storm':
      return runStorm(rest);
    case 'top':
      return runTop(rest);
    default:
      return fault(`unknown command '${command}'; see 'sluice --help'`);
  }
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    process.stderr.write(`sluice: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
