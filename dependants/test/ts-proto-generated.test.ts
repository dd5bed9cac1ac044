// test/gen is what proto/orders.proto and the locked generator give: nobody has edited it by hand.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DEPENDANTS } from './support/drop-in.ts';

function textsUnder(folder: string): { [file: string]: string } {
  const texts: { [file: string]: string } = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) texts[file.slice(folder.length)] = readFileSync(file, 'utf8');
  }
  return texts;
}

test('generated code is what the .proto file and the locked generator give', async () => {
  const script = pathToFileURL(join(DEPENDANTS, 'proto', 'generate.mjs')).href;
  const { generate } = (await import(script)) as { generate: (folder: string) => void };
  const folder = mkdtempSync(join(tmpdir(), 'sluice-gen-'));
  try {
    generate(folder);
    assert.deepEqual(
      textsUnder(join(DEPENDANTS, 'test', 'gen')),
      textsUnder(join(folder, 'test', 'gen')),
      'run: node dependants/proto/generate.mjs',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
