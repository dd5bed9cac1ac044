// The frame types of HTTP/2 (RFC 9113 §6). A type that is not here is legal on the wire and is
// skipped by the reader (RFC 9113 §5.5); that is why the codec passes types as plain numbers.

/** Frame types, by their code on the wire (RFC 9113 §6). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** One of the ten frame types of RFC 9113 §6. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType];
