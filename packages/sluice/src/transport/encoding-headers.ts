// The `grpc-encoding` field, ready-encoded for each encoding that calls of a connection use.
// Invariant: segments belong to the connection's encoder; their number is that of encodings.
// gRPC PROTOCOL-HTTP2.md "Message-Encoding"; RFC 7541.

import { type HeaderSegment, HpackEncoder } from '../hpack/encoder.ts';

export class EncodingHeaders {
  private readonly encoder: HpackEncoder;
  private readonly segments: Map<string, HeaderSegment>;

  constructor(encoder: HpackEncoder) {
    this.encoder = encoder;
    this.segments = new Map();
  }

  /** Most bytes that `write` takes. */
  bound(name: string): number {
    return HpackEncoder.bound(['grpc-encoding', name]);
  }

  /** Writes the field at `at`, returns its end. */
  write(name: string, out: Buffer, at: number): number {
    let segment = this.segments.get(name);
    if (segment === undefined) {
      segment = this.encoder.createSegment(['grpc-encoding', name]);
      this.segments.set(name, segment);
    }
    return this.encoder.writeSegment(segment, out, at);
  }
}
