// Makes a transcript that fails as small as it gets: steps are left out, then numbers, texts and bytes
// become smaller, as long as what is left still fails. It needs no knowledge of what steps mean,
// because every transcript can be run.

import type { Argument, Step, Transcript } from './transcript.js';

/** Runs after which what there is has to do. */
const MOST_RUNS = 5_000;
const MOST_MS = 15_000;

export class Shrinking {
  private best: Transcript;
  private readonly fails: (transcript: Transcript) => boolean;
  private runs = 0;
  private readonly endMs: number = performance.now() + MOST_MS;

  constructor(transcript: Transcript, fails: (transcript: Transcript) => boolean) {
    this.best = transcript;
    this.fails = fails;
  }

  /** The smallest that was found. */
  shrink(): Transcript {
    for (let isSmaller = true; isSmaller && !this.isSpent; ) {
      isSmaller = this.dropSteps();
      isSmaller = this.shrinkSteps() || isSmaller;
    }
    return this.best;
  }

  private get isSpent(): boolean {
    return this.runs >= MOST_RUNS || performance.now() > this.endMs;
  }

  private accept(candidate: Transcript): boolean {
    if (this.isSpent) return false;
    this.runs++;
    if (!this.fails(candidate)) return false;
    this.best = candidate;
    return true;
  }

  private dropSteps(): boolean {
    let isSmaller = false;
    for (let size = Math.ceil(this.best.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
      for (let at = this.best.length - size; at >= 0; at -= size) {
        const without = [...this.best.slice(0, at), ...this.best.slice(at + size)];
        if (this.accept(without)) isSmaller = true;
      }
    }
    return isSmaller;
  }

  private shrinkSteps(): boolean {
    let isSmaller = false;
    for (let at = 0; at < this.best.length; at++) {
      for (let tries = 0; tries < 100 && this.shrinkStep(at); tries++) isSmaller = true;
    }
    return isSmaller;
  }

  private shrinkStep(at: number): boolean {
    const step = this.best[at] ?? [];
    for (let i = step.length - 1; i >= 1; i--) {
      for (const smaller of smallerThan(step[i] ?? 0)) {
        if (this.replace(at, [...step.slice(0, i), smaller, ...step.slice(i + 1)])) return true;
      }
      // Two at a time: names go with their values.
      if (step.length > 3 && this.replace(at, [...step.slice(0, i), ...step.slice(i + 2)]))
        return true;
    }
    return false;
  }

  private replace(at: number, step: Step): boolean {
    return this.accept([...this.best.slice(0, at), step, ...this.best.slice(at + 1)]);
  }
}

/** Smaller arguments, the smallest first. */
function* smallerThan(argument: Argument): Generator<Argument> {
  if (typeof argument === 'number') {
    if (argument > 0) yield 0;
    if (argument > 2) yield argument >> 1 > 0 ? argument >> 1 : Math.floor(argument / 2);
    if (argument > 1) yield argument - 1;
    return;
  }
  for (let size = argument.length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 4)) {
    for (let at = argument.length - size; at >= 0; at -= size) {
      if (typeof argument === 'string') yield argument.slice(0, at) + argument.slice(at + size);
      else yield Buffer.concat([argument.subarray(0, at), argument.subarray(at + size)]);
      if (argument.length > 64 && size < 8) return;
    }
  }
  if (typeof argument === 'string' || argument.length > 64) return;
  for (let at = 0; at < argument.length; at++) {
    if (argument[at] === 0) continue;
    const zeroed = Buffer.from(argument);
    zeroed[at] = 0;
    yield zeroed;
  }
}
