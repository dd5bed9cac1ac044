// The content type of gRPC: "application/grpc", with an optional "+subtype" and parameters.
// Source: gRPC PROTOCOL-HTTP2.md ("Content-Type"). gRPC-Web's types begin with the same letters and
// are another protocol.

/** What Sluice sends. */
export const GRPC_CONTENT_TYPE = 'application/grpc';

/** Whether a `content-type` value is gRPC's; media types are case-insensitive (RFC 9110 §8.3.1). */
export function isGrpcContentType(value: string): boolean {
  if (value === 'application/grpc' || value === 'application/grpc+proto') return true;
  return contentSubtype(value) !== undefined;
}

/**
 * The lower-case subtype ("proto" of "application/grpc+proto; v=1"), "" if there is none, or
 * undefined if the value is not gRPC's.
 */
export function contentSubtype(value: string): string | undefined {
  const lower = value.toLowerCase();
  if (!lower.startsWith(GRPC_CONTENT_TYPE)) return undefined;
  const semicolon = lower.indexOf(';');
  const type = (semicolon < 0 ? lower : lower.slice(0, semicolon)).trimEnd();
  if (type.length === GRPC_CONTENT_TYPE.length) return '';
  if (type.charAt(GRPC_CONTENT_TYPE.length) !== '+') return undefined;
  return type.slice(GRPC_CONTENT_TYPE.length + 1);
}
