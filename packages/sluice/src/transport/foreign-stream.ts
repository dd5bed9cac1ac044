// A server's stream whose request is not gRPC (a browser, curl, a health checker): its body is
// dropped, and once it has ended it is told in plain text what this server speaks.
// Invariant: holds no byte of the body; runs no handler; ends by itself. gRPC PROTOCOL-HTTP2.md asks
// for 415; RFC 9113 §8.1.1 for the check of content-length.

import { ErrorCode } from '../frames/error-code.ts';
import { MessageReader } from '../grpc/message-framing.ts';
import { encodeStatusMessage } from '../grpc/percent-encoding.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { DataItem, NO_PREFIX } from './data-item.ts';
import { InFlow } from './in-flow.ts';
import { OutStream } from './out-stream.ts';
import type { ForeignRequest } from './request-head.ts';
import type { ServerTransport } from './server-transport.ts';
import type { TransportStream } from './transport-stream.ts';

const HEAD_CHARGE = 256;

export class ForeignStream implements TransportStream {
  readonly out: OutStream;
  readonly inFlow: InFlow;
  readonly messages: MessageReader;
  remoteEnded: boolean;
  private readonly transport: ServerTransport;
  private readonly request: ForeignRequest;
  private received: number;

  constructor(transport: ServerTransport, id: number, request: ForeignRequest, window: number) {
    this.out = new OutStream(this, id, HEAD_CHARGE);
    this.inFlow = new InFlow(window);
    this.messages = new MessageReader(this, 0);
    this.remoteEnded = false;
    this.transport = transport;
    this.request = request;
    this.received = 0;
  }

  // TransportStream.

  acceptsData(): boolean {
    return true;
  }

  onForeignBytes(_chunk: Buffer, start: number, end: number): boolean {
    this.received += end - start;
    return true;
  }

  onHeaders(_block: HeaderBlock, _endStream: boolean): void {
    this.onRemoteEnd();
  }

  onRemoteEnd(): void {
    this.remoteEnded = true;
    this.transport.connection.credit.onRemoteEnd(this);
    const { contentLength, bodyless, text } = this.request;
    if (contentLength >= 0 && contentLength !== this.received) {
      const reason = `content-length ${contentLength}, but ${this.received} bytes of DATA came`;
      this.transport.connection.faultStream(this.out.id, ErrorCode.PROTOCOL_ERROR, reason);
      return;
    }
    const body = Buffer.from(bodyless ? '' : `${text}\n`, 'latin1');
    this.transport.putHead(this.out);
    this.transport.appendData(this.out, new DataItem(body, NO_PREFIX, true));
  }

  onReset(): void {}

  onFaulted(): void {}

  /** Holds a line of text. */
  onShed(): void {}

  onLost(): void {}

  onStarved(): void {}

  // OutStreamOwner.

  headBound(): number {
    return HpackEncoder.bound(this.fields());
  }

  writeHead(encoder: HpackEncoder, out: Buffer, at: number): number {
    return encoder.writeFields(this.fields(), out, encoder.beginBlock(out, at));
  }

  private fields(): HeaderFields {
    const { grpcStatus, text } = this.request;
    return [
      ...[':status', '415', 'content-type', 'text/plain'],
      ...['grpc-status', String(grpcStatus), 'grpc-message', encodeStatusMessage(text)],
    ];
  }

  trailersBound(): number {
    return 0;
  }

  writeTrailers(_encoder: HpackEncoder, _out: Buffer, at: number): number {
    return at;
  }

  claimId(): number {
    return this.out.id;
  }

  onWritable(): void {}

  onEndWritten(): void {
    this.transport.connection.removeStream(this);
  }

  // MessageSink: nothing is ever asked for.

  onMessage(): void {}

  mayAllocate(): boolean {
    return false;
  }

  onFault(): void {}

  onEnd(): void {}
}
