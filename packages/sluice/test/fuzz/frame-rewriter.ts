// Writes what a FrameReader tells with the writers of src/frames, and notes what a reader must tell of
// that: reading what was written has to give it back. Padding, priorities and unknown frames are not
// written by Sluice and are left out.

import { writeDataHeader } from '#sluice/frames/data.js';
import { Flags } from '#sluice/frames/flags.js';
import type { FrameHandler } from '#sluice/frames/frame-handler.js';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { writeGoAway } from '#sluice/frames/go-away.js';
import { sealHeaders } from '#sluice/frames/headers.js';
import { writePing } from '#sluice/frames/ping.js';
import { writeRstStream } from '#sluice/frames/rst-stream.js';
import {
  settingId,
  settingValue,
  writeSettings,
  writeSettingsAck,
} from '#sluice/frames/settings.js';
import { writeWindowUpdate } from '#sluice/frames/window-update.js';
import { EventTape } from './event-tape.js';
import { PREFACE } from './frame-steps.js';
import { broken } from './target.js';

/** Bytes of a frame that headers are cut at: small, so that CONTINUATION is common. */
const SMALL_FRAME = 32;
/** Bytes; above all that a transcript's options allow. */
const MAX_FRAME = 2 ** 24 - 1;

export class FrameRewriter implements FrameHandler {
  private readonly out: Buffer = Buffer.alloc(1 << 18);
  private readonly expected = new EventTape();
  private readonly read = new EventTape();
  private at = 0;
  private dataStart = 0;

  clear(): void {
    this.at = 0;
    this.expected.clear();
    this.read.clear();
  }

  /** Reads what was written. */
  check(): void {
    const reader = new FrameReader(this.read, {
      maxFrameSize: MAX_FRAME,
      maxHeaderBlock: 65_536,
      maxContinuations: 65_536,
      expectPreface: true,
    });
    reader.read(PREFACE, 0, PREFACE.length);
    reader.read(this.out, 0, this.at);
    const isSame = this.read.equals(this.expected);
    if (!isSame)
      broken(`what our writers wrote reads as\n${this.read}\nand should as\n${this.expected}`);
  }

  private get full(): boolean {
    return this.out.length - this.at < 2 * 65_536;
  }

  onDataFrame(_streamId: number, _flags: number, _length: number): void {
    this.dataStart = this.at + 9;
  }

  onDataBytes(_streamId: number, chunk: Buffer, start: number, end: number): void {
    if (this.full) return;
    chunk.copy(this.out, this.dataStart, start, end);
    this.dataStart += end - start;
  }

  onDataEnd(streamId: number, flags: number, _padding: number): void {
    if (this.full) return;
    const length = this.dataStart - this.at - 9;
    const isEnd = (flags & Flags.END_STREAM) !== 0;
    const start = writeDataHeader(this.out, this.at, streamId, isEnd, length);
    this.at = start + length;
    const written = isEnd ? Flags.END_STREAM : 0;
    this.expected.onDataFrame(streamId, written, length);
    if (length > 0) this.expected.onDataBytes(streamId, this.out, start, this.at);
    this.expected.onDataEnd(streamId, written, 0);
  }

  onHeaders(streamId: number, flags: number, block: Buffer, start: number, end: number): void {
    if (this.full) return;
    block.copy(this.out, this.at + 9, start, end);
    const length = end - start;
    const most = length > SMALL_FRAME ? SMALL_FRAME : MAX_FRAME;
    const isEnd = (flags & Flags.END_STREAM) !== 0;
    const isWhole = length <= most;
    const written = (isEnd ? Flags.END_STREAM : 0) | (isWhole ? Flags.END_HEADERS : 0);
    this.expected.onHeaders(streamId, written, block, start, end);
    this.at = sealHeaders(this.out, this.at, streamId, isEnd, length, most);
  }

  onPriority(): void {}

  onRstStream(streamId: number, errorCode: number): void {
    if (this.full) return;
    this.at = writeRstStream(this.out, this.at, streamId, errorCode);
    this.expected.onRstStream(streamId, errorCode);
  }

  onSettings(payload: Buffer, start: number, end: number): void {
    if (this.full) return;
    const entries: number[] = [];
    for (let at = start; at < end; at += 6)
      entries.push(settingId(payload, at), settingValue(payload, at));
    this.at = writeSettings(this.out, this.at, entries);
    this.expected.onSettings(payload, start, end);
  }

  onSettingsAck(): void {
    if (this.full) return;
    this.at = writeSettingsAck(this.out, this.at);
    this.expected.onSettingsAck();
  }

  onPing(ack: boolean, high: number, low: number): void {
    if (this.full) return;
    this.at = writePing(this.out, this.at, ack, high, low);
    this.expected.onPing(ack, high, low);
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: string): void {
    if (this.full) return;
    this.at = writeGoAway(this.out, this.at, lastStreamId, errorCode, debugData);
    this.expected.onGoAway(lastStreamId, errorCode, debugData);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (this.full) return;
    this.at = writeWindowUpdate(this.out, this.at, streamId, increment);
    this.expected.onWindowUpdate(streamId, increment);
  }

  onPushPromise(): void {}

  onUnknown(): void {}

  onConnectionFault(): void {}

  onStreamFault(): void {}
}
