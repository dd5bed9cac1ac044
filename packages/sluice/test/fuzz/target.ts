// What a fuzzer is to the machinery that runs it: how transcripts are made up, and what must hold
// while one is run. Invariant: `run` depends on the transcript alone, so that what is found repeats.

import type { Dice } from '../model/dice.js';
import type { Transcript } from './transcript.js';

export interface Target {
  readonly name: string;
  /** Part of the executions when there is a number for all targets; the parts add up to 1. */
  readonly share: number;
  /** A transcript, structured like the real thing and wrong in places. */
  generate(dice: Dice): Transcript;
  /**
   * A word for how it went, so that tests can see that a fuzzer gets everywhere.
   * @throws whatever tells that an invariant is broken
   */
  run(transcript: Transcript): string;
}

/** An invariant does not hold. */
export class Broken extends Error {
  override name = 'Broken';
}

/** For a text that is dear to make: asked before. @throws Broken always */
export function broken(what: string): never {
  throw new Broken(what);
}

/** @throws Broken unless it is true; `what` says what should have been */
export function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Broken(what);
}
