// Runs every test on each version of Node that is supported: the compiled output is the same, the
// runtime below it is not. Other versions than the one at hand come from the npm registry.
// Invariant: a version that cannot be had fails the run by name; it is never passed over.
import { join } from 'node:path';
import { capture } from './child.mjs';
import { ROOT } from './prepare.mjs';
import { runTests } from './test.mjs';

/** Major versions, oldest first. */
const VERSIONS = [20, 22, 24, 26];

const PRINT = 'console.log(JSON.stringify([process.execPath, process.version]))';

/**
 * @param {readonly string[]} args versions to run on, else all; the rest goes to the tests
 * @returns {Promise<number>} 0 when all tests passed on all versions
 */
export async function runTestsOnNodes(args) {
  const asked = args.filter((argument) => /^\d+$/.test(argument)).map(Number);
  const rest = args.filter((argument) => !/^\d+$/.test(argument));
  const results = [];
  for (const major of asked.length > 0 ? asked : VERSIONS) {
    const started = Date.now();
    const found = await nodeOf(major);
    if (found.path === undefined) {
      results.push(`FAIL  Node ${major}: ${found.why}`);
      continue;
    }
    console.log(`\n== Node ${found.version}`);
    const code = await runTests([...rest, '--test-reporter=dot'], found.path);
    const seconds = Math.round((Date.now() - started) / 1000);
    results.push(`${code === 0 ? 'ok  ' : 'FAIL'}  Node ${found.version}, ${seconds} s`);
  }
  console.log(`\n${results.join('\n')}`);
  return results.some((line) => line.startsWith('FAIL')) ? 1 : 0;
}

/** @returns {Promise<{ path?: string, version?: string, why?: string }>} where a version lies */
async function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) {
    return { path: process.execPath, version: process.version };
  }
  // Away from the repository, whose own node_modules must not be asked.
  const answer = await capture(
    'npx',
    ['--yes', `--package=node@${major}`, '--', 'node', '-e', PRINT],
    join(ROOT, '..'),
  );
  const line = answer.output.split('\n').find((text) => text.startsWith('["'));
  if (line === undefined) return { why: `npx could not get it:\n${answer.output}` };
  const [path, version] = JSON.parse(line);
  return { path, version };
}
