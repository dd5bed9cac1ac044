// Where handlers, callers and interceptors of a run wait until its dice let them go on.
// Invariant: once opened for good nobody waits here any more.

import type { Dice } from './dice.js';

export class Gates {
  private readonly dice: Dice;
  private readonly waiting: (() => void)[] = [];
  private open = false;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  wait(): Promise<void> {
    if (this.open) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  /** Sometimes waits. */
  async maybe(probability: number): Promise<void> {
    if (this.dice.chance(probability)) await this.wait();
  }

  openOne(): void {
    const [resolve] = this.waiting.splice(this.dice.int(this.waiting.length), 1);
    resolve?.();
  }

  openAll(): void {
    this.open = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
