// What a connection knows of a stream, on either side: its sending half, its receiving half, and
// the events that reach it. Client and server streams (client-stream.ts, server-stream.ts) differ
// in what they make of them.
// Invariant: a method here never throws, and after `onEnd`-like events the connection forgets it.

import type { MessageReader, MessageSink } from '../grpc/message-framing.ts';
import type { HeaderBlock } from '../hpack/decoder.ts';
import type { ClosingError, StreamError } from './errors.ts';
import type { InFlow } from './in-flow.ts';
import type { OutStream, OutStreamOwner } from './out-stream.ts';

export interface TransportStream extends OutStreamOwner, MessageSink {
  readonly out: OutStream;
  readonly inFlow: InFlow;
  readonly messages: MessageReader;
  /** The peer has sent END_STREAM. */
  remoteEnded: boolean;
  /** Takes DATA: false where none may come now (no response HEADERS yet), a stream error. */
  acceptsData(): boolean;
  /** DATA bytes of a body that is not gRPC messages. True when they were taken here. */
  onForeignBytes(chunk: Buffer, start: number, end: number): boolean;
  onHeaders(block: HeaderBlock, endStream: boolean): void;
  /** END_STREAM on DATA. */
  onRemoteEnd(): void;
  /** The peer reset the stream; the connection has forgotten it. */
  onReset(errorCode: number): void;
  /** We reset the stream for a fault of the peer; the connection has forgotten it. */
  onFaulted(error: StreamError): void;
  /** A message of it waited in vain for memory that older ones hold. */
  onStarved(waitedMs: number): void;
  /** The memory of the process is short, and this stream holds much of it: its call ends. */
  onShed(): void;
  /** The connection is over. */
  onLost(error: ClosingError): void;
}
