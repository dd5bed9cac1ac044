// Finds the tests and hands them to Node's own runner: the compiled `*.test.ts` of every
// project, and the tests of these scripts. Words on the command line keep the files whose path
// holds one of them; options go to node as they are, so write them as `--name=value`.
// Invariant: no test runs without its source, no source is skipped, and no file is no success.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './child.mjs';
import { filesUnder, projects, ROOT } from './prepare.mjs';

/** Stops a test file that hangs, in milliseconds; the slowest may use memory and fuzz loops. */
const FILE_TIMEOUT_MS = 180_000;

/**
 * @param {readonly string[]} args words to filter by, and options for `node --test`
 * @param {string} node the executable to run them with
 * @returns {Promise<number>} the runner's exit code; 1 when no test file was found
 */
export async function runTests(args, node = process.execPath) {
  const words = args.filter((argument) => !argument.startsWith('-'));
  const options = args.filter((argument) => argument.startsWith('-'));
  const wanted = (path) => words.length === 0 || words.some((word) => path.includes(word));
  const files = [];
  for (const { source, output } of projects()) {
    for (const file of filesUnder(source)) {
      if (!file.endsWith('.test.ts') || !wanted(relative(ROOT, file))) continue;
      const compiled = join(output, relative(source, file)).replace(/\.ts$/, '.js');
      if (!existsSync(compiled)) {
        console.error(`${relative(ROOT, file)} has no compiled output: ${compiled}`);
        return 1;
      }
      files.push(relative(ROOT, compiled));
    }
  }
  for (const file of filesUnder(join(ROOT, 'scripts'))) {
    const path = relative(ROOT, file);
    if (path.endsWith('.test.mjs') && wanted(path)) files.push(path);
  }
  if (files.length === 0) {
    console.error(`no test files found${words.length > 0 ? ` for ${words.join(' ')}` : ''}`);
    return 1;
  }
  if (!options.some((option) => option.startsWith('--test-reporter'))) {
    options.push('--test-reporter=spec');
  }
  const runner = ['--enable-source-maps', '--test', `--test-timeout=${FILE_TIMEOUT_MS}`];
  return run(node, [...runner, ...options, ...files], ROOT);
}
