// A pair of transports whose server keeps its streams for the test to end.

import type { ServerStream } from '#sluice/transport/server-stream.js';
import { TransportPair, type TransportPairOptions } from './transport-pair.js';

/** @param demand messages that the server asks for on each stream */
export async function openPair(
  options: TransportPairOptions = {},
  demand = 0,
): Promise<{ pair: TransportPair; served: ServerStream[] }> {
  const served: ServerStream[] = [];
  const pair = new TransportPair({
    onStream: (stream) => {
      stream.listen({ onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} });
      if (demand > 0) stream.request(demand);
      served.push(stream);
    },
    ...options,
  });
  await pair.settle();
  return { pair, served };
}
