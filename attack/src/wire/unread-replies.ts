// A client that makes a server answer and never reads the answers: one response stream fills the
// pipe first, for on loopback the kernel would take many thousands of small replies by itself.
// Invariant: nothing is read between `stuff` and `unstuff`. For floods of PING and of SETTINGS.

import { setTimeout as pause } from 'node:timers/promises';
import { STREAM } from '../runtimes/runtime.ts';
import { data, Flag, headers, message, requestBlock, Setting, windowUpdate } from './frames.ts';
import { type Address, RawPeer } from './raw-peer.ts';

const LARGEST = 0x7fff_ffff;
const FIRST_WINDOW = 65_535;
/** Messages and their bytes: 64 MiB, more than both kernels' buffers of a connection. */
const FILLER = '4096,16384';
/** Milliseconds until the server has filled the pipe, and is blocked. */
const FILL_MS = 500;

export interface UnreadReplies {
  /** Acknowledgements that came, out of those that were asked for. */
  readonly acks: number;
  readonly goAwayCode: number | string;
  readonly goAwayText: string;
}

/** Connects, and stops reading when the server has more to say than the pipe can hold. */
async function stuff(address: Address): Promise<RawPeer> {
  const peer = await RawPeer.connect(address, {
    settings: [[Setting.INITIAL_WINDOW_SIZE, LARGEST]],
  });
  await peer.fence();
  peer.pause();
  const filler = message(Buffer.from(FILLER));
  const parts = [windowUpdate(0, LARGEST - FIRST_WINDOW), headers(1, requestBlock(STREAM))];
  peer.write(Buffer.concat([...parts, data(1, filler, true)]));
  await pause(FILL_MS);
  return peer;
}

/**
 * Sends `count` frames that are to be answered, reads nothing for so long, then everything.
 * @param type of the answer, whose ACK flag is set
 */
export async function askUnread(
  address: Address,
  count: number,
  type: number,
  make: (i: number) => Uint8Array,
  unreadMs: number,
): Promise<UnreadReplies> {
  const peer = await stuff(address);
  let acks = 0;
  peer.onFrame = (frame) => {
    if (frame.type === type && (frame.flags & Flag.ACK) !== 0) acks += 1;
  };
  const startedMs = performance.now();
  await peer.flood(count, make, { batch: 500, withinMs: unreadMs });
  await pause(Math.max(0, unreadMs - (performance.now() - startedMs)));
  peer.resume();
  await peer.until(() => acks >= count || peer.isOver, 5_000);
  const { goAway, closed } = peer;
  peer.end();
  return {
    acks,
    goAwayCode: goAway?.errorCode ?? (closed ? 'closed without' : 'none'),
    goAwayText: goAway?.debug ?? '',
  };
}
