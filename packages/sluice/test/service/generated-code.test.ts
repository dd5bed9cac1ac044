import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

function textsUnder(folder: string): { [file: string]: string } {
  const texts: { [file: string]: string } = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) texts[file.slice(folder.length)] = readFileSync(file, 'utf8');
  }
  return texts;
}

test('generated code is what the .proto files and the locked generators give', async () => {
  const script = pathToFileURL(join(PACKAGE, 'test', 'proto', 'generate.mjs')).href;
  const { generate } = (await import(script)) as { generate: (folder: string) => void };
  const folder = mkdtempSync(join(tmpdir(), 'sluice-gen-'));
  try {
    generate(folder);
    for (const tree of [join('src', 'gen'), join('test', 'gen')]) {
      assert.deepEqual(
        textsUnder(join(PACKAGE, tree)),
        textsUnder(join(folder, tree)),
        'run: node packages/sluice/test/proto/generate.mjs',
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
