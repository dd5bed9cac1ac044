// google.protobuf.Duration: as an object of numbers, as a decoded message, and as text in JSON.
// Source: protobuf duration.proto; service config durations (gRFC A2).

/** Both parts have the same sign. */
export interface Duration {
  seconds: number;
  nanos: number;
}

/** As a message is decoded: 64 bits as text. */
export interface DurationMessage {
  seconds: string;
  nanos: number;
}

export function durationMessageToDuration(message: DurationMessage): Duration {
  return { seconds: Number.parseInt(message.seconds, 10), nanos: message.nanos };
}

export function msToDuration(millis: number): Duration {
  return { seconds: (millis / 1000) | 0, nanos: ((millis % 1000) * 1_000_000) | 0 };
}

/** Whole milliseconds, rounded towards zero. */
export function durationToMs(duration: Duration): number {
  return (duration.seconds * 1000 + duration.nanos / 1_000_000) | 0;
}

// biome-ignore lint/suspicious/noExplicitAny: the published type
export function isDuration(value: any): value is Duration {
  return typeof value.seconds === 'number' && typeof value.nanos === 'number';
}

// biome-ignore lint/suspicious/noExplicitAny: the published type
export function isDurationMessage(value: any): value is DurationMessage {
  return typeof value.seconds === 'string' && typeof value.nanos === 'number';
}

/** "1.5s" and the like; null for anything else. */
export function parseDuration(value: string): Duration | null {
  const match = /^(\d+)(?:\.(\d+))?s$/.exec(value);
  if (match === null) return null;
  const fraction = match[2];
  return {
    seconds: Number.parseInt(match[1] ?? '', 10),
    nanos: fraction === undefined ? 0 : Number.parseInt(fraction.padEnd(9, '0'), 10),
  };
}

/** The text of a duration, with no, three, six or nine digits behind the point. */
export function durationToString(duration: Duration): string {
  if (duration.nanos === 0) return `${duration.seconds}s`;
  const digits = String(duration.nanos).padStart(9, '0');
  let length = 9;
  while (digits.endsWith('000', length) && length > 3) length -= 3;
  return `${duration.seconds}.${digits.slice(0, length)}s`;
}
