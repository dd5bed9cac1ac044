// `sluice top`: asks a process for looks at it and shows them, live on a terminal or once as text.
// Invariants: a process that stops answering is asked again until the user quits; nothing holds the
// program once it is told to end. Not here: what is asked (source.ts) and drawn (view.ts).

import { readFileSync } from 'node:fs';
import { connect } from 'sluice';
import { COLUMNS } from './columns.ts';
import { type Action, actionsOf } from './keys.ts';
import type { Look } from './look.ts';
import type { TopOptions } from './options.ts';
import { ratesBetween } from './rates.ts';
import { Screen } from './screen.ts';
import { CannotAsk, Source } from './source.ts';
import { listedKeys, screenLines, type TopState, tableText } from './view.ts';

/** Width of a table that is read by no terminal. */
const PLAIN_COLUMNS = 200;

const EXIT_FAILED = 1;

/** Shows the process at the address; resolves to the exit code. */
export async function top(options: TopOptions): Promise<number> {
  let source: Source;
  let close: () => Promise<void>;
  try {
    const ca = options.caFile === null ? undefined : readFileSync(options.caFile);
    const tls = ca === undefined ? options.tls : { ca };
    const channel = connect(options.address, { tls });
    source = new Source(channel, options.address);
    close = () => channel.close();
  } catch (error) {
    return failed(error);
  }
  try {
    if (options.once) await printOnce(source, options);
    else if (options.json || process.stdout.isTTY !== true) await printAll(source, options);
    else await new LiveTop(source, options).run();
    return 0;
  } catch (error) {
    if (error instanceof CannotAsk) return failed(error);
    throw error;
  } finally {
    await close();
  }
}

function failed(error: unknown): number {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`sluice top: ${text}\n`);
  return EXIT_FAILED;
}

async function printOnce(source: Source, options: TopOptions): Promise<void> {
  print(await source.once(), undefined, source, options);
}

async function printAll(source: Source, options: TopOptions): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  let before: Look | undefined;
  for await (const look of source.looks(options.intervalMs, ended.signal)) {
    print(look, before, source, options);
    before = look;
  }
}

function print(look: Look, before: Look | undefined, source: Source, options: TopOptions): void {
  if (options.json) {
    process.stdout.write(`${jsonText(look)}\n`);
    return;
  }
  const rates = ratesBetween(before, look);
  const state = { ...stateOf(options.address), look, rates, kind: source.kind };
  const columns = process.stdout.columns ?? PLAIN_COLUMNS;
  process.stdout.write(tableText(state, columns, hasColour()));
}

/** A look as one line; a limit without a value is null, and the names of messages are left out. */
export function jsonText(look: Look): string {
  return JSON.stringify(look, (name: string, value: unknown) =>
    name.startsWith('$') ? undefined : value,
  );
}

function stateOf(address: string): TopState {
  return {
    address,
    look: undefined,
    kind: undefined,
    rates: new Map(),
    lost: undefined,
    chosen: '',
    sort: -1,
    paused: false,
    help: false,
  };
}

/** https://no-color.org: set, and to anything but nothing. */
function hasColour(): boolean {
  return process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '';
}

/** What an action makes of the state; `quit` is not one of them. */
export function afterAction(state: TopState, action: Action): TopState {
  switch (action) {
    case 'quit':
      return state;
    case 'up':
      return { ...state, chosen: neighbour(state, -1) };
    case 'down':
      return { ...state, chosen: neighbour(state, 1) };
    case 'sort':
      return { ...state, sort: state.sort + 1 >= COLUMNS.length ? -1 : state.sort + 1 };
    case 'pause':
      return { ...state, paused: !state.paused };
    case 'help':
      return { ...state, help: !state.help };
  }
}

function neighbour({ look, sort, chosen }: TopState, step: number): string {
  const keys = listedKeys(look, sort);
  const at = keys.indexOf(chosen);
  if (at < 0) return (step > 0 ? keys[0] : keys.at(-1)) ?? '';
  return keys[Math.max(0, Math.min(keys.length - 1, at + step))] ?? '';
}

class LiveTop {
  private readonly source: Source;
  private readonly options: TopOptions;
  private readonly screen: Screen;
  private readonly ended: AbortController;
  private state: TopState;
  private newest: Look | undefined;

  constructor(source: Source, options: TopOptions) {
    this.source = source;
    this.options = options;
    this.screen = new Screen(process.stdout, process.stdin, (text) => this.onText(text));
    this.ended = new AbortController();
    this.state = stateOf(options.address);
    this.newest = undefined;
  }

  async run(): Promise<void> {
    // A first look before the screen is taken: what is wrong is said where it can be read.
    this.onLook(await this.source.once());
    const end = (): void => this.ended.abort();
    const resized = (): void => {
      this.screen.clear();
      this.draw();
    };
    const leave = (): void => this.screen.close();
    process.once('SIGINT', end).once('SIGTERM', end).once('exit', leave);
    process.stdout.on('resize', resized);
    this.screen.open();
    try {
      this.draw();
      await this.follow();
    } finally {
      leave();
      process.stdout.off('resize', resized);
      process.off('SIGINT', end).off('SIGTERM', end).off('exit', leave);
    }
  }

  private async follow(): Promise<void> {
    const { signal } = this.ended;
    while (!signal.aborted) {
      try {
        for await (const look of this.source.looks(this.options.intervalMs, signal)) {
          this.onLook(look);
        }
      } catch (error) {
        if (!(error instanceof CannotAsk)) throw error;
        this.state = { ...this.state, lost: error.message };
        this.draw();
        await this.pause();
      }
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.options.intervalMs);
      this.ended.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private onLook(look: Look): void {
    const { newest } = this;
    this.newest = look;
    this.state = { ...this.state, lost: undefined, kind: this.source.kind };
    if (!this.state.paused) {
      this.state = { ...this.state, look, rates: ratesBetween(newest, look) };
    }
    this.draw();
  }

  private onText(text: string): void {
    for (const action of actionsOf(text)) {
      if (action === 'quit') this.ended.abort();
      else this.state = afterAction(this.state, action);
    }
    if (!this.ended.signal.aborted) this.draw();
  }

  private draw(): void {
    const { columns, rows } = this.screen;
    this.screen.draw(screenLines(this.state, columns, rows, hasColour()));
  }
}
