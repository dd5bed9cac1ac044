// Shows what check-snippets.mjs finds in pages, and that it names the line where it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPages } from './check-snippets.mjs';

/** The findings in pages that are called `0.md`, `1.md` and so on. */
async function findingsIn(...pages) {
  const { findings } = await checkPages(pages.map((text, i) => ({ path: `${i}.md`, text })));
  return findings;
}

function block(info, ...lines) {
  return ['```'.concat(info), ...lines, '```', ''].join('\n');
}

test('accepts snippets of every family, with and without imports of their own', async () => {
  const pages = [
    '<!-- snippet:\nimport { connect, createClient } from "sluice";\nimport { Shop } from "./gen/shop_pb.js";\n-->',
    block('ts', 'const item = await createClient(Shop, connect("h:1")).getItem({ id: "1" });'),
    block(
      'ts',
      'import { Shop } from "./gen/shop_pb.js";',
      'export const name: string = Shop.typeName;',
    ),
    block(
      'ts gen=ts-proto',
      'export { ShopDefinition } from "./gen/shop.js";',
      'import "node:fs";',
    ),
    block(
      'ts before=grpc-js',
      'import { ShopClient } from "./gen/shop.js";',
      'ShopClient.service;',
    ),
    block('ts gen=protobuf-ts', 'import { Shop } from "./gen/shop_pb.js";', 'Shop.typeName;'),
    block('json', '{ "a": [1] }'),
    block('sh', 'npm test'),
  ].join('\n');
  assert.deepEqual(await findingsIn(pages), []);
});

test('reports a type error with the page and the line it is on', async () => {
  const wrong = `# Page\n\n${block('ts', 'const a = 1;', 'const b: string = a;')}`;
  assert.deepEqual(await findingsIn('', wrong), [
    "1.md:5 TS2322: Type 'number' is not assignable to type 'string'.",
  ]);
});

test('reports an error in a preamble where the preamble is', async () => {
  const page = `<!-- snippet:\nconst a: string = 1;\n-->\n${block('ts', 'a.length;')}`;
  assert.deepEqual(await findingsIn(page), [
    "0.md:2 TS2322: Type 'number' is not assignable to type 'string'.",
  ]);
});

test('runs programs, and reports those that fail with what they printed', async () => {
  const page = [
    block('js run', 'console.log("fine");'),
    block('ts run', 'const n: number = 3;', 'console.log("n is", n);', 'process.exit(n);'),
  ].join('\n');
  assert.deepEqual(await findingsIn(page), ['0.md:5 exited with 3\nn is 3']);
});

test('does not run what does not compile', async () => {
  const findings = await findingsIn(block('ts run', 'const n: number = "";', 'process.exit(1);'));
  assert.equal(findings.length, 1);
  assert.match(findings[0], /^0\.md:2 TS2322/);
});

test('generates code from the files that a page shows', async () => {
  const page = [
    block('proto file=proto/a.proto', 'syntax = "proto3";', 'message A { string name = 1; }'),
    block(
      'yaml file=buf.gen.yaml',
      'version: v2',
      'inputs: [{ directory: proto }]',
      'plugins: [{ local: protoc-gen-es, out: gen, opt: [target=js+dts, import_extension=js] }]',
    ),
    block('js run', 'import { ASchema } from "./gen/a_pb.js";', 'console.log(ASchema.typeName);'),
  ].join('\n');
  assert.deepEqual(await findingsIn(page), []);
});

test('reports blocks without a language, of an unknown one, and attributes that are none', async () => {
  const page = [
    block('', 'text'),
    block('rust', 'fn main() {}'),
    block('ts fast', ''),
    block('ts before=grpc-web', ''),
    block('json file=a.json', '{}'),
    block('proto file=../a.proto', ''),
  ].join('');
  assert.deepEqual(await findingsIn(page), [
    '0.md:1 the code block has no language; use one of ts, js, json, proto, yaml, sh, text',
    '0.md:4 language "rust"; use one of ts, js, json, proto, yaml, sh, text',
    '0.md:7 ts block with "fast"; it may have run, before, gen',
    '0.md:10 ts block with "before=grpc-web"; it may have run, before, gen',
    '0.md:13 json block with "file=a.json"; it may have none',
    '0.md:16 proto block with "file=../a.proto"; it may have file',
  ]);
});

test('reports JSON that is none, and what has no end', async () => {
  const [json, end] = await findingsIn(block('json', '{ a: 1 }'), '```ts\nconst a = 1;\n');
  assert.match(json, /^0\.md:1 .*JSON/);
  assert.equal(end, '1.md:1 the code block has no end');
});
