// The types of this package are those of the published one: programs that were written for it compile with
// either, no exported name is missing, and whatever has a published type has ours, and the other way.
// Not here: what there is at run time (surface.test.ts).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Declarations } from './surface/declarations.ts';
import { deepPaths } from './surface/deep-paths.ts';
import {
  type Compared,
  comparedOf,
  comparisonText,
  differing,
  withoutPrivates,
} from './types-check/comparison.ts';
import { compile, declarationFiles, packageFolder } from './types-check/compiler.ts';
import { KNOWN_TYPES } from './types-check/known.ts';

const PROGRAMS = [
  'clients',
  'servers',
  'interceptors',
  'credentials',
  'values',
  'balancing',
  'deep-paths',
];

const publishedFolder: string = join(require.resolve('@grpc/grpc-js/package.json'), '..');
const publishedTypes: string = join(publishedFolder, 'build', 'src');
const ourTypes: string = join(packageFolder, 'build', 'src');
const published: Declarations = new Declarations(publishedTypes);

/** Lets `@grpc/grpc-js` mean ours. */
const OURS_INSTEAD = {
  '@grpc/grpc-js': [join(ourTypes, 'index.d.ts')],
  '@grpc/grpc-js/*': [join(packageFolder, '*')],
};

/** What users of either kind of module have. */
const MODULES = [
  { module: 'nodenext' },
  { module: 'nodenext', exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  { module: 'preserve', moduleResolution: 'bundler' },
] as const;

/** Compiles programs of the folder types/ against whatever `options` have `@grpc/grpc-js` mean. */
function compilePrograms(options: Readonly<Record<string, unknown>>): Promise<string[]> {
  const folders = { programs: join(packageFolder, 'test', 'types') };
  const roots = PROGRAMS.map((name) => `programs/${name}.ts`);
  return compile({ files: {}, folders, options, roots });
}

/** What other packages the declarations name that programs reach from the index and the deep paths. */
function foreignImports(): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const left: string[] = ['index', ...deepPaths];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const text = readFileSync(join(ourTypes, `${name}.d.ts`), 'utf8');
    for (const [, from, imported] of text.matchAll(/ from '([^']+)'|\bimport\("([^"]+)"\)/g)) {
      const specifier = from ?? imported ?? '';
      if (specifier.startsWith('./')) left.push(specifier.slice(2).replace(/\.[jt]s$/, ''));
      else if (!specifier.startsWith('node:')) found.add(`${name}: ${specifier}`);
    }
  }
  assert.ok(seen.size > 40, `${seen.size} files`);
  return [...found];
}

describe('programs written for the published package', () => {
  // CommonJS below "nodenext" cannot import declarations of an ES module, which sluice is.
  it('need the declarations of no other package', () => {
    assert.deepEqual(foreignImports(), []);
  });

  for (const options of MODULES) {
    const how = Object.entries(options).join(' ');
    it(`compile with it: ${how}`, async () => {
      assert.deepEqual(await compilePrograms(options), []);
    });

    it(`compile with ours: ${how}`, async () => {
      assert.deepEqual(await compilePrograms({ ...options, paths: OURS_INSTEAD }), []);
    });
  }

  it('compile with ours where the declarations of libraries are checked too', async () => {
    assert.deepEqual(await compilePrograms({ skipLibCheck: false, paths: OURS_INSTEAD }), []);
  });

  it('do not compile where ours is not what is meant', async () => {
    const paths = { '@grpc/grpc-js': [join(ourTypes, 'constants.d.ts')] };
    assert.notDeepEqual(await compilePrograms({ paths }), []);
  });
});

/**
 * Files of the published package that types of its surface lead to and that are no part of it: what stands
 * behind a subchannel of the interface. Both sides get the published ones, so that the rest is compared.
 */
const INSIDE: readonly string[] = ['subchannel'];

/** Files of the package with the prefix that their exports are told by. */
const FILES: readonly (readonly [file: string, prefix: string])[] = [
  ['index', 'index.'],
  ['experimental', 'experimental.'],
  ...deepPaths.map((path) => [path, `${path}.`] as const),
];

const exported: readonly { readonly file: string; readonly names: readonly string[] }[] = FILES.map(
  ([file]) => ({ file, names: published.exportsOf(file).map(({ name }) => name) }),
);

describe('the names of types and values', () => {
  const textOf = (names: readonly string[], path: string): string =>
    names.map((name, i) => `export type { ${name} as N${i} } from '${path}';\n`).join('');

  it('are all there, in the index, in experimental and in the deep paths', async () => {
    const files: Record<string, string> = {};
    for (const { file, names } of exported) {
      assert.ok(names.length > 0, file);
      files[`${file}.ts`] = textOf(names, join(ourTypes, `${file}.js`));
    }
    assert.ok(exported[0]?.names.includes('ServiceError'));
    assert.ok(exported[0]?.names.includes('Deadline'));
    assert.ok((exported[0]?.names.length ?? 0) > 90);
    assert.deepEqual(await compile({ files }), []);
  });

  it('are found missing where they are', async () => {
    const text = textOf(['Client', 'NoSuchName'], join(ourTypes, 'index.js'));
    const findings = await compile({ files: { 'index.ts': text } });
    assert.equal(findings.length, 1);
    assert.match(findings[0] ?? '', /NoSuchName/);
  });
});

describe('each type', () => {
  const all: Compared[] = FILES.flatMap(([file, prefix]) =>
    published
      .exportsOf(file)
      .filter(({ kind }) => kind !== 'namespace')
      .flatMap((declaration) => comparedOf(file, prefix, declaration)),
  );

  /** The declarations of both as two folders, and the file that compares them. */
  function sources(ours: (text: string) => string): Record<string, string> {
    const files: Record<string, string> = { 'comparison.ts': comparisonText(all) };
    for (const [path, text] of Object.entries(declarationFiles(publishedTypes, withoutPrivates))) {
      files[`theirs/${path}`] = text;
    }
    for (const [path, text] of Object.entries(declarationFiles(ourTypes, ours))) {
      files[`ours/${path}`] = text;
    }
    for (const path of INSIDE)
      files[`ours/${path}.d.ts`] = `export * from '../theirs/${path}.js';\n`;
    return files;
  }

  const compare = async (ours: (text: string) => string): Promise<Map<string, string>> => {
    const files = sources(ours);
    const findings = await compile({ files, roots: ['comparison.ts'] });
    return differing(all, findings, 'comparison.ts');
  };

  it('is the published one, both ways, but for those of the table', async () => {
    const known = new Set(KNOWN_TYPES.map(({ name }) => name));
    const found = await compare(withoutPrivates);
    const unknown = [...found].filter(([name]) => !known.has(name));
    assert.deepEqual(
      unknown.map(([name, why]) => `${name}: ${why}`),
      [],
    );
    assert.deepEqual(
      KNOWN_TYPES.filter(({ name }) => !found.has(name)),
      [],
    );
  });

  it('is found to differ where it does', async () => {
    const found = await compare((text) =>
      withoutPrivates(text).replace('getTarget(): string;', 'getTarget(): number;'),
    );
    assert.ok(found.has('index.ChannelInterface'), [...found.keys()].join(', '));
  });
});
