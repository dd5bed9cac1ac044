// Stands between a stream and the callbacks of a handler that serves its call with them.
// Invariant: what a callback throws ends its own call, as what a handler throws does; the connection
// and its other calls never hear of it. Not here: routes (route.ts).

import type { Status } from '../grpc/status.ts';
import { checkStatus, StatusError } from '../grpc/status-error.ts';
import type { ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import { handlerScopes } from './handler-scope.ts';
import type { HandlerSlot, SlotListener } from './handler-slot.ts';

/** Serves a call with callbacks: the layer the other kinds stand on. */
export type CallHandler = (call: ServerCall, context: ServerContext) => ServerStreamListener;

/** What a callback handler holds of its call. `end` must be called, once, whatever happens. */
export interface ServerCall {
  /** False: wait for onWritable. The message must not change until it was written. */
  send(message: Uint8Array): boolean;
  /** Asks for so many more messages; nothing arrives unasked. */
  request(count: number): void;
  /** Ends the call with a status and the context's trailers. */
  end(code: Status, details?: string): void;
}

/** @throws TypeError when a handler answered with nothing, and so would never hear of its call */
export function checkCallbacks(callbacks: unknown, context: ServerContext): void {
  if (typeof callbacks === 'object' && callbacks !== null) return;
  const { path } = context.method;
  throw new TypeError(
    `the handler of ${path} answered with ${typeof callbacks}, not its callbacks`,
  );
}

/** Hands a stream's events to the callbacks that a handler answered with. */
export class CallbackListener implements ServerStreamListener, SlotListener, ServerCall {
  private slot: HandlerSlot<Buffer, Uint8Array> | undefined;
  private callbacks: ServerStreamListener | undefined;
  /** Why the call was over before its handler had answered. */
  private overReason: string | undefined;

  constructor() {
    this.slot = undefined;
    this.callbacks = undefined;
    this.overReason = undefined;
  }

  /** Runs the handler, which answers with the callbacks. */
  run(slot: HandlerSlot<Buffer, Uint8Array>, handler: CallHandler): void {
    this.slot = slot;
    slot.stream.listen(this);
    if (handlerScopes.any) this.beginScoped(slot, handler);
    else this.begin(slot, handler);
  }

  private beginScoped(slot: HandlerSlot<Buffer, Uint8Array>, handler: CallHandler): void {
    handlerScopes.run(slot.stream, () => this.begin(slot, handler));
  }

  private begin(slot: HandlerSlot<Buffer, Uint8Array>, handler: CallHandler): void {
    try {
      this.callbacks = handler(this, slot.context);
      if (!slot.isEnded) checkCallbacks(this.callbacks, slot.context);
    } catch (error) {
      slot.fail(error);
      return;
    }
    // Its end came before there was anybody to tell.
    if (this.overReason !== undefined) this.over(this.overReason);
  }

  // ServerCall.

  send(message: Uint8Array): boolean {
    const { slot } = this;
    if (slot === undefined) return true;
    try {
      return slot.send(message);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      slot.refuse(error.code, error.details);
      return true;
    }
  }

  request(count: number): void {
    this.slot?.stream.request(count);
  }

  end(code: Status, details = ''): void {
    checkStatus(code, details);
    this.slot?.end(code, details);
  }

  // The stream's events.

  onMessage(message: Buffer, compressed: boolean): void {
    try {
      this.callbacks?.onMessage(message, compressed);
    } catch (error) {
      this.slot?.fail(error);
    }
  }

  onHalfClose(): void {
    try {
      this.callbacks?.onHalfClose();
    } catch (error) {
      this.slot?.fail(error);
    }
  }

  onWritable(): void {
    try {
      this.callbacks?.onWritable();
    } catch (error) {
      this.slot?.fail(error);
    }
  }

  onCancel(reason: string): void {
    this.slot?.cancelled(reason);
  }

  /** The call ended without its handler. */
  over(reason: string): void {
    if (this.callbacks === undefined) {
      this.overReason = reason;
      return;
    }
    try {
      this.callbacks.onCancel(reason);
    } catch (error) {
      this.slot?.fail(error);
    }
  }

  released(): void {
    // Nothing waits here for messages.
  }
}
