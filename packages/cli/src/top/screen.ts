// The terminal while `sluice top` has it: its alternate screen, raw keys, and redrawing in place.
// Invariants: whatever ends the program, the terminal is given back as it was; only lines that changed are
// written. ECMA-48; xterm's private modes 1049 and 25. Not here: what is drawn (view.ts).

/** What is written to; a part of `process.stdout`. */
export interface ScreenOutput {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

/** What keys come from; a part of `process.stdin`. */
export interface ScreenInput {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: 'data', listener: (data: Buffer) => void): unknown;
  off(event: 'data', listener: (data: Buffer) => void): unknown;
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const COLUMNS = 80;
const ROWS = 24;

/** The terminal of one run. */
export class Screen {
  private readonly out: ScreenOutput;
  private readonly input: ScreenInput;
  private readonly onKeys: (data: Buffer) => void;
  private drawn: string[];
  private isOpen: boolean;

  /** @param onText is given what the user types */
  constructor(out: ScreenOutput, input: ScreenInput, onText: (text: string) => void) {
    this.out = out;
    this.input = input;
    this.onKeys = (data) => onText(data.toString('utf8'));
    this.drawn = [];
    this.isOpen = false;
  }

  get columns(): number {
    return this.out.columns ?? COLUMNS;
  }

  get rows(): number {
    return this.out.rows ?? ROWS;
  }

  open(): void {
    this.isOpen = true;
    this.out.write(ENTER);
    if (this.input.isTTY !== true) return;
    this.input.setRawMode?.(true);
    this.input.on('data', this.onKeys);
    this.input.resume();
  }

  draw(lines: readonly string[]): void {
    if (!this.isOpen) return;
    let text = '';
    lines.forEach((line, index) => {
      if (this.drawn[index] !== line) text += `\u001b[${index + 1};1H${line}\u001b[K`;
    });
    if (lines.length < this.drawn.length) text += `\u001b[${lines.length + 1};1H\u001b[J`;
    this.drawn = [...lines];
    if (text !== '') this.out.write(text);
  }

  /** The size changed: what is there is not where it was. */
  clear(): void {
    this.drawn = [];
    if (this.isOpen) this.out.write('\u001b[2J');
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.out.write(LEAVE);
    if (this.input.isTTY !== true) return;
    this.input.off('data', this.onKeys);
    this.input.setRawMode?.(false);
    this.input.pause();
  }
}
