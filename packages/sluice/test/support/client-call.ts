// A call on a client transport that keeps what it hears.

import assert from 'node:assert/strict';
import type { Status } from '#sluice/grpc/status.js';
import type { ClientStream, ClientStreamListener } from '#sluice/transport/client-stream.js';
import type { ClientTransport } from '#sluice/transport/client-transport.js';

export class RecordedCall implements ClientStreamListener {
  readonly messages: Buffer[] = [];
  /** The status, once per time it was told. */
  readonly ends: Status[] = [];
  details = '';
  unprocessed = false;
  /** How often the writer was told to go on. */
  writable = 0;
  private opened: ClientStream | undefined = undefined;

  get stream(): ClientStream {
    assert.ok(this.opened !== undefined, 'the call was not admitted');
    return this.opened;
  }

  /** False when a limit refused. */
  open(transport: ClientTransport, path = '/test/Call', timeoutMs = -1): boolean {
    this.opened = transport.newStream(this, path, [], timeoutMs);
    return this.opened !== undefined;
  }

  onHead(): void {}

  onMessage(message: Buffer): void {
    this.messages.push(message);
  }

  onWritable(): void {
    this.writable += 1;
  }

  onSent(): void {}

  isPastDeadline(): boolean {
    return false;
  }

  onEnd(code: Status, details: string, _trailers: readonly string[], unprocessed: boolean): void {
    this.ends.push(code);
    this.details = details;
    this.unprocessed = unprocessed;
  }
}

/** Opens a call that the limits must admit. */
export function openCall(transport: ClientTransport, path?: string): RecordedCall {
  const call = new RecordedCall();
  assert.equal(call.open(transport, path), true, transport.admission.refuses(0) ?? 'closed');
  return call;
}
