// Stands between a stream and the callbacks of a handler that serves its call with them.
// Invariant: what a callback throws ends its own call, as what a handler throws does; the connection
// and its other calls never hear of it. Not here: routes and handlers (server.ts).

import type { ServerStreamListener } from '../transport/server-stream.ts';
import type { HandlerSlot } from './handler-slot.ts';

/** Hands a stream's events to the callbacks that a handler answered with. */
export class CallbackListener implements ServerStreamListener {
  private slot: HandlerSlot | undefined;
  private callbacks: ServerStreamListener | undefined;

  constructor() {
    this.slot = undefined;
    this.callbacks = undefined;
  }

  /** @param callbacks what the handler answered */
  begin(slot: HandlerSlot, callbacks: ServerStreamListener): void {
    this.slot = slot;
    this.callbacks = callbacks;
  }

  onMessage(message: Buffer): void {
    try {
      this.callbacks?.onMessage(message);
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
    try {
      this.callbacks?.onCancel(reason);
    } catch (error) {
      this.slot?.fail(error);
    }
  }
}
