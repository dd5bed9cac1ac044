// What a backend says of its load at the end of a call: the protobuf message OrcaLoadReport in the
// trailer `endpoint-load-metrics-bin`, as far as weights need it.
// Invariant: bytes of any kind give a report or undefined, never an exception. gRFC A51, A64.
// Not here: what is made of it (endpoint-weight.ts).

import { decodeBase64 } from '../../grpc/base64.ts';

const TRAILER = 'endpoint-load-metrics-bin';

// Field numbers of xds.data.orca.v3.OrcaLoadReport.
const CPU_UTILIZATION = 1;
const RPS_FRACTIONAL = 6;
const EPS = 7;
const APPLICATION_UTILIZATION = 9;

// Wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** The load of a backend over a time of its own choice. */
export interface LoadReport {
  /** 1 is all it has; the application's own figure where there is one, else the CPU's. */
  readonly utilization: number;
  /** Calls per second. */
  readonly qps: number;
  /** Failed calls per second. */
  readonly eps: number;
}

/**
 * The report among the trailers of a call.
 * @param trailers flat: name, value, name, value ...
 */
export function loadReportOf(trailers: readonly string[]): LoadReport | undefined {
  for (let i = 0; i < trailers.length; i += 2) {
    const value = trailers[i + 1];
    if (trailers[i] !== TRAILER || value === undefined) continue;
    const bytes = decodeBase64(value);
    return bytes === undefined ? undefined : readLoadReport(bytes);
  }
  return undefined;
}

/** Reads the message; undefined where it is none, or where a figure is not one of 0 or more. */
export function readLoadReport(bytes: Uint8Array): LoadReport | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let cpu = 0;
  let application = 0;
  let qps = 0;
  let eps = 0;
  const position = { at: 0 };
  while (position.at < bytes.length) {
    const tag = readVarint(bytes, position);
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (tag < 0 || field === 0) return undefined;
    if (wireType === FIXED64 && position.at + 8 <= bytes.length) {
      const value = view.getFloat64(position.at, true);
      if (field === CPU_UTILIZATION) cpu = value;
      else if (field === RPS_FRACTIONAL) qps = value;
      else if (field === EPS) eps = value;
      else if (field === APPLICATION_UTILIZATION) application = value;
    }
    if (!skipValue(bytes, position, wireType)) return undefined;
  }
  const utilization = application > 0 ? application : cpu;
  return isFigure(utilization) && isFigure(qps) && isFigure(eps)
    ? { utilization, qps, eps }
    : undefined;
}

function isFigure(value: number): boolean {
  return value >= 0 && value < Number.POSITIVE_INFINITY;
}

/** Moves on behind a value; false where the bytes end before it does. */
function skipValue(bytes: Uint8Array, position: { at: number }, wireType: number): boolean {
  if (wireType === VARINT) return readVarint(bytes, position) >= 0;
  if (wireType === FIXED64) position.at += 8;
  else if (wireType === FIXED32) position.at += 4;
  else if (wireType === LENGTH_DELIMITED) {
    const length = readVarint(bytes, position);
    if (length < 0) return false;
    position.at += length;
  } else return false;
  return position.at <= bytes.length;
}

/** A number of up to 64 bits, those above 31 left out; -1 where the bytes end before it does. */
function readVarint(bytes: Uint8Array, position: { at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[position.at];
    if (byte === undefined) return -1;
    position.at += 1;
    if (shift < 28) value |= (byte & 0x7f) << shift;
    else if (shift === 28) value |= (byte & 0x07) << shift;
    if (byte < 0x80) return value;
  }
  return -1;
}
