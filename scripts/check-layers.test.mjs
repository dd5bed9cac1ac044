// Shows that every rule of check-layers.mjs fires on the smallest source that breaks it, and
// that none fires on what merely looks like it. Fixtures live in a folder of their own.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkTree } from './check-layers.mjs';

const OPENING = '// Owns the fixture.\n// Is nothing else.\n';
const SRC = 'packages/sluice/src';

/** The findings in a tree of these files, as `file:line rule`. */
function findingsIn(files) {
  const root = mkdtempSync(join(tmpdir(), 'sluice-layers-'));
  try {
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), source);
    }
    return checkTree(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function rulesIn(path, source) {
  return findingsIn({ [path]: source }).map(({ line, rule }) => `${line} ${rule}`);
}

const long = (lines) => 'const x = 1;\n'.repeat(lines - 2);

// What is broken, the file, its source behind the opening comment, and what is reported where.
const BROKEN = [
  ['an import upward', 'hpack/a.ts', `import { f } from '../frames/f.ts';`, '3 layer'],
  ['a type import upward', 'channel/a.ts', `import type { F } from '../server/f.ts';`, '3 layer'],
  ['an import over many lines', 'frames/a.ts', `import {\n  f,\n} from '../grpc/f.ts';`, '5 layer'],
  ['a re-export upward', 'grpc/a.ts', `export { f } from '../api/f.ts';`, '3 layer'],
  ['a dynamic import upward', 'grpc/a.ts', `const f = () => import('../api/f.ts');`, '3 layer'],
  ['an import of index.ts', 'transport/a.ts', `import { f } from '../index.ts';`, '3 layer'],
  ['an import of the package itself', 'server/a.ts', `import { f } from 'sluice';`, '3 layer'],
  ['a folder that is no layer', 'misc/a.ts', '', '1 layer'],
  ['a socket in the server', 'server/a.ts', `import { connect } from 'node:net';`, '3 socket'],
  [
    'a web server outside the page',
    'services/a.ts',
    `import { createServer } from 'node:http';`,
    '3 socket',
  ],
  ['a socket type in a channel', 'channel/a.ts', `import type { T } from 'node:tls';`, '3 socket'],
  ['a built-in in a pure layer', 'hpack/a.ts', `import fs from 'node:fs';`, '3 pure'],
  ['a timer in a pure layer', 'frames/a.ts', 'setTimeout(f, 1);', '3 pure'],
  ['a tick in a pure layer', 'grpc/a.ts', 'process.nextTick(f);', '3 pure'],
  ['a barrel in a layer', 'transport/index.ts', '', '1 barrel'],
  ['export *', 'transport/a.ts', `export * from './b.ts';`, '3 export-star'],
  ['an import without its ending', 'grpc/a.ts', `import { b } from './b.js';`, '3 import-ending'],
  [
    'an import out of the package',
    'api/a.ts',
    `import '../../../cli/src/a.ts';`,
    '3 import-package',
  ],
  [
    'more than 600 lines',
    'hpack/a.ts',
    `// Longer than 400 lines because.\n${long(601)}`,
    '1 size',
  ],
  ['more than 400 lines without a reason', 'hpack/a.ts', long(402), '1 size'],
  ['any as a type', 'hpack/a.ts', 'let x: any;', '3 any'],
  ['any as an argument of a type', 'hpack/a.ts', 'let x: Map<string, any>;', '3 any'],
  ['any in a cast', 'hpack/a.ts', 'const x = y as any;', '3 any'],
  ['a non-null assertion', 'hpack/a.ts', 'const x = y[0]!;', '3 non-null'],
  ['a definite assignment', 'hpack/a.ts', 'let x!: number;', '3 non-null'],
  ['an enum', 'hpack/a.ts', 'export const enum A { B }', '3 enum'],
  ['a namespace', 'hpack/a.ts', 'namespace A {}', '3 namespace'],
  ['@ts-ignore', 'hpack/a.ts', '// @ts-ignore\nf();', '3 ts-ignore'],
  ['@ts-expect-error', 'hpack/a.ts', '// @ts-expect-error: why\nf();', '3 ts-expect-error'],
  ['a TODO without an owner', 'hpack/a.ts', '// TODO: later', '3 todo'],
  ['a file of helpers', 'hpack/test-helpers.ts', '', '1 file-name'],
  ['utils', 'grpc/utils.ts', '', '1 file-name'],
  ['a Manager', 'grpc/a.ts', 'class StreamManager {}', '3 manager'],
  ['a top-level await', 'grpc/a.ts', 'const x = await f();', '3 top-level-await'],
  ['inheritance', 'grpc/a.ts', 'class A<T extends B> extends C<T> {}', '3 extends'],
  ['inheritance without a name', 'grpc/a.ts', 'const a = class extends B {};', '3 extends'],
  ['a long dash', 'grpc/a.ts', '// This \u2014 that.', '3 punctuation'],
  ['an export nobody documented', 'api/a.ts', 'export function f(): void {}', '3 tsdoc'],
  ['an export under another comment', 'api/a.ts', '// f\nexport const f = 1;', '4 tsdoc'],
];

for (const [title, path, body, expected] of BROKEN) {
  test(`reports ${title}`, () => {
    assert.deepEqual(rulesIn(`${SRC}/${path}`, `${OPENING}${body}\n`), [expected]);
  });
}

test('reports a file that opens with one line of comment, or with none', () => {
  assert.deepEqual(rulesIn('bench/src/a.ts', '// One.\nf();\n'), ['1 opening']);
  assert.deepEqual(rulesIn('interop/src/a.ts', 'f();\n'), ['1 opening']);
});

test('accepts a block comment and a line for the shell above it', () => {
  assert.deepEqual(rulesIn('packages/cli/src/a.ts', '#!/usr/bin/env node\n/*\n * A.\n */\n'), []);
});

test('accepts more than 400 lines with the reason on top', () => {
  const source = `// A table.\n// Longer than 400 lines because RFC 7541 has so many.\n${long(500)}`;
  assert.deepEqual(rulesIn(`${SRC}/hpack/table.ts`, source), []);
});

test('reports what index.ts passes on without documentation, through another file too', () => {
  const found = findingsIn({
    [`${SRC}/index.ts`]: `${OPENING}export { f, type G as H } from './grpc/a.ts';\n`,
    [`${SRC}/grpc/a.ts`]: `${OPENING}export { f } from './b.ts';\nexport interface G {}\n`,
    [`${SRC}/grpc/b.ts`]: `${OPENING}export function f(): void {}\nexport const inner = 1;\n`,
  });
  assert.deepEqual(
    found.map(({ file, line, rule }) => `${file}:${line} ${rule}`),
    [`${SRC}/grpc/a.ts:4 tsdoc`, `${SRC}/grpc/b.ts:3 tsdoc`],
  );
});

test('accepts the classes, enums and file names of the package that the drop-in stands for', () => {
  const source = `${OPENING}export enum A { B }\nexport class C extends D {}\nlet x: any;\n`;
  assert.deepEqual(rulesIn('packages/grpc-js/src/tls-helpers.ts', source), []);
  assert.deepEqual(rulesIn('packages/grpc-js/src/a.ts', `${OPENING}const a = b!;\n`), [
    '3 non-null',
  ]);
});

test('accepts documentation above the first overload, and a suppression below it', () => {
  const source = [
    '/** Says it. */',
    'export function f(a: string): void;',
    'export function f(a: unknown): void {}',
    '/** Says it. */',
    '// biome-ignore lint/x: why',
    'export const g = 1;',
  ];
  assert.deepEqual(rulesIn(`${SRC}/api/a.ts`, `${OPENING}${source.join('\n')}\n`), []);
});

test('accepts imports downward and of the own layer, and sockets in transport', () => {
  const source = [
    `import type { Socket } from 'node:net';`,
    `import { a } from '../hpack/a.ts';`,
    `import { b } from './b.ts';`,
    'setTimeout(a, b);',
  ];
  assert.deepEqual(rulesIn(`${SRC}/transport/a.ts`, `${OPENING}${source.join('\n')}\n`), []);
});

test('is not misled by words in comments, strings, templates and regular expressions', () => {
  const source = [
    '// any enum A { setTimeout( await is fine in prose, RFC 9113 \u00a76.9.2.',
    `const a = 'x: any; class A extends B {} // not a comment';`,
    `const b = "import { f } from '../server/f.ts'";`,
    'const c = `enum A { $' + '{f(`setTimeout $' + '{1}`)} as any`;',
    `const d = /class A extends B "/g.test(a) ? x / y : z / 2; // it's`,
    'const e = x !== y && !z;',
    'const f = async () => await g();',
    'const h = { any: 1, only: 2 }.any;',
    '// TODO(ada): with an owner.',
    'class E<T extends object> extends Error {}',
    'interface I extends J {}',
    'const i = x as const;',
  ];
  assert.deepEqual(rulesIn(`${SRC}/grpc/a.ts`, `${OPENING}${source.join('\n')}\n`), []);
});

test('reports tests that sleep, that stand alone and that are skipped', () => {
  const broken = [
    [`await0(new Promise((r) => setTimeout(r, 5)));`, '1 sleep'],
    [`await0(new Promise<void>((resolve) => {\n  setTimeout(resolve, 5);\n}));`, '1 sleep'],
    [`import { setTimeout as sleep } from 'node:timers/promises';`, '1 sleep'],
    [`test.only('x', f);`, '1 test-only'],
    [`test('x', { only: true }, f);`, '1 test-only'],
    [`describe.skip('x', f);`, '1 test-skip'],
    [`test('x', { skip: true }, f);`, '1 test-skip'],
  ];
  for (const [source, expected] of broken) {
    assert.deepEqual(rulesIn('packages/sluice/test/a.test.ts', `${source}\n`), [expected], source);
  }
});

test('accepts in a test what a source may not do', () => {
  const source = [
    '// @ts-expect-error: a string is not a number',
    `f('x');`,
    `test('x', { skip: !supportsIpv6 }, f);`,
    'class Peer extends EventEmitter {}',
  ];
  assert.deepEqual(rulesIn('bench/test/a.test.ts', `${source.join('\n')}\n`), []);
});
