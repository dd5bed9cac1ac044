// The observing end of frame tests: bytes in, events out as lines of text. Pieces of one DATA payload
// are joined, so that the lines do not depend on how the bytes were cut into chunks.

import type { FrameHandler, FrameReaderOptions } from '#sluice/frames/frame-handler.js';
import { FrameReader } from '#sluice/frames/frame-reader.js';

export const OPTIONS: FrameReaderOptions = {
  maxFrameSize: 16_384,
  maxHeaderBlock: 65_536,
  maxContinuations: 8,
  expectPreface: false,
};

/** Bytes from hex; white space is for the reader's eye. */
export function hex(text: string): Buffer {
  const digits = text.replace(/\s+/g, '');
  const bytes = Buffer.from(digits, 'hex');
  if (bytes.length * 2 !== digits.length) throw new Error(`not hex: ${text}`);
  return bytes;
}

export class Recorder implements FrameHandler {
  readonly events: string[] = [];
  /** Called after each event, to hold or stop the reader from inside. */
  onEvent: (event: string) => void = () => {};
  private pieces: string[] = [];

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.pieces = [];
    this.add(`data ${streamId} flags=${flags} length=${length}`);
  }

  onDataBytes(_streamId: number, chunk: Buffer, start: number, end: number): void {
    if (end <= start) throw new Error('empty piece');
    this.pieces.push(chunk.toString('hex', start, end));
  }

  onDataEnd(streamId: number, flags: number, padding: number): void {
    this.add(`end ${streamId} flags=${flags} padding=${padding} ${this.pieces.join('')}`.trimEnd());
  }

  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void {
    this.add(`headers ${streamId} flags=${flags} ${block.toString('hex', start, end)}`.trimEnd());
  }

  onPriority(streamId: number): void {
    this.add(`priority ${streamId}`);
  }

  onRstStream(streamId: number, errorCode: number): void {
    this.add(`rst ${streamId} ${errorCode}`);
  }

  onSettings(payload: Buffer, start: number, end: number): void {
    this.add(`settings ${payload.toString('hex', start, end)}`.trimEnd());
  }

  onSettingsAck(): void {
    this.add('settings ack');
  }

  onPing(ack: boolean, high: number, low: number): void {
    this.add(`ping${ack ? ' ack' : ''} ${high} ${low}`);
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void {
    this.add(`goaway ${lastStreamId} ${errorCode} ${debugData}`.trimEnd());
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.add(`window ${streamId} ${increment}`);
  }

  onPushPromise(streamId: number): void {
    this.add(`push ${streamId}`);
  }

  onUnknown(type: number, streamId: number): void {
    this.add(`unknown ${type} ${streamId}`);
  }

  onConnectionFault(errorCode: number, reason: string): void {
    this.add(`CONNECTION ${errorCode} ${reason}`);
  }

  onStreamFault(streamId: number, errorCode: number, reason: string): void {
    this.add(`STREAM ${streamId} ${errorCode} ${reason}`);
  }

  private add(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }
}

/** The events of `bytes` cut at `cuts` (ascending offsets), each part a chunk of its own. */
export function eventsOf(
  bytes: Buffer,
  cuts: readonly number[] = [],
  options: FrameReaderOptions = OPTIONS,
): string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, options);
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    // A copy of its own: a view kept past its chunk would be seen by the fill below.
    const chunk = Buffer.from(bytes.subarray(start, end));
    const reached = reader.read(chunk, 0, chunk.length);
    if (reached !== chunk.length) throw new Error(`stopped at ${reached} without being held`);
    chunk.fill(0xee);
    start = end;
  }
  return recorder.events;
}

/** The same in chunks of one byte. */
export function eventsOfBytes(bytes: Buffer, options: FrameReaderOptions = OPTIONS): string[] {
  const cuts: number[] = [];
  for (let at = 1; at < bytes.length; at++) cuts.push(at);
  return eventsOf(bytes, cuts, options);
}
