// Generates test/gen from the .proto file of this folder:
//
//     node dependants/proto/generate.mjs
//
// Invariant: the output depends on nothing but the source and the locked version of the generator;
// `generate(folder)` writes the same tree elsewhere, which a test compares.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEPENDANTS = dirname(dirname(fileURLToPath(import.meta.url)));
/** The generators are the repository's: what is installed here is what runs on the drop-in. */
const BIN = join(DEPENDANTS, '..', 'node_modules', '.bin');

/**
 * @param {string} folder gets `test/gen`; the one it has is replaced
 */
export function generate(folder) {
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}` };
  const run = spawnSync(join(BIN, 'buf'), ['generate', '--output', folder], {
    cwd: DEPENDANTS,
    env,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`buf generate: ${run.error ?? run.stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate(DEPENDANTS);
