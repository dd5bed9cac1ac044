// Which requests of a raw client have been answered: streams stay in `open` until their trailers or
// a reset came. Whoever writes a request adds its stream.
// Invariant: other listeners of the peer hear every frame as before.

import { Flag, FrameType } from './frames.ts';
import type { RawPeer } from './raw-peer.ts';

export interface Answers {
  readonly open: Set<number>;
  /** Streams that the server ended by END_STREAM. */
  ended: number;
  /** RST_STREAM that came, by error code. */
  readonly resets: Map<number, number>;
}

export function answersOf(peer: RawPeer): Answers {
  const answers: Answers = { open: new Set(), ended: 0, resets: new Map() };
  const before = peer.onFrame;
  peer.onFrame = (frame) => {
    before(frame);
    const { type, flags, streamId, payload } = frame;
    if (type === FrameType.RST_STREAM) {
      const code = payload.readUInt32BE(0);
      answers.resets.set(code, (answers.resets.get(code) ?? 0) + 1);
      answers.open.delete(streamId);
    } else if (isEnd(type, flags)) {
      answers.ended += 1;
      answers.open.delete(streamId);
    }
  };
  return answers;
}

function isEnd(type: number, flags: number): boolean {
  const mayEnd = type === FrameType.HEADERS || type === FrameType.DATA;
  return mayEnd && (flags & Flag.END_STREAM) !== 0;
}
