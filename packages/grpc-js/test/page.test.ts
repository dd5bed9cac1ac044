// The page about this package says what is so: its table of differences is the one that the comparison
// reads, and its tables name everything that the package exports, every option and every path.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KNOWN_DIFFERENCES } from './differential/known-differences.ts';
import { differencesTable, pagePath, tableOf } from './page/differences-table.ts';
import { Declarations } from './surface/declarations.ts';
import { deepPaths } from './surface/deep-paths.ts';

const page: string = readFileSync(pagePath, 'utf8');
const publishedFolder: string = join(require.resolve('@grpc/grpc-js/package.json'), '..');

/** All that stands in backticks. */
const named: ReadonlySet<string> = new Set(
  [...page.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name),
);

describe('docs/grpc-js.md', () => {
  it('has the differences that are known', () => {
    assert.equal(tableOf(page), differencesTable(KNOWN_DIFFERENCES));
  });

  it('tells the state of every exported name', () => {
    const names = new Declarations(join(publishedFolder, 'build', 'src')).exportsOf('index');
    assert.deepEqual(
      names.map(({ name }) => name).filter((name) => !named.has(name)),
      [],
    );
  });

  it('tells of every option', () => {
    const text = readFileSync(
      join(publishedFolder, 'build', 'src', 'channel-options.d.ts'),
      'utf8',
    );
    const options = [...text.matchAll(/^ {4}'(grpc[^']+)'\?:/gm)].map(([, name = '']) => name);
    assert.ok(options.length > 30);
    assert.deepEqual(
      options.filter((name) => !named.has(name)),
      [],
    );
  });

  it('names every path', () => {
    assert.deepEqual(
      deepPaths.filter((path) => !named.has(path)),
      [],
    );
  });
});
