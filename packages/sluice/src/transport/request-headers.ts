// Ready-encoded request headers of one connection: a segment for each path in use, and one that all
// calls share.
// Invariant: segments belong to the connection's encoder, and their number is bounded.
// gRPC PROTOCOL-HTTP2.md "Requests"; RFC 7541.

import { acceptEncoding } from '../grpc/compression-names.ts';
import { type HeaderSegment, HpackEncoder } from '../hpack/encoder.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { EncodingHeaders } from './encoding-headers.ts';
import { MAX_HEADER_SEGMENTS } from './limits.ts';

// Room for the timeout, at most "99999999n", with its name.
const TIMEOUT_BOUND: number = HpackEncoder.bound(['grpc-timeout', '99999999n']);

export class RequestHeaders {
  /** What every call of the connection sends behind its path and timeout. */
  readonly constant: HeaderSegment;
  /** `grpc-encoding`, for calls that compress. */
  readonly encodings: EncodingHeaders;
  private readonly constantBound: number;
  private readonly encoder: HpackEncoder;
  private readonly scheme: string;
  private readonly authority: string;
  private readonly segments: Map<string, HeaderSegment>;
  private lastPath: string;
  private lastSegment: HeaderSegment;

  constructor(encoder: HpackEncoder, scheme: string, authority: string, userAgent: string) {
    this.encoder = encoder;
    this.scheme = scheme;
    this.authority = authority;
    const constant = [
      'te',
      'trailers',
      'content-type',
      'application/grpc',
      'user-agent',
      userAgent,
      'grpc-accept-encoding',
      acceptEncoding(),
    ];
    this.constant = encoder.createSegment(constant);
    this.encodings = new EncodingHeaders(encoder);
    this.constantBound = HpackEncoder.bound(constant) + TIMEOUT_BOUND;
    this.segments = new Map();
    this.lastPath = '';
    this.lastSegment = this.constant;
  }

  /** Most bytes that HEADERS of a call take. */
  bound(path: string, fields: HeaderFields, authority: string = this.authority): number {
    const pseudo = authority.length + path.length + this.scheme.length + PSEUDO_BOUND;
    return pseudo + this.constantBound + (fields.length === 0 ? 0 : HpackEncoder.bound(fields));
  }

  /** The pseudo-header fields. */
  writePath(path: string, out: Buffer, at: number): number {
    if (path !== this.lastPath) {
      this.lastSegment = this.segment(path);
      this.lastPath = path;
    }
    return this.encoder.writeSegment(this.lastSegment, out, at);
  }

  /** The same for a call with an authority of its own, which few have: not worth a segment. */
  writeOwn(path: string, authority: string, out: Buffer, at: number): number {
    const { scheme } = this;
    const fields = [':method', 'POST', ':scheme', scheme, ':path', path, ':authority', authority];
    return this.encoder.writeFields(fields, out, at);
  }

  private segment(path: string): HeaderSegment {
    const known = this.segments.get(path);
    if (known !== undefined) return known;
    const made = this.encoder.createSegment([
      ':method',
      'POST',
      ':scheme',
      this.scheme,
      ':path',
      path,
      ':authority',
      this.authority,
    ]);
    // Past the bound the oldest goes; programs have far fewer methods than that.
    if (this.segments.size >= MAX_HEADER_SEGMENTS) {
      for (const oldest of this.segments.keys()) {
        this.segments.delete(oldest);
        break;
      }
    }
    this.segments.set(path, made);
    return made;
  }
}

// Names and values of the pseudo-header fields but for the three that vary.
const PSEUDO_BOUND: number = HpackEncoder.bound([
  ':method',
  'POST',
  ':scheme',
  '',
  ':path',
  '',
  ':authority',
  '',
]);
