// Every choice of a run, from one seed.

import { mulberry32 } from '../support/random.js';

export class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = mulberry32(seed);
  }

  /** True so often. */
  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** 0 to `below`, without it. */
  int(below: number): number {
    return Math.floor(this.random() * below);
  }

  pick<T>(...of: readonly [T, ...T[]]): T {
    return of[this.int(of.length)] ?? of[0];
  }

  /** One of a list that may be empty. */
  among<T>(list: readonly T[]): T | undefined {
    return list[this.int(list.length)];
  }

  /** 1 to `most`, each order of magnitude as often as another. */
  size(most: number): number {
    return Math.floor(most ** this.random());
  }

  /** The value, so often; else undefined. */
  maybe<T>(probability: number, make: () => T): T | undefined {
    return this.chance(probability) ? make() : undefined;
  }
}
