// Every package here that asks for @grpc/grpc-js gets the drop-in, and no copy of the original is installed.
// The override of package.json does it; a dependant that brings a copy of its own fails here by its name.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFolderOnDropIn, DEPENDANTS } from './support/drop-in.ts';

interface LockEntry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** The folders of the installed packages that ask for @grpc/grpc-js. */
function askers(): string[] {
  // JSON of npm's, of which these fields alone are read.
  const lock = JSON.parse(readFileSync(join(DEPENDANTS, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockEntry>>;
  };
  return Object.entries(lock.packages)
    .filter(
      ([path, { dependencies, peerDependencies }]) =>
        path.startsWith('node_modules/') &&
        ('@grpc/grpc-js' in (dependencies ?? {}) || '@grpc/grpc-js' in (peerDependencies ?? {})),
    )
    .map(([path]) => path);
}

test('the packages under test are among those that ask for it', () => {
  const names = askers().map((path) => path.slice('node_modules/'.length));
  for (const name of [
    '@grpc/reflection',
    '@nestjs/microservices',
    '@opentelemetry/otlp-grpc-exporter-base',
    '@temporalio/client',
    'google-gax',
    'nice-grpc',
  ]) {
    assert.ok(names.includes(name), name);
  }
});

for (const path of askers()) {
  test(`${path} gets the drop-in`, () => {
    assertFolderOnDropIn(path);
  });
}
