// Generates src/gen and test/gen from the .proto files of this package:
//
//     node packages/sluice/test/proto/generate.mjs
//
// Invariant: the output depends on nothing but the sources and the locked versions of the
// generators; `generate(folder)` writes the same trees elsewhere, which a test compares.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** packages/sluice, absolute. */
const PACKAGE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BIN = join(PACKAGE, '..', '..', 'node_modules', '.bin');

/**
 * @param {string} folder gets `src/gen` and `test/gen`; those it has are replaced
 */
export function generate(folder) {
  buf(PACKAGE, folder);
  buf(join(PACKAGE, 'test'), join(folder, 'test'));
  const protobufTs = join(folder, 'test', 'gen', 'protobuf-ts');
  for (const name of readdirSync(protobufTs)) compilable(join(protobufTs, name));
}

function buf(template, output) {
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}` };
  const run = spawnSync(join(BIN, 'buf'), ['generate', '--output', output], {
    cwd: template,
    env,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`buf generate: ${run.error ?? run.stderr}`);
}

// protobuf-ts writes for bundlers and for laxer compilers: imports without an ending, exports whose
// types have to be inferred.
function compilable(file) {
  const source = readFileSync(file, 'utf8')
    .replace(/from "(\.[^"]*)";/g, 'from "$1.ts";')
    .replace(
      /^export const (\w+) = new \w+\$Type\(\);/gm,
      'export const $1: MessageType<$1> = new $1$$Type();',
    )
    .replace(
      /^export const (\w+) = new ServiceType\(/gm,
      'export const $1: ServiceType = new ServiceType(',
    )
    .replace(/^ {4}(typeName|methods|options) = (\w+)\./gm, '    $1: ServiceInfo["$1"] = $2.');
  writeFileSync(file, source);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate(PACKAGE);
