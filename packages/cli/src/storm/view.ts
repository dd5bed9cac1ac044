// The storm while it runs: on a terminal a few lines redrawn in place (progress, rates, queue,
// calls held, memory), elsewhere one plain line a second. Writes to one stream and never reads.
// Invariant: no drawn line wraps, so that going up as many lines as were drawn removes them all.

import type { Sample } from './protocol.ts';
import type { RunWatcher } from './run-runtime.ts';
import { type Rates, ratesBetween } from './series.ts';
import { bytes, count, megabytes, wrapped } from './text-table.ts';

/** What the view writes to; a part of `process.stdout`. */
export interface TextOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const BAR_CELLS = 28;
const SPARK_CELLS = 40;
/** Top of the memory bars unless a client passes it, so that two runtimes are drawn to one scale. */
const MEMORY_SCALE_BYTES = 500e6;
const DEFAULT_COLUMNS = 80;
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

/** The last values as a row of bars, scaled from 0 to `scale` or the highest of all. */
export function sparkline(values: readonly number[], cells: number, scale: number): string {
  const top = Math.max(1e-9, scale, ...values);
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
  private held: number[];
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
    this.held = [];
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
    this.held = [];
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
    this.held.push(heldCalls(sample));
    this.draw();
  }

  /** Text that stays. */
  say(text: string): void {
    const lines = wrapped(text, this.columns());
    this.out.write(`${this.erased()}${lines.join('\n')}\n`);
  }

  /** Removes what is redrawn. */
  finish(): void {
    const erased = this.erased();
    if (erased !== '') this.out.write(erased);
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
    const columns = this.columns();
    const lines = this.lines().map((line) => line.slice(0, columns));
    // One write, or a terminal shows the moment in between.
    this.out.write(`${this.erased()}${lines.join('\n')}\n`);
    this.drawnLines = lines.length;
  }

  /** One less than there are: a terminal may wrap after its last column. */
  private columns(): number {
    return (this.out.columns ?? DEFAULT_COLUMNS) - 1;
  }

  private lines(): string[] {
    const lines = [`${this.progress()}`, `${this.title}: ${this.phaseName}`];
    const newest = this.samples.at(-1);
    if (newest === undefined) return lines;
    const { offered, accepted, finished, refused } = this.rates(newest);
    lines.push(`  offered  ${rate(offered)}   accepted  ${rate(accepted)}`);
    lines.push(`  refused  ${rate(refused)}   ended     ${rate(finished)}`);
    lines.push(`  queue    ${queueText(newest)}`);
    const held = `${count(heldCalls(newest))} calls`.padEnd(14);
    lines.push(`  held     ${held} ${sparkline(this.held, SPARK_CELLS, 0)}`);
    const rss = `${megabytes(newest.rss / 1e6)} RSS`.padEnd(14);
    lines.push(`  memory   ${rss} ${sparkline(this.rss, SPARK_CELLS, MEMORY_SCALE_BYTES)}`);
    return lines;
  }

  private progress(): string {
    const fraction = this.fraction();
    const left = Math.max(0, Math.round(this.totalSeconds * (1 - fraction)));
    const percent = `${Math.round(fraction * 100)} %`.padStart(5);
    return `${progressBar(fraction, BAR_CELLS)} ${percent}, ${left} s left`;
  }

  private plain(): void {
    const nowMs = this.now();
    const newest = this.samples.at(-1);
    if (newest === undefined || nowMs - this.plainMs < PLAIN_EVERY_MS) return;
    this.plainMs = nowMs;
    const percent = `${Math.round(this.fraction() * 100)} %`.padStart(5);
    const { offered, accepted, finished, refused } = this.rates(newest);
    const rates = `offered ${count(offered)}/s, accepted ${count(accepted)}/s, refused ${count(refused)}/s, ended ${count(finished)}/s`;
    const held = `held ${count(heldCalls(newest))} calls`;
    const rss = `RSS ${megabytes(newest.rss / 1e6)}`;
    const where = `${this.title}: ${this.phaseName}`;
    this.out.write(`${percent}  ${where}: ${rates}; queue ${queueText(newest)}; ${held}; ${rss}\n`);
  }

  private rates(newest: Sample): Rates {
    return ratesBetween(this.samples[0] ?? newest, newest);
  }

  private erased(): string {
    const erased = UP_AND_CLEAR.repeat(this.drawnLines);
    this.drawnLines = 0;
    return erased;
  }
}

/** Calls taken on and not ended. */
function heldCalls(sample: Sample): number {
  return sample.offered - sample.heldBack - sample.refused - sample.finished;
}

function rate(perSecond: number): string {
  return `${count(perSecond)}/s`.padStart(11);
}

function queueText(sample: Sample): string {
  if (sample.queueItems === null) return 'not shown by this runtime';
  const queued = `${count(sample.queueItems)} frames, ${bytes(sample.queueBytes ?? 0)}`;
  const socket = `socket ${bytes(sample.socketBytes ?? 0)}`;
  return `${queued}; ${socket}; ${count(sample.waitingCalls ?? 0)} calls waiting`;
}
