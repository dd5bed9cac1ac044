// docs/errors.md against the tests: every text it lists is one that a test provokes and asserts.
// What is looked for is the longest part of the text without a value, in the tests' sources.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ROOT = dirname(dirname(PACKAGE));

/** Texts this short say nothing by themselves: the row has others, or the part is a name. */
const SHORTEST_PART = 8;

interface Listed {
  readonly line: number;
  readonly text: string;
}

/** The first column of every table, one entry for each text in it. */
function listedTexts(page: string): Listed[] {
  const listed: Listed[] = [];
  page.split('\n').forEach((line, index) => {
    const cell = /^\| (.*?[^\\]) \| /.exec(line)?.[1];
    for (const [, text = ''] of cell?.matchAll(/`([^`]+)`/g) ?? []) {
      listed.push({ line: index + 1, text });
    }
  });
  return listed;
}

function longestPart(text: string): string {
  const parts = text.split(/<[^>]*>|\.\.\./).map((part) => part.trim());
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Sources as one text in which a regular expression reads like the text it matches. */
function testSources(): string {
  const folder = join(PACKAGE, 'test');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('errors-table'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n')
    .replaceAll(/\\(?=[^\w\s])/g, '')
    .replaceAll(/['"`]\s*\+\s*['"`]/g, '');
}

describe('docs/errors.md', () => {
  it('lists no text that no test asserts', () => {
    const sources = testSources();
    const listed = listedTexts(readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8'));
    assert.ok(listed.length > 100, `${listed.length} texts found: are the tables still tables?`);
    const missing = listed.filter(({ text }) => {
      const part = longestPart(text);
      return part.length >= SHORTEST_PART && !sources.includes(part);
    });
    assert.deepEqual(
      missing.map(({ line, text }) => `${line}: ${text}`),
      [],
    );
  });
});
