// How a hostile connection ended, as a figure of a row, and whether that is what was asked for.
// Invariant: Sluice is held to GOAWAY(ENHANCE_YOUR_CALM) by the letter; of another runtime any end of
// the connection is enough, since it stops the attack as well.

import type { RuntimeName } from '../report.ts';
import type { RawPeer } from '../wire/raw-peer.ts';

/** ENHANCE_YOUR_CALM (RFC 9113 §7). */
const CALM = 11;
const CLOSED = 'closed without';
const NONE = 'none';

/** The code of GOAWAY, or words for its absence. */
export type ConnectionEnd = number | string;

export function endOf({ goAway, closed }: RawPeer): ConnectionEnd {
  return goAway?.errorCode ?? (closed ? CLOSED : NONE);
}

/** Why an end is not the one of a flood that was stopped; none where it is. */
export function calmFaults(end: ConnectionEnd | undefined, runtime: RuntimeName): string[] {
  const isStopped = runtime === 'sluice' ? end === CALM : end !== NONE && end !== undefined;
  return isStopped ? [] : [`GOAWAY code ${end}, not ${CALM}`];
}

/** Streams that a server took up, by its GOAWAY; all that were sent where it said nothing. */
export function streamsTaken({ goAway, framesSent }: RawPeer): number {
  return goAway === undefined ? framesSent : (goAway.lastStreamId + 1) / 2;
}
