// The storm while it runs: on a terminal four lines redrawn in place (progress, rates, queue,
// memory), elsewhere one plain line a second. Writes to one stream and never reads.
// Invariant: finish() leaves the cursor below what was drawn, whatever was on screen.

import type { Sample } from './protocol.ts';
import type { RunWatcher } from './run-runtime.ts';
import { type Rates, ratesBetween } from './series.ts';
import { bytes, count, megabytes } from './text-table.ts';

/** What the view writes to; a part of `process.stdout`. */
export interface TextOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const BAR_CELLS = 28;
const SPARK_CELLS = 40;
const SPARKS = '\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588';
const FULL = '\u2588';
const EMPTY = '\u2591';
const PLAIN_EVERY_MS = 1000;
const RATE_WINDOW_SAMPLES = 5;
const UP_AND_CLEAR = '\u001b[1A\u001b[2K';

/** A progress bar of a fraction from 0 to 1. */
export function progressBar(fraction: number, cells: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * cells);
  return FULL.repeat(full) + EMPTY.repeat(cells - full);
}

/** The last values as a row of bars, scaled from 0 to the highest of all. */
export function sparkline(values: readonly number[], cells: number): string {
  const top = Math.max(1e-9, ...values);
  let line = '';
  for (const value of values.slice(-cells)) {
    const level = Math.min(SPARKS.length - 1, Math.floor((value / top) * SPARKS.length));
    line += SPARKS[Math.max(0, level)] ?? ' ';
  }
  return line;
}

/** Shows phases and samples of the runs, one after another. */
export class StormView implements RunWatcher {
  private readonly out: TextOutput;
  private readonly now: () => number;
  private readonly totalSeconds: number;
  /** Expected seconds of the runs before this one, and of this one. */
  private doneSeconds: number;
  private runSeconds: number;
  /** Expected seconds of this run's phases before this one. */
  private donePhases: number;
  private title: string;
  private phaseName: string;
  private phaseSeconds: number;
  private phaseStartedMs: number;
  private samples: Sample[];
  private rss: number[];
  private queue: number[];
  private drawnLines: number;
  private plainMs: number;

  /**
   * @param totalSeconds what all runs are expected to take
   * @param now milliseconds, monotonic
   */
  constructor(out: TextOutput, totalSeconds: number, now: () => number) {
    this.out = out;
    this.now = now;
    this.totalSeconds = totalSeconds;
    this.doneSeconds = 0;
    this.runSeconds = 0;
    this.donePhases = 0;
    this.title = '';
    this.phaseName = '';
    this.phaseSeconds = 0;
    this.phaseStartedMs = now();
    this.samples = [];
    this.rss = [];
    this.queue = [];
    this.drawnLines = 0;
    this.plainMs = 0;
  }

  /**
   * Names the run that the phases from here on belong to.
   * @param seconds what the run is expected to take; one that ends early counts as complete
   */
  run(title: string, seconds: number): void {
    this.doneSeconds += this.runSeconds;
    this.runSeconds = seconds;
    this.donePhases = 0;
    this.phaseSeconds = 0;
    this.title = title;
    this.samples = [];
    this.rss = [];
    this.queue = [];
  }

  phase(name: string, seconds: number): void {
    this.donePhases += this.phaseSeconds;
    this.phaseName = name;
    this.phaseSeconds = seconds;
    this.phaseStartedMs = this.now();
    this.draw();
  }

  sample(sample: Sample): void {
    // The counts start again at a reset; a rate across one would be negative.
    const newest = this.samples.at(-1);
    if (newest !== undefined && sample.offered < newest.offered) this.samples = [];
    this.samples.push(sample);
    if (this.samples.length > RATE_WINDOW_SAMPLES) this.samples.shift();
    this.rss.push(sample.rss);
    this.queue.push(sample.queueBytes ?? sample.offered - sample.refused - sample.finished);
    this.draw();
  }

  /** A line that stays. */
  say(text: string): void {
    this.erase();
    this.out.write(`${text}\n`);
  }

  /** Removes what is redrawn. */
  finish(): void {
    this.erase();
    this.phaseName = '';
  }

  private fraction(): number {
    const inPhase = Math.min(this.phaseSeconds, (this.now() - this.phaseStartedMs) / 1000);
    const inRun = Math.min(this.runSeconds, this.donePhases + inPhase);
    return Math.min(1, (this.doneSeconds + inRun) / this.totalSeconds);
  }

  private draw(): void {
    if (this.phaseName === '') return;
    if (this.out.isTTY !== true) {
      this.plain();
      return;
    }
    this.erase();
    const columns = this.out.columns ?? 100;
    const lines = this.lines().map((line) => line.slice(0, columns - 1));
    this.out.write(`${lines.join('\n')}\n`);
    this.drawnLines = lines.length;
  }

  private lines(): string[] {
    const fraction = this.fraction();
    const left = Math.max(0, Math.round(this.totalSeconds * (1 - fraction)));
    const bar = progressBar(fraction, BAR_CELLS);
    const percent = `${Math.round(fraction * 100)} %`.padStart(5);
    const lines = [`${bar} ${percent}  ${left} s left   ${this.title}: ${this.phaseName}`];
    const newest = this.samples.at(-1);
    if (newest === undefined) return lines;
    const rates = this.rates(newest);
    lines.push(`  per second  ${rateText(rates, 9)}`);
    lines.push(`  queue       ${depthText(newest)}`);
    lines.push(`              ${sparkline(this.queue, SPARK_CELLS)}`);
    lines.push(
      `  memory      RSS ${megabytes(newest.rss / 1e6)}  ${sparkline(this.rss, SPARK_CELLS)}`,
    );
    return lines;
  }

  private plain(): void {
    const nowMs = this.now();
    const newest = this.samples.at(-1);
    if (newest === undefined || nowMs - this.plainMs < PLAIN_EVERY_MS) return;
    this.plainMs = nowMs;
    const percent = `${Math.round(this.fraction() * 100)} %`.padStart(5);
    const rates = rateText(this.rates(newest), 0);
    const rss = megabytes(newest.rss / 1e6);
    this.out.write(
      `${percent}  ${this.title}: ${this.phaseName}; per second ${rates}; ${depthText(newest)}; RSS ${rss}\n`,
    );
  }

  private rates(newest: Sample): Rates {
    return ratesBetween(this.samples[0] ?? newest, newest);
  }

  private erase(): void {
    if (this.drawnLines > 0) this.out.write(UP_AND_CLEAR.repeat(this.drawnLines));
    this.drawnLines = 0;
  }
}

function rateText(rates: Rates, width: number): string {
  const cell = (name: string, rate: number): string => `${name} ${count(rate).padStart(width)}`;
  return [
    cell('offered', rates.offered),
    cell('accepted', rates.accepted),
    cell('finished', rates.finished),
    cell('refused', rates.refused),
  ].join('  ');
}

function depthText(sample: Sample): string {
  const pending = `in flight ${count(sample.offered - sample.refused - sample.finished)}`;
  if (sample.queueItems === null) return `${pending}, queue not shown by this runtime`;
  const items = `${count(sample.queueItems)} items, ${bytes(sample.queueBytes ?? 0)}`;
  return `${items}, socket ${bytes(sample.socketBytes ?? 0)}, waiting ${count(sample.waitingCalls ?? 0)}, ${pending}`;
}
