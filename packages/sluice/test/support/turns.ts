// The check phase of the event loop in a test's hands: what a transport scheduled runs when the
// test says so, and `settle` turns until sockets and transports have nothing left to do.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Schedule } from '#sluice/transport/event-loop.js';

/** Turns of Node's own loop in which nothing may happen before things count as quiet. */
const QUIET_TURNS = 3;

export class Turns {
  private queue: (() => void)[] = [];

  /** To be injected. */
  readonly schedule: Schedule = (callback) => {
    this.queue.push(callback);
  };

  /** Callbacks that wait for their turn. */
  get waiting(): number {
    return this.queue.length;
  }

  /** One check phase: what was scheduled until now. Returns how many ran. */
  run(): number {
    const due = this.queue;
    this.queue = [];
    for (const callback of due) callback();
    return due.length;
  }

  /** Lets sockets deliver without giving the transports a turn. */
  async deliver(): Promise<void> {
    for (let i = 0; i < QUIET_TURNS; i += 1) await nextTurn();
  }

  /** Turns until nothing is scheduled and the sockets are quiet. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const ran = this.run();
      await nextTurn();
      quiet = ran === 0 && this.queue.length === 0 ? quiet + 1 : 0;
    }
  }
}
