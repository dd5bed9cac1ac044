// docs/errors.md against the tests: every text on the page is one that a test provokes and asserts.
// Looked for is the whole text, in one line of the tests' sources: its fixed parts in their order,
// with a value or a pattern in place of each `<...>`.
// Not here: the texts themselves; what no other test is about is provoked in test/errors.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ROOT = dirname(dirname(PACKAGE));

/** Characters that a value or a pattern may take in place of one `<...>`. */
const LONGEST_VALUE = 120;

/** Spans between backticks that are no text of ours, with the reason. */
const NO_TEXT: Readonly<Record<string, string>> = {
  '<code> <NAME>: <details>': 'the form of a message, asserted by test/grpc/status-error.test.ts',
  "admissionPolicy: 'wait'": 'an option',
  "loopy: 'blocked-on-socket'": 'a field of stats()',
  'for await': 'JavaScript',
};

/** Texts that stand on the page for a family, where a test asserts the members. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  '<STATE>, <the last failure>': ['TRANSIENT_FAILURE, cannot connect to '],
};

interface Listed {
  readonly line: number;
  readonly text: string;
}

/** Which column of a table holds texts, by its head; -1 in a paragraph. */
function textColumn(head: string): number {
  return head.split('|').findIndex((cell) => cell.trim() === 'text');
}

/**
 * The texts between backticks: all of a table's column of texts, elsewhere those of more than one
 * word, because names of options and methods are one.
 */
function listedTexts(page: string): Listed[] {
  const listed: Listed[] = [];
  const add = (line: number, source: string, areTexts: boolean): void => {
    for (const [, text = ''] of source.matchAll(/`([^`]+)`/g)) {
      if (Object.hasOwn(NO_TEXT, text) || !(areTexts || /\s/.test(text))) continue;
      listed.push({ line, text });
    }
  };
  let at = 1;
  for (const block of page.split('\n\n')) {
    const lines = block.split('\n');
    const column = textColumn(lines[0] ?? '');
    // A paragraph may break a text; a row of a table may not.
    if (column < 0) add(at, lines.join(' '), false);
    for (const [i, row] of column < 0 ? [] : lines.entries()) {
      row.split(/(?<!\\)\|/).forEach((cell, k) => {
        add(at + i, cell, k === column);
      });
    }
    at += lines.length + 1;
  }
  return listed;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/** The text as tests write it: whole, or with values or patterns in place of `<...>` and `...`. */
function asserted(text: string): RegExp {
  const parts = text.split(/<[^>]*>|\.\.\./).map(escaped);
  return new RegExp(parts.join(`[^\\n]{0,${LONGEST_VALUE}}?`));
}

/** Sources as one text in which a regular expression reads like the text it matches. */
function testSources(): string {
  const folder = join(PACKAGE, 'test');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('errors-table'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('\n')
    .replaceAll(/\\(?=[^\w\s])/g, '')
    .replaceAll(/['"`]\s*\+\s*\n\s*['"`]/g, '');
}

describe('docs/errors.md', () => {
  it('lists no text that no test asserts', () => {
    const sources = testSources();
    const listed = listedTexts(readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8'));
    assert.ok(listed.length > 300, `${listed.length} texts found: is the page still a page?`);
    const missing = listed.filter(({ text }) => {
      const members = FAMILIES[text];
      if (members !== undefined) return !members.every((member) => sources.includes(member));
      return !asserted(text).test(sources);
    });
    assert.deepEqual(
      missing.map(({ line, text }) => `${line}: ${text}`),
      [],
    );
  });
});
