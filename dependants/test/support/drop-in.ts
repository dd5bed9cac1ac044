// That a dependant runs on the drop-in: what its own `require('@grpc/grpc-js')` finds. A test asserts it
// first, since with a copy of the original beside it all else would pass and say nothing.
// Not here: that every package of the lockfile does (resolved.test.ts).

import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** `dependants/`, as seen from dist-test/support. */
export const DEPENDANTS: string = join(__dirname, '..', '..');
const DROP_IN: string = realpathSync(join(DEPENDANTS, '..', 'packages', 'grpc-js'));

type Grpc = typeof import('@grpc/grpc-js');

/**
 * @param names packages, each after the one whose folder it is found from
 * @returns the module that the last one gets, to hold what it made against
 */
export function assertOnDropIn(...names: readonly string[]): Grpc {
  let from = createRequire(__filename);
  for (const name of names) from = createRequire(from.resolve(name));
  return dropInFrom(from);
}

/** @param folder below `dependants/`, such as `node_modules/nice-grpc` */
export function assertFolderOnDropIn(folder: string): Grpc {
  return dropInFrom(createRequire(join(DEPENDANTS, folder, 'package.json')));
}

function dropInFrom(from: NodeJS.Require): Grpc {
  assert.equal(realpathSync(from.resolve('@grpc/grpc-js')), join(DROP_IN, 'build/src/index.js'));
  // The manifest of our package, of which the name alone is read.
  const { name } = from('@grpc/grpc-js/package.json') as { readonly name: string };
  assert.equal(name, '@sluice/grpc-js');
  // What the two lines above say it is.
  return from('@grpc/grpc-js') as Grpc;
}
