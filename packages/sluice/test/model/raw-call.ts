// A call at the callback level, whose caller does what it likes at any moment: the operations come
// from the run's steps and from inside the call's own callbacks.

import type { CallListener } from '#sluice/channel/call-handle.js';
import type { CallOptions } from '#sluice/channel/call-options.js';
import type { Call, Channel } from '#sluice/channel/channel.js';
import type { Metadata } from '#sluice/grpc/metadata.js';
import { Status } from '#sluice/grpc/status.js';
import { StatusError } from '#sluice/grpc/status-error.js';
import type { ModelCall } from './calls.js';
import type { Conversation } from './conversation.js';
import { messageBytes, readMessage } from './messages.js';

export class RawCall implements CallListener {
  private readonly world: Conversation;
  private readonly record: ModelCall;
  private call: Call | undefined = undefined;
  private sent = 0;
  private wanted = 0;
  private writable = true;
  private received = 0;

  constructor(world: Conversation, record: ModelCall) {
    this.world = world;
    this.record = record;
  }

  begin(channel: Channel, path: string, options: CallOptions): void {
    // Header and trailer come by the listener here.
    const { onHeader: _, onTrailer: __, ...rest } = options;
    this.call = channel.call(path, rest, this);
    if (this.record.isOver) return;
    this.world.rawCalls.push(this);
    this.read();
  }

  /** Something that its caller does. */
  act(): void {
    const { call, world } = this;
    if (call === undefined) return;
    switch (world.dice.int(9)) {
      case 0:
      case 1:
      case 2:
        this.send();
        break;
      case 3:
      case 4:
      case 5:
        this.read();
        break;
      case 6:
      case 7:
        call.halfClose();
        break;
      default:
        if (world.dice.chance(0.3)) call.cancel();
    }
  }

  private send(): void {
    const { call, record, world } = this;
    // Some writers ignore `false`.
    if (call === undefined || (!this.writable && world.dice.chance(0.7))) return;
    const message = messageBytes({ call: record.id, seq: this.sent, length: world.length() });
    this.sent += 1;
    this.writable = call.send(message);
  }

  private read(): void {
    const count = 1 + this.world.dice.int(3);
    this.wanted += count;
    this.call?.request(count);
  }

  private reenter(): void {
    if (this.world.dice.chance(0.15)) this.act();
    this.world.reenter();
  }

  onHeader(_header: Metadata): void {
    this.record.onHeader();
    if (this.received > 0) this.record.complain('headers after a message');
    this.reenter();
  }

  onMessage(message: Buffer): void {
    this.received += 1;
    this.wanted -= 1;
    if (this.wanted < 0) this.record.complain('a message nobody asked for');
    if (this.record.headers === 0) this.record.complain('a message before the headers');
    if (this.world.isClean && message.length > 0) readMessage(message);
    this.reenter();
  }

  onWritable(): void {
    if (this.record.isOver) this.record.complain('writable after the end');
    this.writable = true;
    this.reenter();
  }

  onEnd(code: Status, details: string, trailer: Metadata): void {
    this.record.end(
      code === Status.OK ? undefined : new StatusError(code, details, { metadata: trailer }),
    );
    this.reenter();
  }
}
