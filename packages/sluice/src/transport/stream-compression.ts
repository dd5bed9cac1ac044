// What a stream has of compression once it has any: of what it sends, of what it receives, or both.
// Invariant: a stream whose messages are all plain has none of this, and pays one field for it.
// gRPC compression.md. Not here: the work (message-deflation.ts, message-inflation.ts).

import type { MessageCodec } from '../grpc/compression-codec.ts';
import { messageCodec } from '../grpc/compression-names.ts';
import { type DeflationTarget, MessageDeflation } from './message-deflation.ts';
import { type InflationTarget, MessageInflation } from './message-inflation.ts';

/** A stream, as compression sees it. */
export type CompressedStream = DeflationTarget & InflationTarget;

export class StreamCompression {
  /** `grpc-encoding` of what is received; 'identity' or '' for none. */
  encoding: string;
  /** Undefined while what is sent is not compressed. */
  deflation: MessageDeflation | undefined;
  /** Undefined until a compressed message came. */
  private inflation: MessageInflation | undefined;
  private readonly stream: CompressedStream;

  constructor(stream: CompressedStream, encoding: string) {
    this.encoding = encoding;
    this.deflation = undefined;
    this.inflation = undefined;
    this.stream = stream;
  }

  /** What is sent from now on is compressed; undefined for no more. */
  deflate(codec: MessageCodec | undefined): void {
    this.deflation = codec === undefined ? undefined : new MessageDeflation(this.stream, codec);
  }

  /** Takes a compressed message. False: its encoding is none that is known. */
  inflate(message: Buffer): boolean {
    if (this.inflation === undefined) {
      const codec = messageCodec(this.encoding);
      if (codec === undefined) return false;
      this.inflation = new MessageInflation(this.stream, codec);
    }
    this.inflation.take(message);
    return true;
  }

  /** More messages are asked for. False: the reader is to be asked as always. */
  holds(count: number): boolean {
    return this.inflation?.holds(count) ?? false;
  }

  /** The end was reached. False: nothing is left to come before it. */
  holdsEnd(): boolean {
    return this.inflation?.holdsEnd() ?? false;
  }
}
