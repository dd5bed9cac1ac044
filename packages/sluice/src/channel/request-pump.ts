// Feeds a call from an iterable of request messages, at the pace the stream takes them.
// Invariant: an iterable that throws cancels the call, and its error is what the caller sees.

import {
  type Messages,
  type MessageWriter,
  pumpMessages,
  WriteRoom,
} from '../transport/message-pump.ts';
import type { ClientCall } from './call.ts';
import type { Failure } from './caller-callbacks.ts';

/** Requests of a client-streaming or bidi call. */
export type Requests = Messages;

/** The call's listener, as far as writing concerns it. */
export interface RequestListener {
  room: WriteRoom | undefined;
  failure: Failure | undefined;
}

class RequestWriter implements MessageWriter {
  private readonly call: ClientCall;
  private readonly listener: RequestListener;

  constructor(call: ClientCall, listener: RequestListener) {
    this.call = call;
    this.listener = listener;
  }

  get isEnded(): boolean {
    return this.call.isEnded;
  }

  send(message: Uint8Array): boolean {
    return this.call.send(message);
  }

  succeed(): void {
    this.call.halfClose();
  }

  fail(error: unknown): void {
    this.listener.failure = { error };
    this.call.cancel('the request stream failed');
  }
}

/** Sends every message of `requests`, then half-closes. */
export function pumpRequests(
  requests: Requests,
  call: ClientCall,
  listener: RequestListener,
): void {
  const room = new WriteRoom();
  listener.room = room;
  void pumpMessages(() => requests, new RequestWriter(call, listener), room);
}
