// Attempts on the connections of a channel: client calls that know what went before them.
// Not here: when they are made (retried-call.ts).

import { metadataCharge } from '../../transport/head-charge.ts';
import { ClientCall } from '../call.ts';
import type { CallPlacer, FieldsListener } from '../call-handle.ts';
import type { CallOptions } from '../call-options.ts';
import type { AttemptHandle, AttemptStarter } from './attempt.ts';
import { PREVIOUS_ATTEMPTS } from './pushback.ts';

/** Makes the attempts of one channel. */
export class ClientAttempts implements AttemptStarter {
  private readonly placer: CallPlacer;

  constructor(placer: CallPlacer) {
    this.placer = placer;
  }

  newAttempt(
    path: string,
    options: CallOptions,
    listener: FieldsListener,
    previous: number,
    elapsedMs: number,
  ): AttemptHandle {
    const call = new ClientCall(this.placer, path, options, listener);
    call.elapsedMs = elapsedMs;
    if (previous > 0) {
      call.fields = [...call.fields, PREVIOUS_ATTEMPTS, String(previous)];
      call.metadataBytes = metadataCharge(call.fields);
    }
    return call;
  }
}
