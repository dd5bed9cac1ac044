// The events of a test, kept in the order in which they came, until the test ends.

import { type SluiceEvents, subscribe } from '#sluice/transport/diagnostics.js';

export class Heard {
  private stops: (() => void)[] = [];

  /** What is told under this name from now on. */
  to<K extends keyof SluiceEvents>(name: K): SluiceEvents[K][] {
    const events: SluiceEvents[K][] = [];
    this.on(name, (event) => events.push(event));
    return events;
  }

  on<K extends keyof SluiceEvents>(name: K, listener: (event: SluiceEvents[K]) => void): void {
    this.stops.push(subscribe(name, listener));
  }

  /** Hears nothing more. */
  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}
