// The six frames whose payload is gathered whole before it is told: PRIORITY, RST_STREAM, SETTINGS,
// PING, GOAWAY, WINDOW_UPDATE. They are short, or are cut to CONTROL_LENGTH (GOAWAY's debug data), so
// a fixed scratch holds any of them. Each frame's own rules are in its own file; this only chooses.

import { Flags } from './flags.ts';
import type { FrameFault } from './frame-fault.ts';
import type { FrameHandler } from './frame-handler.ts';
import { FrameType } from './frame-type.ts';
import { GO_AWAY_FIXED_LENGTH, goAwayFault, MAX_DEBUG_DATA } from './go-away.ts';
import { pingFault } from './ping.ts';
import { dependsOnItself, PRIORITY_SELF_DEPENDENT, priorityFault } from './priority.ts';
import { rstStreamFault } from './rst-stream.ts';
import { settingsFault, settingsValueFault } from './settings.ts';
import { readUint31, readUint32 } from './uint32.ts';
import { windowUpdateFault, zeroIncrementFault } from './window-update.ts';

/** Bytes that are ever needed of a control payload. */
export const CONTROL_LENGTH: number = GO_AWAY_FIXED_LENGTH + MAX_DEBUG_DATA;

/** What the frame header alone gets wrong. */
export function controlFault(
  type: number,
  streamId: number,
  flags: number,
  length: number,
): FrameFault | undefined {
  switch (type) {
    case FrameType.WINDOW_UPDATE:
      return windowUpdateFault(length);
    case FrameType.PING:
      return pingFault(streamId, length);
    case FrameType.RST_STREAM:
      return rstStreamFault(streamId, length);
    case FrameType.PRIORITY:
      return priorityFault(streamId, length);
    case FrameType.SETTINGS:
      return settingsFault(streamId, flags, length);
    case FrameType.GOAWAY:
      return goAwayFault(streamId, length);
    default:
      return undefined;
  }
}

/**
 * Tells the handler of one control frame whose header was found right by {@link controlFault}.
 *
 * @param payload - has the payload, or its first {@link CONTROL_LENGTH} bytes, at `at`; borrowed
 * @param length - the payload's bytes, by the frame header
 * @param fromServer - the peer is a server
 * @returns the fault of the payload, in which case the handler has been told nothing
 */
export function deliverControl(
  handler: FrameHandler,
  type: number,
  streamId: number,
  flags: number,
  payload: Buffer,
  at: number,
  length: number,
  fromServer: boolean,
): FrameFault | undefined {
  switch (type) {
    case FrameType.WINDOW_UPDATE: {
      const increment = readUint31(payload, at);
      if (increment === 0) return zeroIncrementFault(streamId);
      handler.onWindowUpdate(streamId, increment);
      return undefined;
    }
    case FrameType.PING: {
      const ack = (flags & Flags.ACK) !== 0;
      handler.onPing(ack, readUint32(payload, at), readUint32(payload, at + 4));
      return undefined;
    }
    case FrameType.RST_STREAM:
      handler.onRstStream(streamId, readUint32(payload, at));
      return undefined;
    case FrameType.PRIORITY:
      if (dependsOnItself(payload, at, streamId)) return PRIORITY_SELF_DEPENDENT;
      handler.onPriority(streamId);
      return undefined;
    case FrameType.SETTINGS: {
      if ((flags & Flags.ACK) !== 0) {
        handler.onSettingsAck();
        return undefined;
      }
      const fault = settingsValueFault(payload, at, at + length, fromServer);
      if (fault === undefined) handler.onSettings(payload, at, at + length);
      return fault;
    }
    case FrameType.GOAWAY: {
      const debugStart = at + GO_AWAY_FIXED_LENGTH;
      const debugData = payload.toString(
        'latin1',
        debugStart,
        at + Math.min(length, CONTROL_LENGTH),
      );
      handler.onGoAway(readUint31(payload, at), readUint32(payload, at + 4), debugData);
      return undefined;
    }
    default:
      return undefined;
  }
}
