// Turns queued control items into frames in the batch: all but `close`, which writes nothing.
// Invariant: one item, one frame, but for an early abort, which may take a RST_STREAM with it.
// RFC 9113 §6. Not here: when they are written (loopy-writer.ts).

import { ErrorCode } from '../frames/error-code.ts';
import { FRAME_HEADER_LENGTH } from '../frames/frame-header.ts';
import { MAX_GO_AWAY_FRAME_LENGTH, writeGoAway } from '../frames/go-away.ts';
import { headersOverhead, sealHeaders } from '../frames/headers.ts';
import { PING_FRAME_LENGTH, writePing } from '../frames/ping.ts';
import { CLIENT_PREFACE } from '../frames/preface.ts';
import { RST_STREAM_FRAME_LENGTH, writeRstStream } from '../frames/rst-stream.ts';
import { writeSettings, writeSettingsAck } from '../frames/settings.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import { type ControlItem, ControlKind } from './control-buffer.ts';
import { MAX_FRAME } from './limits.ts';
import type { WriteBatch } from './write-batch.ts';

// An entry of SETTINGS is an identifier of 2 bytes and a value of 4, two numbers in the item.
const BYTES_PER_SETTINGS_NUMBER = 3;

export function writeControlFrame(
  frame: ControlItem,
  batch: WriteBatch,
  encoder: HpackEncoder,
): void {
  switch (frame.kind) {
    case ControlKind.preface: {
      const at = batch.reserve(CLIENT_PREFACE.length);
      batch.length = at + CLIENT_PREFACE.copy(batch.buffer, at);
      return;
    }
    case ControlKind.settings: {
      const length = frame.settings.length * BYTES_PER_SETTINGS_NUMBER;
      const at = batch.reserve(FRAME_HEADER_LENGTH + length);
      batch.length = writeSettings(batch.buffer, at, frame.settings);
      return;
    }
    case ControlKind.settingsAck: {
      const at = batch.reserve(FRAME_HEADER_LENGTH);
      batch.length = writeSettingsAck(batch.buffer, at);
      if (frame.b >= 0) {
        encoder.setPeerTableSize(frame.a);
        encoder.setPeerTableSize(frame.b);
      }
      return;
    }
    case ControlKind.ping:
    case ControlKind.pingAck: {
      const at = batch.reserve(PING_FRAME_LENGTH);
      const isAck = frame.kind === ControlKind.pingAck;
      batch.length = writePing(batch.buffer, at, isAck, frame.a, frame.b);
      return;
    }
    case ControlKind.rstStream: {
      const at = batch.reserve(RST_STREAM_FRAME_LENGTH);
      batch.length = writeRstStream(batch.buffer, at, frame.streamId, frame.a);
      return;
    }
    case ControlKind.goAway: {
      const at = batch.reserve(MAX_GO_AWAY_FRAME_LENGTH);
      batch.length = writeGoAway(batch.buffer, at, frame.a, frame.b, frame.text);
      return;
    }
    default:
      writeEarlyAbort(frame, batch, encoder);
  }
}

function writeEarlyAbort(frame: ControlItem, batch: WriteBatch, encoder: HpackEncoder): void {
  const { fields, streamId } = frame;
  const bound = HpackEncoder.bound(fields);
  const at = batch.reserve(bound + headersOverhead(bound, MAX_FRAME) + RST_STREAM_FRAME_LENGTH);
  const start = at + FRAME_HEADER_LENGTH;
  const out = batch.buffer;
  let end = encoder.writeFields(fields, out, encoder.beginBlock(out, start));
  end = sealHeaders(out, at, streamId, true, end - start, MAX_FRAME);
  if (frame.a === 1) end = writeRstStream(out, end, streamId, ErrorCode.NO_ERROR);
  batch.length = end;
}
