// Which metadata keys belong to whom: the protocol, the application, or both.
// Invariant: an application can neither forge a field of the protocol nor see one that the transport
// has used up. Source: gRPC PROTOCOL-HTTP2.md ("Call-Definition", "Custom-Metadata"), RFC 9113
// §8.2.2 for the connection-specific fields.

const KEY = /^[0-9a-z_.-]+$/;

// Used up by the transport, in either direction.
const HIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  'grpc-timeout',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

// Reserved by prefix, but their API is metadata: error details, census, retry pushback (gRFC A6).
const OPEN: ReadonlySet<string> = new Set([
  'grpc-retry-pushback-ms',
  'grpc-status-details-bin',
  'grpc-tags-bin',
  'grpc-trace-bin',
]);

// Sent by the channel alone; what the peer sent may be read.
const UNSENT: ReadonlySet<string> = new Set(['grpc-previous-rpc-attempts', 'user-agent']);

/** Whether a key's values are bytes, base64 on the wire. The key is lower case. */
export function isBinaryKey(key: string): boolean {
  return key.charCodeAt(key.length - 1) === 0x6e && key.endsWith('-bin');
}

/** Whether a received field is kept from applications. */
export function isHiddenKey(key: string): boolean {
  return key.charCodeAt(0) === 0x3a || HIDDEN.has(key);
}

/** Whether a field that applications can read is not sent on by them. */
export function isUnsentKey(key: string): boolean {
  return UNSENT.has(key);
}

/** The lower-case form of a key an application sets. @throws TypeError that names the key */
export function checkUserKey(key: string): string {
  const plain = KEY.test(key);
  const name = plain ? key : key.toLowerCase();
  if (!plain && !KEY.test(name)) {
    throw new TypeError(`metadata key "${key}" may have 0-9, a-z, "_", "." and "-" only`);
  }
  if (HIDDEN.has(name) || UNSENT.has(name) || (name.startsWith('grpc-') && !OPEN.has(name))) {
    throw new TypeError(`metadata key "${key}" is reserved for the protocol and cannot be set`);
  }
  return name;
}
