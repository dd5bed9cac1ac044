// Feeds a call from an iterable of request messages, at the pace the stream takes them.
// Invariant: an iterable that throws cancels the call, and its error is what the caller sees.

import {
  type Messages,
  type MessageWriter,
  pumpMessages,
  WriteRoom,
} from '../transport/message-pump.ts';
import type { CallHandle } from './call-handle.ts';
import type { Failure } from './caller-callbacks.ts';
import { type AnyMethod, encodeRequest } from './typed-messages.ts';

/** Requests of a client-streaming or bidi call: bytes by default, or messages of a method. */
export type Requests<I = Uint8Array> = Messages<I>;

/** The call's listener, as far as writing concerns it. */
export interface RequestListener {
  room: WriteRoom | undefined;
  failure: Failure | undefined;
}

class RequestWriter implements MessageWriter<unknown> {
  private readonly method: AnyMethod | undefined;
  private readonly call: CallHandle;
  private readonly listener: RequestListener;

  constructor(method: AnyMethod | undefined, call: CallHandle, listener: RequestListener) {
    this.method = method;
    this.call = call;
    this.listener = listener;
  }

  get isEnded(): boolean {
    return this.call.isEnded;
  }

  send(message: unknown): boolean {
    return this.call.send(encodeRequest(this.method, message));
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
  requests: Messages<unknown>,
  method: AnyMethod | undefined,
  call: CallHandle,
  listener: RequestListener,
): void {
  const room = new WriteRoom();
  listener.room = room;
  void pumpMessages(() => requests, new RequestWriter(method, call, listener), room);
  // Refused before its first request was asked for.
  if (call.isEnded) room.close();
}
