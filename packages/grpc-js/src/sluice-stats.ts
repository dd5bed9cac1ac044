// What a channel holds, waits for and was refused, which the published names have no way to show.
// Not here: the same for a whole process, which is `sluice/page` and `sluice/stats`.

import type { RuntimeStats } from 'sluice';
import { ChannelImplementation, internalChannelOf } from './channel.ts';
import { Client } from './client.ts';

/**
 * The queues, windows, streams and limits of a channel as they stand, as `stats()` of a channel of Sluice
 * gives them.
 * @throws TypeError for what is neither a client nor a channel of this package
 */
export function statsOf(of: object): RuntimeStats {
  const channel: unknown = of instanceof Client ? of.getChannel() : of;
  if (channel instanceof ChannelImplementation) return internalChannelOf(channel).sluice.stats();
  throw new TypeError('statsOf takes a client or a channel of this package, of this copy of it');
}
