// Text with colours, or the same text without. Pure.
// Invariant: a line is cut by what is seen of it, and what is painted is closed at its end.
// ECMA-48, SGR.

/** How a piece of a line looks. */
export type Tone = 'plain' | 'bold' | 'dim' | 'good' | 'warn' | 'alarm' | 'chosen';

/** A piece of a line. */
export interface Piece {
  readonly text: string;
  readonly tone: Tone;
}

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  good: '32',
  warn: '33',
  alarm: '1;31',
  chosen: '7',
};

/** A piece. */
export function piece(text: string, tone: Tone = 'plain'): Piece {
  return { text, tone };
}

/** Pieces as one line of at most `columns` characters. */
export function painted(pieces: readonly Piece[], columns: number, hasColour: boolean): string {
  let line = '';
  let left = columns;
  for (const { text, tone } of pieces) {
    if (left <= 0) break;
    const shown = text.slice(0, left);
    left -= shown.length;
    const code = CODES[tone];
    line += hasColour && code !== '' ? `\u001b[${code}m${shown}\u001b[0m` : shown;
  }
  return line;
}

/** Words in lines of at most `columns` characters. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length > columns && line !== '') {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  if (line !== '') lines.push(line);
  return lines;
}
