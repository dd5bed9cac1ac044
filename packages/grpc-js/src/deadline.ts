// Deadlines: a Date, or milliseconds of the epoch, where Infinity is none.
// Source: gRPC PROTOCOL-HTTP2.md ("Timeout"): at most eight digits and a unit.

export type Deadline = Date | number;

// What `setTimeout` can wait for: 2^31 - 1 ms.
const LONGEST_TIMER_MS = 2_147_483_647;

const MOST_DIGITS = 1e8;

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['m', 1],
  ['S', 1000],
  ['M', 60_000],
  ['H', 3_600_000],
];

/** The earliest; Infinity of none. */
export function minDeadline(...deadlineList: Deadline[]): Deadline {
  let earliest = Number.POSITIVE_INFINITY;
  for (const deadline of deadlineList) {
    const ms = millisecondsOf(deadline);
    if (ms < earliest) earliest = ms;
  }
  return earliest;
}

/** The time left as `grpc-timeout` has it, rounded up. @throws Error past eight digits of hours */
export function getDeadlineTimeoutString(deadline: Deadline): string {
  const left = Math.max(millisecondsOf(deadline) - Date.now(), 0);
  for (const [unit, ms] of UNITS) {
    const amount = left / ms;
    if (amount < MOST_DIGITS) return String(Math.ceil(amount)) + unit;
  }
  throw new Error('Deadline is too far in the future');
}

/** Milliseconds left for a timer: 0 when past, Infinity when no timer can wait that long. */
export function getRelativeTimeout(deadline: Deadline): number {
  const left = millisecondsOf(deadline) - Date.now();
  if (left < 0) return 0;
  return left > LONGEST_TIMER_MS ? Number.POSITIVE_INFINITY : left;
}

/** For messages: ISO 8601, or the number where it is no date. */
export function deadlineToString(deadline: Deadline): string {
  if (deadline instanceof Date) return deadline.toISOString();
  const date = new Date(deadline);
  return Number.isNaN(date.getTime()) ? String(deadline) : date.toISOString();
}

/** For messages: seconds with three digits, "1.234s". */
export function formatDateDifference(startDate: Date | number, endDate: Date | number): string {
  return `${((millisecondsOf(endDate) - millisecondsOf(startDate)) / 1000).toFixed(3)}s`;
}

function millisecondsOf(deadline: Deadline): number {
  return deadline instanceof Date ? deadline.getTime() : deadline;
}
