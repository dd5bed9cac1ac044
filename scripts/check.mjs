// Everything that can be said of the code without running it. Every check runs, whatever the
// ones before it found; a check that fails prints what its tool printed.
// Offline: no tool here asks the network.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture } from './child.mjs';
import { COMPILER, ROOT } from './prepare.mjs';

const MODULES = join(ROOT, 'node_modules');

/** What is published, in order; a folder that is not there yet is passed over. */
const PUBLISHED = ['packages/sluice', 'packages/cli', 'packages/grpc-js', 'packages/connect'];

const CHECKS = [
  ['format and lint', formatAndLint],
  ['types', () => node(COMPILER, '-b')],
  ['floating promises', floatingPromises],
  ['layers, sizes, bans', () => node(join(ROOT, 'scripts', 'check-layers.mjs'))],
  ['code in the pages', () => node(join(ROOT, 'scripts', 'check-snippets.mjs'))],
  ['unused code', () => tool('knip/bin/knip.js', '--no-progress', '--no-config-hints')],
  ['package exports', packages],
];

function node(script, ...args) {
  return capture(process.execPath, [script, ...args], ROOT);
}

function tool(path, ...args) {
  return node(join(MODULES, path), ...args);
}

function formatAndLint() {
  return tool('@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--colors=off', '.');
}

function floatingPromises() {
  return tool(
    'oxlint/bin/oxlint',
    '--type-aware',
    '--deny-warnings',
    'packages',
    'bench',
    'attack',
    'dependants',
    'interop',
    'examples',
  );
}

/** Packs each package as npm would publish it, and has both linters of packages read it. */
async function packages() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-pack-'));
  const results = [];
  try {
    for (const path of PUBLISHED) {
      if (!existsSync(join(ROOT, path, 'package.json'))) continue;
      results.push(...(await checkPackage(join(ROOT, path), folder)));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return {
    code: results.some(({ code }) => code !== 0) ? 1 : 0,
    output: results.map(({ output }) => output).join(''),
  };
}

async function checkPackage(path, folder) {
  const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  const packed = await capture(
    'npm',
    ['pack', '--ignore-scripts', '--loglevel=error', `--pack-destination=${folder}`],
    path,
  );
  if (packed.code !== 0) return [packed];
  const name = manifest.name.replace('@', '').replace('/', '-');
  const archive = join(folder, `${name}-${manifest.version}.tgz`);
  const results = [await tool('publint/src/cli.js', 'run', '--strict', archive)];
  // A package of commands alone has no types to be wrong.
  if (manifest.types !== undefined || manifest.exports['.'] !== undefined) {
    results.push(
      await tool(
        '@arethetypeswrong/cli/dist/index.js',
        archive,
        manifest.type === 'module' ? '--profile=esm-only' : '--profile=node16',
        '--no-definitely-typed',
        '--no-emoji',
      ),
    );
  }
  return results;
}

/**
 * Runs the checks whose name holds one of the words, or all of them.
 *
 * @param {readonly string[]} words
 * @returns {Promise<number>} 0 when every check passed
 */
export async function runChecks(words) {
  const chosen = CHECKS.filter(
    ([name]) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  if (chosen.length === 0) {
    console.error(`no such check; there are: ${CHECKS.map(([name]) => name).join('; ')}`);
    return 2;
  }
  let failed = 0;
  for (const [name, check] of chosen) {
    const start = performance.now();
    const { code, output } = await check();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(20)} ${seconds.padStart(5)} s`);
    if (code === 0) continue;
    failed++;
    console.log(output.replace(/^(?=.)/gm, '     '));
  }
  console.log(
    failed === 0 ? `${chosen.length} checks passed` : `${failed} of ${chosen.length} checks failed`,
  );
  return failed === 0 ? 0 : 1;
}
