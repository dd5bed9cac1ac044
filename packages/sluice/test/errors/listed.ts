// Texts of docs/errors.md as patterns, so that what a test asserts is the text that users look up.
// Invariant: only a text that stands on the page makes a pattern, and a pattern fits whole texts only.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PAGE = readFileSync(
  fileURLToPath(new URL('../../../../docs/errors.md', import.meta.url)),
  'utf8',
).replaceAll(/\s+/g, ' ');

/** What a name between angle brackets stands for; `<n>` is a number, any other some text. */
type Values = { readonly [name: string]: string | number };

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

/**
 * A text of the page as the pattern of the whole.
 * @param values what the text must have in place of `<name>`
 */
export function listed(text: string, values: Values = {}): RegExp {
  assert.ok(PAGE.includes(`\`${text}\``), `docs/errors.md has no text ${text}`);
  const source = escaped(text).replaceAll(/<([^>]*)>/g, (_, name: string) => {
    const value = values[name];
    if (value !== undefined) return escaped(String(value));
    return name === 'n' ? '\\d+(?:\\.\\d+)?' : '[^]+';
  });
  return new RegExp(`^${source.replaceAll('\\.\\.\\.', '[^]+')}$`);
}

/** Asserts that a text is one of the page. */
export function assertListed(actual: string | undefined, text: string, values?: Values): void {
  assert.match(actual ?? '', listed(text, values));
}
