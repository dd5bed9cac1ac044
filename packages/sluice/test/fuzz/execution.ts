// One target under fuzzing: makes transcripts up, runs and times them, and makes what it finds small.
// Invariant: execution n of a seed is the same transcript wherever it is run. An execution that takes
// more than 100 ms, and does so again three times over, is a finding: no pause of the collector is.

import { Dice } from '../model/dice.js';
import { mutated } from './mutation.js';
import { Shrinking } from './shrinking.js';
import type { Target } from './target.js';
import type { Transcript } from './transcript.js';

/** Milliseconds that an execution may take. */
export const SLOW_MS = 100;
const RETRIES = 3;

/** How many executions start from the corpus, where there is one. */
const FROM_CORPUS = 0.15;

export interface Finding {
  readonly target: string;
  readonly seed: number;
  /** Its number under the seed, -1 for one of the corpus. */
  readonly execution: number;
  readonly error: string;
  /** Milliseconds of fuzzing until it was found. */
  readonly afterMs: number;
  readonly transcript: Transcript;
}

export class Execution {
  executions = 0;
  slowestMs = 0;
  /** Milliseconds spent, making transcripts up included. */
  spentMs = 0;
  private readonly target: Target;
  private readonly seed: number;
  private readonly corpus: readonly Transcript[];
  /** Its first number is that of the execution that runs. */
  private readonly progress: Int32Array;

  constructor(
    target: Target,
    seed: number,
    corpus: readonly Transcript[],
    progress: Int32Array = new Int32Array(1),
  ) {
    this.target = target;
    this.seed = seed;
    this.corpus = corpus;
    this.progress = progress;
  }

  /** The transcript of an execution, by its number. */
  transcript(execution: number): Transcript {
    const dice = new Dice((this.seed + Math.imul(execution, 0x9e3779b1)) >>> 0);
    const from = dice.chance(FROM_CORPUS) ? dice.among(this.corpus) : undefined;
    return from === undefined ? this.target.generate(dice) : mutated(from, dice);
  }

  /** Runs the next ones, `count` of them or until `endMs`; what went wrong, small, or undefined. */
  next(count: number, endMs: number): Finding | undefined {
    const begun = performance.now();
    let now = begun;
    for (let left = count; left > 0 && now < endMs; left--) {
      const execution = this.executions++;
      this.progress[0] = execution;
      const transcript = this.transcript(execution);
      const start = performance.now();
      const error = this.error(transcript);
      now = performance.now();
      if (now - start > this.slowestMs) this.noteSlow(transcript, now - start);
      const text = error ?? (now - start > SLOW_MS ? this.slowness(transcript) : undefined);
      if (text === undefined) continue;
      this.spentMs += performance.now() - begun;
      return this.finding(transcript, execution, text, this.spentMs);
    }
    this.spentMs += now - begun;
    return undefined;
  }

  /** What is broken by a transcript, or undefined. */
  error(transcript: Transcript): string | undefined {
    try {
      this.target.run(transcript);
      return undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }

  /** One of the corpus: the error it still makes, or undefined. */
  replay(transcript: Transcript): string | undefined {
    const start = performance.now();
    const error = this.error(transcript);
    if (error !== undefined) return error;
    return performance.now() - start > SLOW_MS ? this.slowness(transcript) : undefined;
  }

  // The slowest is the transcript's own time: the least of several runs.
  private noteSlow(transcript: Transcript, ms: number): void {
    let least = ms;
    for (let i = 0; i < 2; i++) least = Math.min(least, this.time(transcript));
    this.slowestMs = Math.max(this.slowestMs, least);
  }

  private slowness(transcript: Transcript): string | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < RETRIES; i++) least = Math.min(least, this.time(transcript));
    if (least <= SLOW_MS) return undefined;
    return `it takes ${least.toFixed(0)} ms, the limit is ${SLOW_MS}`;
  }

  /** Milliseconds that it takes, those left out in which the process had no processor. */
  private time(transcript: Transcript): number {
    const before = process.cpuUsage();
    const start = performance.now();
    this.error(transcript);
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - start, (user + system) / 1000);
  }

  private finding(
    transcript: Transcript,
    execution: number,
    text: string,
    afterMs: number,
  ): Finding {
    const isSlow = this.error(transcript) === undefined;
    const fails = isSlow
      ? (smaller: Transcript): boolean => this.slowness(smaller) !== undefined
      : (smaller: Transcript): boolean => this.error(smaller) !== undefined;
    const small = new Shrinking(transcript, fails).shrink();
    const error = isSlow ? text : (this.error(small) ?? text);
    return {
      target: this.target.name,
      seed: this.seed,
      execution,
      error,
      afterMs,
      transcript: small,
    };
  }
}
