// Text and tables as HTML, for every part of the report. Pure.
// Invariant: whatever a name or a text holds, it stays text.

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text that is safe between tags and in a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

/** Rows as a table that scrolls by itself; the first is the heading. */
export function htmlTable(rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string): string =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const [heading, ...body] = rows;
  const head = `<thead><tr>${cells(heading ?? [], 'th')}</tr></thead>`;
  const lines = body.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<div class="scroll"><table>${head}<tbody>\n${lines}\n</tbody></table></div>`;
}
