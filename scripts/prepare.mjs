// Brings a checkout to the state the commands need: dependencies installed, output built.
// Invariant: what is already in place costs milliseconds, so every command may ask first.
// Plain Node and no dependency: it runs before node_modules exists.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './child.mjs';

/** The root of the repository, absolute. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A build shorter than this stays silent, in milliseconds: nothing was stale. */
const SILENT_BUILD_MS = 300;

const OUTPUT_FILE = /\.(?:d\.ts|js)(?:\.map)?$/;

/**
 * What has a package-lock.json of its own. The dependants are no workspace: an override of theirs
 * gives them the drop-in, while the rest of the repository has the original to compare with.
 */
const INSTALLS = [ROOT, join(ROOT, 'dependants')];

/**
 * Installs what each package-lock.json names when its node_modules does not hold it.
 *
 * @returns {Promise<number>} 0, or npm's exit code
 */
export async function ensureInstalled() {
  for (const folder of INSTALLS) {
    const code = await install(folder);
    if (code !== 0) return code;
  }
  return 0;
}

async function install(folder) {
  const reason = missingInstall(folder);
  if (reason === undefined) return 0;
  console.error(`installing dependencies (npm ci): ${reason}`);
  // Under `npm run`, npm says which npm this is; NODE_ENV=production must not drop the compiler.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev'];
  return npm?.endsWith('.js') && existsSync(npm)
    ? run(process.execPath, [npm, ...args], folder)
    : run('npm', args, folder);
}

/**
 * Compares the lockfile with the one npm keeps inside node_modules, which npm writes last: an
 * install that was interrupted has none.
 *
 * @param {string} folder absolute
 * @returns {string | undefined} why an install is needed
 */
function missingInstall(folder) {
  const hidden = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) {
    return `${relative(ROOT, join(folder, 'node_modules'))} is missing or incomplete`;
  }
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue;
    const found = present[path];
    // Optional packages of other platforms are in the lockfile and never on the disk.
    if (found === undefined && entry.optional) continue;
    if (found === undefined || !existsSync(join(folder, path))) return `${path} is missing`;
    if (found.version !== entry.version) {
      return `${path} is ${found.version}, package-lock.json names ${entry.version}`;
    }
  }
  return undefined;
}

/**
 * Builds every project of tsconfig.json that is stale, and removes the output of sources that
 * are gone: neither a deleted test nor a deleted module may live on in dist.
 *
 * @returns {Promise<number>} 0, or the compiler's exit code
 */
export async function ensureBuilt() {
  for (const project of projects()) removeOrphans(project);
  const notice = setTimeout(() => console.error('building...'), SILENT_BUILD_MS);
  const code = await run(process.execPath, [COMPILER, '-b'], ROOT);
  clearTimeout(notice);
  return code;
}

/** The compiler's launcher: a script that starts the native binary of this platform. */
export const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/**
 * The projects that tsconfig.json references.
 *
 * @returns {{ source: string, output: string }[]} absolute folders
 */
export function projects() {
  const root = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'));
  return root.references.map((reference) => {
    const folder = join(ROOT, reference.path);
    const { rootDir, outDir } = JSON.parse(
      readFileSync(join(folder, 'tsconfig.json'), 'utf8'),
    ).compilerOptions;
    return { source: join(folder, rootDir), output: join(folder, outDir) };
  });
}

/**
 * Every file under `folder`, absolute and sorted; none when the folder is not there.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** @param {{ source: string, output: string }} project */
function removeOrphans({ source, output }) {
  for (const file of filesUnder(output)) {
    if (!OUTPUT_FILE.test(file)) continue;
    const path = relative(output, file).replace(OUTPUT_FILE, '.ts');
    if (!existsSync(join(source, path))) rmSync(file);
  }
}
