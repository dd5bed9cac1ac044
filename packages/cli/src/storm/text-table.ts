// Figures as text, and tables of them for a terminal. Pure; widths count code points, which is
// enough for the characters used here.

/** 12345.6 as `12,346`. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return 'n/a';
  return Math.round(value).toLocaleString('en-US');
}

/** A figure in MB (10^6 bytes) as `12.3 MB`. */
export function megabytes(value: number): string {
  const text = value.toFixed(1);
  return `${text === '-0.0' ? '0.0' : text} MB`;
}

/** Milliseconds with as many digits as they deserve. */
export function milliseconds(value: number): string {
  if (value >= 100) return `${count(value)} ms`;
  return `${value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

/** Bytes in the unit that suits them, powers of ten. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return `${(value / 1e6).toFixed(1)} MB`;
}

/** Text as lines of at most `columns` characters, broken at blanks; a longer word is left whole. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

/**
 * Rows as aligned columns: the first to the left, the others to the right.
 * @param rows the first is the heading; short rows are filled with blanks
 */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths: number[] = [];
  for (let column = 0; column < columns; column++) {
    widths.push(Math.max(...rows.map((row) => (row[column] ?? '').length)));
  }
  const lines = rows.map((row) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0] ?? '', rule, ...lines.slice(1)].join('\n');
}
