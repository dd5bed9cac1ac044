// Frame flags (RFC 9113 §6). ACK and END_STREAM share bit 0: which one it is depends on the frame
// type. Bits that a type does not define are ignored, as RFC 9113 §4.1 asks.

/** Flag bits of the frame header (RFC 9113 §6). */
export const Flags = {
  NONE: 0x0,
  /** SETTINGS and PING. */
  ACK: 0x1,
  /** DATA and HEADERS. */
  END_STREAM: 0x1,
  /** HEADERS, PUSH_PROMISE and CONTINUATION. */
  END_HEADERS: 0x4,
  /** DATA, HEADERS and PUSH_PROMISE. */
  PADDED: 0x8,
  /** HEADERS. */
  PRIORITY: 0x20,
} as const;

/** One flag bit; a frame carries a bitwise or of them. */
export type Flags = (typeof Flags)[keyof typeof Flags];
