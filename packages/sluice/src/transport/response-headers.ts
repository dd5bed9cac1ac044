// Ready-encoded response headers and the trailers of success, of one server connection.
// Invariant: segments belong to the connection's encoder. gRPC PROTOCOL-HTTP2.md "Responses".

import { type HeaderSegment, HpackEncoder } from '../hpack/encoder.ts';
import { EncodingHeaders } from './encoding-headers.ts';

const HEAD: readonly string[] = [':status', '200', 'content-type', 'application/grpc'];
const OK: readonly string[] = ['grpc-status', '0'];

export class ResponseHeaders {
  readonly head: HeaderSegment;
  /** `grpc-encoding`, for calls that compress. */
  readonly encodings: EncodingHeaders;
  readonly ok: HeaderSegment;
  readonly headBound: number;
  /** Of trailers with status OK, or of the response head in front of a trailers-only answer. */
  readonly trailersBound: number;

  constructor(encoder: HpackEncoder) {
    this.head = encoder.createSegment(HEAD);
    this.encodings = new EncodingHeaders(encoder);
    this.ok = encoder.createSegment(OK);
    this.headBound = HpackEncoder.bound(HEAD);
    this.trailersBound = this.headBound + HpackEncoder.bound(OK);
  }
}
