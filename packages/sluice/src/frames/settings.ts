// SETTINGS (RFC 9113 §6.5): a list of (id, value) pairs of six bytes, or an empty ACK. Values are
// checked here against the ranges of RFC 9113 §6.5.2; unknown ids pass and mean nothing. Applying
// them, and answering with the ACK in the right order, is loopy's.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault, limitFault } from './frame-fault.ts';
import {
  DEFAULT_MAX_FRAME_SIZE,
  MAX_MAX_FRAME_SIZE,
  MAX_UINT31,
  writeFrameHeader,
} from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { readUint32, writeUint32 } from './uint32.ts';

/** The settings of RFC 9113 §6.5.2. */
export const SettingId = {
  /** Bytes of the HPACK dynamic table that the sender of the setting keeps for decoding. */
  HEADER_TABLE_SIZE: 0x1,
  /** 0 or 1. Sluice always sends 0. */
  ENABLE_PUSH: 0x2,
  /** Streams that the receiver of the setting may have open at once. */
  MAX_CONCURRENT_STREAMS: 0x3,
  /** Bytes of a new stream's flow-control window. */
  INITIAL_WINDOW_SIZE: 0x4,
  /** Bytes of the largest frame payload that the sender of the setting accepts. */
  MAX_FRAME_SIZE: 0x5,
  /** Uncompressed bytes of a field section, 32 per field added (RFC 9113 §10.5.1). */
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** One of the settings of RFC 9113 §6.5.2. */
export type SettingId = (typeof SettingId)[keyof typeof SettingId];

/** Bytes of one entry: a uint16 id and a uint32 value. */
export const SETTING_LENGTH = 6;

/** Entries accepted in one frame. HTTP/2 has six settings; more than this is work for no use. */
export const MAX_SETTINGS_ENTRIES = 32;

const ON_STREAM = connectionFault(ErrorCode.PROTOCOL_ERROR, 'SETTINGS not on stream 0');
const ACK_PAYLOAD = connectionFault(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS ACK with a payload');
const TORN_ENTRY = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'SETTINGS payload is not a multiple of 6 bytes',
);
const TOO_MANY = limitFault(
  'settings-entries',
  `SETTINGS with more than ${MAX_SETTINGS_ENTRIES} entries`,
);
const BAD_PUSH = connectionFault(ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH is neither 0 nor 1');
const SERVER_PUSH = connectionFault(ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH 1 sent by a server');
const BAD_WINDOW = connectionFault(
  ErrorCode.FLOW_CONTROL_ERROR,
  'INITIAL_WINDOW_SIZE above 2^31 - 1',
);
const BAD_FRAME_SIZE = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'MAX_FRAME_SIZE outside 16,384 to 16,777,215',
);

/** What a SETTINGS header alone gets wrong (RFC 9113 §6.5). */
export function settingsFault(
  streamId: number,
  flags: number,
  length: number,
): FrameFault | undefined {
  if (streamId !== 0) return ON_STREAM;
  if ((flags & Flags.ACK) !== 0) return length === 0 ? undefined : ACK_PAYLOAD;
  if (length % SETTING_LENGTH !== 0) return TORN_ENTRY;
  return length > MAX_SETTINGS_ENTRIES * SETTING_LENGTH ? TOO_MANY : undefined;
}

/** The id of the entry at `at`. */
export function settingId(payload: Buffer, at: number): number {
  return ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
}

/** The value of the entry at `at`, a uint32. */
export function settingValue(payload: Buffer, at: number): number {
  return readUint32(payload, at + 2);
}

/**
 * The first entry of `payload[start, end)` whose value is out of its range (RFC 9113 §6.5.2).
 *
 * @param fromServer - the peer is a server, which may not even offer to be pushed to
 */
export function settingsValueFault(
  payload: Buffer,
  start: number,
  end: number,
  fromServer: boolean,
): FrameFault | undefined {
  for (let at = start; at < end; at += SETTING_LENGTH) {
    const value = settingValue(payload, at);
    switch (settingId(payload, at)) {
      case SettingId.ENABLE_PUSH:
        if (value > 1) return BAD_PUSH;
        if (value === 1 && fromServer) return SERVER_PUSH;
        break;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > MAX_UINT31) return BAD_WINDOW;
        break;
      case SettingId.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_SIZE || value > MAX_MAX_FRAME_SIZE) return BAD_FRAME_SIZE;
        break;
    }
  }
  return undefined;
}

/**
 * Writes SETTINGS.
 *
 * @param out - has room for `9 + 3 * entries.length` bytes at `at`; borrowed until return
 * @param entries - id, value, id, value, ...; values are uint32
 * @returns the offset behind the frame
 */
export function writeSettings(out: Buffer, at: number, entries: readonly number[]): number {
  const length = (entries.length >>> 1) * SETTING_LENGTH;
  at = writeFrameHeader(out, at, length, FrameType.SETTINGS, Flags.NONE, 0);
  for (let i = 0; i + 1 < entries.length; i += 2) {
    const id = entries[i] ?? 0;
    out[at] = id >>> 8;
    out[at + 1] = id;
    at = writeUint32(out, at + 2, entries[i + 1] ?? 0);
  }
  return at;
}

/**
 * Writes the ACK of the peer's SETTINGS, nine bytes.
 *
 * @returns the offset behind the frame
 */
export function writeSettingsAck(out: Buffer, at: number): number {
  return writeFrameHeader(out, at, 0, FrameType.SETTINGS, Flags.ACK, 0);
}
