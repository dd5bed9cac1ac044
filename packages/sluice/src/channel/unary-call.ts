// A call with one response message, as a promise.
// Invariant: settles exactly once; a response of none or of two messages is an error of the server.

import type { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { CallListener, CallOptions, ClientCall } from './call.ts';

type Resolve = (message: Buffer) => void;
type Reject = (error: unknown) => void;

/** Collects one response message and settles a promise with it, or with a StatusError. */
export class UnaryCall implements CallListener {
  private readonly options: CallOptions;
  private readonly resolve: Resolve;
  private readonly reject: Reject;
  private call: ClientCall | undefined;
  private message: Buffer | undefined;
  private wake: (() => void) | undefined;
  /** An error of the caller's own requests or callbacks, to be thrown instead of the status. */
  failure: { readonly error: unknown } | undefined;

  constructor(options: CallOptions, resolve: Resolve, reject: Reject) {
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.call = undefined;
    this.message = undefined;
    this.wake = undefined;
    this.failure = undefined;
  }

  /** Binds the call; asks for the message and for what must not follow it. */
  begin(call: ClientCall, request: Uint8Array | undefined): void {
    this.call = call;
    call.request(2);
    call.start(request);
  }

  /** Resolves when the call can be written to again, or is over. */
  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  onHeader(header: Metadata): void {
    try {
      this.options.onHeader?.(header);
    } catch (error) {
      this.failure = { error };
      this.call?.cancel('onHeader threw');
    }
  }

  onMessage(message: Buffer): void {
    if (this.message === undefined) {
      this.message = message;
      return;
    }
    this.call?.abandon(Status.INTERNAL, 'the server sent more than one response message');
  }

  onWritable(): void {
    this.wake?.();
    this.wake = undefined;
  }

  onEnd(code: Status, details: string, trailer: Metadata): void {
    this.onWritable();
    try {
      this.options.onTrailer?.(trailer);
    } catch (error) {
      this.failure ??= { error };
    }
    if (this.failure !== undefined) {
      this.reject(this.failure.error);
    } else if (code !== Status.OK) {
      this.reject(StatusError.ended(code, details, trailer));
    } else if (this.message === undefined) {
      this.reject(
        StatusError.ended(Status.INTERNAL, 'the server sent status OK without a message', trailer),
      );
    } else {
      this.resolve(this.message);
    }
  }
}
