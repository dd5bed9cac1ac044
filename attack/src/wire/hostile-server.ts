// What hostile servers share: hearing requests, and noting how the client took leave.
// Not here: what each does to a client (rows/*-client.ts).

import type { Figures } from '../report.ts';
import { block, type Fields, Flag, FrameType, headers, responseBlock } from './frames.ts';
import type { HeardFrame, RawPeer } from './raw-peer.ts';

/** `onRequest` for each stream that the client opens, `onEnd` when it has sent all of its request. */
export function hearRequests(
  peer: RawPeer,
  onRequest: (streamId: number) => void,
  onEnd: (streamId: number) => void = () => {},
): void {
  let highest = 0;
  peer.onFrame = (frame: HeardFrame) => {
    const { type, flags, streamId } = frame;
    if (type === FrameType.HEADERS && streamId > highest) {
      highest = streamId;
      onRequest(streamId);
    }
    const carriesEnd = type === FrameType.DATA || type === FrameType.HEADERS;
    if (carriesEnd && (flags & Flag.END_STREAM) !== 0) onEnd(streamId);
  };
}

/** Waits for the end of the connection and notes it: `goAways`, and code and text of the first. */
export async function noteLeave(peer: RawPeer, seen: Figures, withinMs: number): Promise<void> {
  await peer.until(() => peer.isOver, withinMs);
  const { goAway } = peer;
  if (goAway === undefined) {
    seen.without = Number(seen.without ?? 0) + 1;
    return;
  }
  seen.goAways = Number(seen.goAways ?? 0) + 1;
  seen.goAwayCode ??= goAway.errorCode;
  seen.goAwayText ??= goAway.debug;
}

/** Response HEADERS with fields of one's own behind those of gRPC. */
export function responseHeaders(streamId: number, more: Fields, endStream = false): Buffer {
  return headers(streamId, Buffer.concat([responseBlock(), block(more)]), endStream);
}

/** A whole answer: HEADERS, and trailers with status OK. */
export function emptyAnswer(streamId: number): Buffer {
  return Buffer.concat([
    responseHeaders(streamId, []),
    headers(streamId, block([['grpc-status', '0']]), true),
  ]);
}
