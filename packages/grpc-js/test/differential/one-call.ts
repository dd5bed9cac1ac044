// One unary call of a client, to its end; for the programs that look at what connections do to calls.
// Not here: who answers (client-peer.ts).

import type { CallOptions, Client, Metadata } from '@grpc/grpc-js';
import { type Answer, decode, encode, Log, type Order, PATHS, pause } from './client-peer.ts';

/** All of its events, in order. */
export async function eventsOf(
  client: Client,
  order: Order,
  options: CallOptions = {},
): Promise<unknown[]> {
  const log = new Log();
  log.hear(
    client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      order,
      options,
      log.callback,
    ),
  );
  return await log.until('status');
}

/** Its code, the first words of its details where it failed, and the text of the answer. */
export function endOf(
  client: Client,
  order: Order,
  options: CallOptions = {},
  metadata?: Metadata,
): Promise<CallEnd> {
  return new Promise((resolve) => {
    const callback = (
      error: { readonly code: number; readonly details: string } | null,
      answer?: Answer,
    ): void => {
      if (error === null) resolve({ code: 0, text: answer?.text.slice(0, 20) });
      else resolve({ code: error.code, details: error.details });
    };
    const { unary } = PATHS;
    if (metadata === undefined) {
      client.makeUnaryRequest<Order, Answer>(unary, encode, decode, order, options, callback);
    } else {
      client.makeUnaryRequest(unary, encode, decode, order, metadata, options, callback);
    }
  });
}

export interface CallEnd {
  readonly code: number;
  readonly text?: string | undefined;
  readonly details?: string;
}

/** Polls `is`, at most so long; whether it came true. */
export async function soon(is: () => boolean, ms = 5_000): Promise<boolean> {
  const end = Date.now() + ms;
  while (!is() && Date.now() < end) await pause(5);
  return is();
}
