// Connections that were accepted and whose TLS handshake has not begun: a few begin in each turn of the
// event loop, because each costs about a millisecond of cryptography, and the kernel hands over hundreds
// at a time.
// Invariant: they begin in the order they came; one that is gone by then does not begin.
// Not here: how long a handshake may take (listener.ts).

import type { Duplex } from 'node:stream';
import { HANDSHAKES_PER_TURN } from './limits.ts';

export class HandshakeLine {
  private waiting: Duplex[];
  // Of `waiting`, what has begun.
  private begun: number;
  private readonly begin: (socket: Duplex) => void;
  private readonly turn: () => void;

  /** @param begin of a socket that nothing was read from */
  constructor(begin: (socket: Duplex) => void) {
    this.waiting = [];
    this.begun = 0;
    this.begin = begin;
    this.turn = () => this.onTurn();
  }

  add(socket: Duplex): void {
    this.waiting.push(socket);
    if (this.waiting.length === 1) setImmediate(this.turn);
  }

  private onTurn(): void {
    const { waiting } = this;
    for (let left = HANDSHAKES_PER_TURN; left > 0 && this.begun < waiting.length; ) {
      const socket = waiting[this.begun];
      this.begun += 1;
      if (socket === undefined || socket.destroyed) continue;
      left -= 1;
      this.begin(socket);
    }
    if (this.begun < waiting.length) {
      setImmediate(this.turn);
    } else {
      this.waiting = [];
      this.begun = 0;
    }
  }
}
