// The event loop as transports see it: the way into its next turn, and what all connections that run
// on it share. Tests that inject the way get shares of their own.

/** Runs a callback in the check phase of this turn; injected by tests. */
export type Schedule = (callback: () => void) => void;

/** Reads the one of each event loop, which is made at its first use and lives as long as the loop. */
export function onePerLoop<T>(create: (schedule: Schedule) => T): (schedule: Schedule) => T {
  const made = new WeakMap<Schedule, T>();
  return (schedule) => {
    let one = made.get(schedule);
    if (one === undefined) {
      one = create(schedule);
      made.set(schedule, one);
    }
    return one;
  };
}
