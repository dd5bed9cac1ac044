// The rows of docs/grpc-js.md that tell of known differences, made from the table that the comparison reads.
// `node build/test/page/differences-table.js` writes them into the page.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KNOWN_DIFFERENCES, type KnownDifference } from '../differential/known-differences.ts';

/** The page, from build/test/page. */
export const pagePath: string = join(__dirname, '..', '..', '..', '..', '..', 'docs', 'grpc-js.md');

const BEGIN = '<!-- differences -->\n';
const END = '<!-- /differences -->\n';

/** A row for each reason, with the program that sees it and one thing that it looks at. */
export function differencesTable(known: readonly KnownDifference[]): string {
  const byReason = new Map<string, string[]>();
  for (const { program, name, reason } of known) {
    const key = `| \`${program}\` | ${reason.replaceAll('|', '\\|')} |`;
    const names = byReason.get(key) ?? [];
    byReason.set(key, names);
    names.push(name.replaceAll('|', '\\|'));
  }
  const rows = [...byReason].map(([row, [first = '', ...others]]) => {
    const more = others.length === 0 ? '' : `, and ${others.length} more`;
    return `${row} ${first}${more} |\n`;
  });
  return `| seen by | differs | looking at |\n|---|---|---|\n${rows.sort().join('')}`;
}

/** What stands between the marks. @throws Error where they are not there */
export function tableOf(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`no ${BEGIN.trim()} ... ${END.trim()}`);
  return page.slice(begin + BEGIN.length, end);
}

if (require.main === module) {
  const page = readFileSync(pagePath, 'utf8');
  const replaced = page.replace(tableOf(page), () => differencesTable(KNOWN_DIFFERENCES));
  writeFileSync(pagePath, replaced);
}
