// The observing end of the frames fuzzer: what a FrameReader tells, as numbers that are quick to
// compare. Payloads are told by length and a sum, and pieces of one are joined, so that a tape does not
// depend on how the bytes were cut into chunks. Reasons are left out: they are for people.

import type { FrameHandler } from '#sluice/frames/frame-handler.js';

/** Numbers that make up an event: its kind and five that depend on it. */
const WIDTH = 6;

export const Kind = {
  dataFrame: 0,
  dataEnd: 1,
  headers: 2,
  priority: 3,
  rstStream: 4,
  settings: 5,
  settingsAck: 6,
  ping: 7,
  goAway: 8,
  windowUpdate: 9,
  pushPromise: 10,
  unknown: 11,
  connectionFault: 12,
  streamFault: 13,
} as const;

const KINDS: readonly string[] = Object.keys(Kind);

/** A sum that tells apart payloads which differ in a byte or in the order of bytes. */
export function addSum(sum: number, bytes: Buffer, start: number, end: number): number {
  for (let i = start; i < end; i++) sum = (Math.imul(sum, 31) + 1 + (bytes[i] ?? 0)) | 0;
  return sum;
}

export class EventTape implements FrameHandler {
  readonly numbers: number[] = [];
  /** Events so far. */
  count = 0;
  /** Called after each event, to hold the reader from inside. */
  onEvent: (() => void) | undefined = undefined;
  private sum = 0;
  private length = 0;

  clear(): void {
    this.numbers.length = 0;
    this.count = 0;
    this.sum = 0;
    this.length = 0;
  }

  add(kind: number, a = 0, b = 0, c = 0, d = 0, e = 0): void {
    this.numbers.push(kind, a, b, c, d, e);
    this.count++;
    if (this.onEvent !== undefined) this.onEvent();
  }

  /** The kind of the last event, -1 before the first. */
  get last(): number {
    return this.count === 0 ? -1 : (this.numbers[(this.count - 1) * WIDTH] ?? -1);
  }

  /** The first number of the last event: of a connection fault, its code. */
  get lastCode(): number {
    return this.numbers[(this.count - 1) * WIDTH + 1] ?? -1;
  }

  equals(other: EventTape): boolean {
    if (this.numbers.length !== other.numbers.length) return false;
    for (let i = 0; i < this.numbers.length; i++) {
      if (this.numbers[i] !== other.numbers[i]) return false;
    }
    return true;
  }

  /** For people. */
  toString(): string {
    const events: string[] = [];
    for (let i = 0; i < this.numbers.length; i += WIDTH) {
      const kind = KINDS[this.numbers[i] ?? 0] ?? '?';
      events.push(`${kind} ${this.numbers.slice(i + 1, i + WIDTH).join(' ')}`);
    }
    return events.length === 0 ? 'nothing' : events.join(' | ');
  }

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.sum = 0;
    this.length = 0;
    this.add(Kind.dataFrame, streamId, flags, length);
  }

  onDataBytes(_streamId: number, chunk: Buffer, start: number, end: number): void {
    if (end <= start) throw new Error('an empty piece of DATA');
    this.sum = addSum(this.sum, chunk, start, end);
    this.length += end - start;
  }

  onDataEnd(streamId: number, flags: number, padding: number): void {
    this.add(Kind.dataEnd, streamId, flags, padding, this.length, this.sum);
  }

  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void {
    this.add(Kind.headers, streamId, flags, end - start, addSum(0, block, start, end));
  }

  onPriority(streamId: number): void {
    this.add(Kind.priority, streamId);
  }

  onRstStream(streamId: number, errorCode: number): void {
    this.add(Kind.rstStream, streamId, errorCode);
  }

  onSettings(payload: Buffer, start: number, end: number): void {
    this.add(Kind.settings, end - start, addSum(0, payload, start, end));
  }

  onSettingsAck(): void {
    this.add(Kind.settingsAck);
  }

  onPing(ack: boolean, high: number, low: number): void {
    this.add(Kind.ping, ack ? 1 : 0, high, low);
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void {
    let sum = 0;
    for (let i = 0; i < debugData.length; i++) {
      sum = (Math.imul(sum, 31) + 1 + debugData.charCodeAt(i)) | 0;
    }
    this.add(Kind.goAway, lastStreamId, errorCode, debugData.length, sum);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.add(Kind.windowUpdate, streamId, increment);
  }

  onPushPromise(streamId: number): void {
    this.add(Kind.pushPromise, streamId);
  }

  onUnknown(type: number, streamId: number): void {
    this.add(Kind.unknown, type, streamId);
  }

  onConnectionFault(errorCode: number, _reason: string): void {
    this.add(Kind.connectionFault, errorCode);
  }

  onStreamFault(streamId: number, errorCode: number, _reason: string): void {
    this.add(Kind.streamFault, streamId, errorCode);
  }
}
