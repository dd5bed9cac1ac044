// The one door of the repository: `node scripts/run.mjs COMMAND [ARGUMENT...]`.
// Makes sure of the install and of the build, then becomes the command: its terminal, its
// signals, its exit code. Plain Node, so that it runs on a fresh clone.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runChecks } from './check.mjs';
import { run } from './child.mjs';
import { ensureBuilt, ensureInstalled, ROOT } from './prepare.mjs';
import { runTests } from './test.mjs';
import { runTestsOnNodes } from './test-nodes.mjs';

/** The oldest Node that runs this repository, as package.json says under `engines`. */
const OLDEST_NODE = [20, 19];

const COMMANDS = {
  storm: {
    does: 'overload one connection, beside @grpc/grpc-js and its drop-in (also `npm start`)',
    run: program('packages/cli/dist/main.js', 'storm'),
  },
  test: {
    does: 'run every test, or those whose path holds one of the words given',
    run: runTests,
  },
  'test:nodes': {
    does: 'run every test on each supported version of Node; versions given run alone',
    run: runTestsOnNodes,
  },
  bench: {
    does: 'benchmarks beside the peers; --json FILE, --only NAME',
    run: program('bench/dist/main.js'),
  },
  interop: {
    does: 'real peers in other languages; what is not installed is skipped by name',
    run: program('interop/dist/main.js'),
  },
  attack: {
    does: 'hostile peers against Sluice and @grpc/grpc-js; --only N, --json FILE',
    run: program('attack/dist/main.js'),
  },
  fuzz: {
    does: 'random bytes against every parser; --seconds N, --executions N',
    run: program('packages/sluice/dist-test/fuzz/main.js'),
  },
  soak: {
    does: 'mixed load with faults; --seconds N',
    run: program('attack/dist/soak/main.js'),
  },
  build: {
    does: 'build what is stale, nothing else',
    run: async () => 0,
  },
  // The checks build for themselves, so that a type error is one result among the others.
  check: {
    does: 'format, lint, types, layers, unused code, package exports, code in the pages',
    run: runChecks,
    builds: true,
  },
};

/**
 * @param {string} path the compiled program, from the root
 * @param {...string} leading arguments in front of the caller's
 * @returns {(args: readonly string[]) => Promise<number>}
 */
function program(path, ...leading) {
  return async (args) => {
    if (!existsSync(join(ROOT, path))) {
      console.error(`${path} is not there: the build did not write it`);
      return 1;
    }
    return run(process.execPath, [path, ...leading, ...args], ROOT);
  };
}

function usage() {
  const lines = Object.entries(COMMANDS).map(
    ([name, command]) => `  npm run ${name.padEnd(10)} ${command.does}`,
  );
  return [
    'usage: node scripts/run.mjs COMMAND [ARGUMENT...]',
    '',
    'Installs what is missing, builds what is stale, then runs COMMAND:',
    '',
    ...lines,
    '',
    'Arguments go behind `--`: npm run storm -- --help',
  ].join('\n');
}

/**
 * @param {readonly string[]} argv
 * @returns {Promise<number>} the exit code
 */
async function main([name, ...args]) {
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(usage());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined;
  if (command === undefined) {
    console.error(name === undefined ? usage() : `unknown command: ${name}\n\n${usage()}`);
    return 2;
  }
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`Node ${process.versions.node} is too old: ${OLDEST_NODE.join('.')} or newer`);
    return 1;
  }
  const installed = await ensureInstalled();
  if (installed !== 0) return installed;
  if (!command.builds) {
    const built = await ensureBuilt();
    if (built !== 0) return built;
  }
  return command.run(args);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
