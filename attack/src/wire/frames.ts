// Frames and field blocks as an attacker writes them: any type, flag, id, length and payload, legal
// or not (RFC 9113 §4.1, §6; RFC 7541 §6.2.2). Written apart from the runtime's own writers, so that
// one fault cannot hide in both. Not here: sockets (raw-peer.ts).

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

export const FRAME_HEADER = 9;
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** One frame, its length field as the payload is long. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function data(streamId: number, payload: Uint8Array, endStream = false): Buffer {
  return frame(FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId, payload);
}

/** HEADERS with END_HEADERS. */
export function headers(streamId: number, block: Uint8Array, endStream = false): Buffer {
  const flags = Flag.END_HEADERS | (endStream ? Flag.END_STREAM : 0);
  return frame(FrameType.HEADERS, flags, streamId, block);
}

export function rstStream(streamId: number, errorCode: number): Buffer {
  return frame(FrameType.RST_STREAM, 0, streamId, uint32(errorCode));
}

/** @param entries pairs of identifier and value */
export function settings(entries: readonly (readonly [number, number])[] = []): Buffer {
  const payload = Buffer.allocUnsafe(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value >>> 0, i * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function settingsAck(): Buffer {
  return frame(FrameType.SETTINGS, Flag.ACK, 0);
}

/** @param opaque a number, in the last four of its eight bytes */
export function ping(opaque = 0, ack = false): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(opaque, 4);
  return frame(FrameType.PING, ack ? Flag.ACK : 0, 0, payload);
}

export function goAway(lastStreamId: number, errorCode: number, debug = ''): Buffer {
  const payload = Buffer.concat([uint32(lastStreamId), uint32(errorCode), Buffer.from(debug)]);
  return frame(FrameType.GOAWAY, 0, 0, payload);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

/** @param dependsOn a stream; itself for the fault that RFC 7540 §5.3.1 named */
export function priority(streamId: number, dependsOn: number, weight = 15): Buffer {
  const payload = Buffer.concat([uint32(dependsOn), Buffer.of(weight)]);
  return frame(FrameType.PRIORITY, 0, streamId, payload);
}

/** A gRPC message: flag, length, bytes. */
export function message(bytes: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

// HPACK, literals only: nothing is indexed, so blocks may be repeated on any stream.

/** An integer of RFC 7541 §5.1 behind the bits of `first`. */
export function integer(value: number, prefixBits: number, first = 0): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A string literal without Huffman coding. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** A field as a literal that is not indexed. */
export function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** A field as a literal that enters the dynamic table. */
export function indexedField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

export type Fields = readonly (readonly [string, string])[];

export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => field(name, value)));
}

/** The fields of a gRPC request that every server takes. */
export function requestFields(path: string): [string, string][] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'attack.test'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
  ];
}

export function requestBlock(path: string, more: Fields = []): Buffer {
  return block([...requestFields(path), ...more]);
}

/** Response HEADERS of a gRPC server, as a block. */
export function responseBlock(): Buffer {
  return block([
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ]);
}

export function trailersBlock(status = 0): Buffer {
  return block([['grpc-status', String(status)]]);
}
