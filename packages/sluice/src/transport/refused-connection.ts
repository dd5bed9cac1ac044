// A connection that a server does not take, told why: SETTINGS, because a connection begins with them
// (RFC 9113 §3.4), then GOAWAY. Its two frames are all that is ever written, so it has no loopy.
// Invariant: it is gone LINGER_MS later, whatever the peer does; nothing else is held for it.
// Not here: when that is (memory-budget.ts).

import type { Duplex } from 'node:stream';
import { ErrorCode } from '../frames/error-code.ts';
import { MAX_GO_AWAY_FRAME_LENGTH, writeGoAway } from '../frames/go-away.ts';
import { writeSettings } from '../frames/settings.ts';
import { LINGER_MS } from './limits.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { WheelTimeout } from './wheel-timeout.ts';

const EMPTY_SETTINGS_LENGTH = 9;

/** Sends GOAWAY(ENHANCE_YOUR_CALM) with `reason`, discards what comes, and closes. */
export function refuseConnection(socket: Duplex, wheel: TimerWheel, reason: string): void {
  const frames = Buffer.alloc(EMPTY_SETTINGS_LENGTH + MAX_GO_AWAY_FRAME_LENGTH);
  const at = writeSettings(frames, 0, []);
  const end = writeGoAway(frames, at, 0, ErrorCode.ENHANCE_YOUR_CALM, reason);
  const timeout = new WheelTimeout(wheel, LINGER_MS, () => socket.destroy());
  socket.on('error', () => {});
  socket.once('close', () => timeout.cancel());
  socket.end(frames.subarray(0, end));
  // Unread input would turn the close into a TCP reset, which may overtake the GOAWAY.
  socket.resume();
}
