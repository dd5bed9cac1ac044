// The messages of ORCA, as @grpc/proto-loader has them and as they are on the wire.
// Invariants: bytes that are no message throw, and nothing is read past their end; a field that is set
// is written, though it be 0.
// xds.data.orca.v3, xds.service.orca.v3, gRFC A51. Not here: who reports what (orca.ts).

/** What a backend says of its load. Utilizations are fractions: 1 is all there is. */
export interface OrcaLoadReport {
  cpu_utilization?: number | string;
  mem_utilization?: number | string;
  /** Replaced by `rps_fractional`. */
  rps?: number | string | { toString(): string };
  /** Costs of the one request. */
  request_cost?: { [key: string]: number | string };
  utilization?: { [key: string]: number | string };
  /** Requests per second. */
  rps_fractional?: number | string;
  /** Errors per second. */
  eps?: number | string;
  named_metrics?: { [key: string]: number | string };
  /** The application's own figure; may be above 1. */
  application_utilization?: number | string;
}

/** A report that was received: everything is there. */
export interface OrcaLoadReport__Output {
  cpu_utilization: number;
  mem_utilization: number;
  rps: string;
  request_cost: { [key: string]: number };
  utilization: { [key: string]: number };
  rps_fractional: number;
  eps: number;
  named_metrics: { [key: string]: number };
  application_utilization: number;
}

/** Asks for reports. */
export interface OrcaLoadReportRequest {
  /** Between two reports; the server's own by default. */
  report_interval?: {
    seconds?: number | string | { toString(): string };
    nanos?: number;
  } | null;
  /** None for all. */
  request_cost_names?: string[];
}

export interface OrcaLoadReportRequest__Output {
  report_interval: { seconds: string; nanos: number } | null;
  request_cost_names: string[];
}

type Doubles =
  | 'cpu_utilization'
  | 'mem_utilization'
  | 'rps_fractional'
  | 'eps'
  | 'application_utilization';
type Maps = 'request_cost' | 'utilization' | 'named_metrics';

type ReportField =
  | { readonly kind: 'double'; readonly name: Doubles }
  | { readonly kind: 'map'; readonly name: Maps }
  | { readonly kind: 'rps' };

/** In the order of their numbers, from 1. */
const REPORT: readonly ReportField[] = [
  { kind: 'double', name: 'cpu_utilization' },
  { kind: 'double', name: 'mem_utilization' },
  { kind: 'rps' },
  { kind: 'map', name: 'request_cost' },
  { kind: 'map', name: 'utilization' },
  { kind: 'double', name: 'rps_fractional' },
  { kind: 'double', name: 'eps' },
  { kind: 'map', name: 'named_metrics' },
  { kind: 'double', name: 'application_utilization' },
];

// Wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

export function writeLoadReport(report: OrcaLoadReport): Buffer {
  const parts: Uint8Array[] = [];
  for (const [at, field] of REPORT.entries()) {
    const number = at + 1;
    if (field.kind === 'double') {
      const value = report[field.name];
      if (value !== undefined && value !== null) parts.push(double(number, Number(value)));
    } else if (field.kind === 'map') {
      for (const [key, value] of Object.entries(report[field.name] ?? {})) {
        const entry = [delimited(1, Buffer.from(key)), double(2, Number(value))];
        parts.push(delimited(number, Buffer.concat(entry)));
      }
    } else if (report.rps !== undefined && report.rps !== null) {
      parts.push(varintField(number, BigInt(String(report.rps))));
    }
  }
  return Buffer.concat(parts);
}

/** @throws Error for bytes that are no message */
export function readLoadReport(bytes: Buffer): OrcaLoadReport__Output {
  const report: OrcaLoadReport__Output = {
    cpu_utilization: 0,
    mem_utilization: 0,
    rps: '0',
    request_cost: {},
    utilization: {},
    rps_fractional: 0,
    eps: 0,
    named_metrics: {},
    application_utilization: 0,
  };
  readFields(bytes, (number, wireType, value) => {
    const field = REPORT[number - 1];
    if (field === undefined) return;
    if (field.kind === 'rps') {
      if (typeof value === 'bigint') report.rps = String(value);
    } else if (typeof value === 'bigint') return;
    else if (field.kind === 'map' && wireType === DELIMITED) readEntry(value, report[field.name]);
    else if (field.kind === 'double' && wireType === FIXED64) {
      report[field.name] = value.readDoubleLE(0);
    }
  });
  return report;
}

function readEntry(bytes: Buffer, into: { [key: string]: number }): void {
  let key = '';
  let amount = 0;
  readFields(bytes, (number, wireType, value) => {
    if (typeof value === 'bigint') return;
    if (number === 1 && wireType === DELIMITED) key = value.toString();
    if (number === 2 && wireType === FIXED64) amount = value.readDoubleLE(0);
  });
  // A key of its own, whatever it is called.
  Object.defineProperty(into, key, {
    value: amount,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

export function writeReportRequest(request: OrcaLoadReportRequest): Buffer {
  const parts: Uint8Array[] = [];
  const { report_interval: interval } = request;
  if (interval !== undefined && interval !== null) {
    const { seconds, nanos } = interval;
    const duration: Uint8Array[] = [];
    if (seconds !== undefined) duration.push(varintField(1, BigInt(String(seconds))));
    if (nanos !== undefined) duration.push(varintField(2, BigInt(nanos)));
    parts.push(delimited(1, Buffer.concat(duration)));
  }
  for (const name of request.request_cost_names ?? []) parts.push(delimited(2, Buffer.from(name)));
  return Buffer.concat(parts);
}

/** @throws Error for bytes that are no message */
export function readReportRequest(bytes: Buffer): OrcaLoadReportRequest__Output {
  const request: OrcaLoadReportRequest__Output = { report_interval: null, request_cost_names: [] };
  readFields(bytes, (number, wireType, value) => {
    if (typeof value === 'bigint' || wireType !== DELIMITED) return;
    if (number === 1) request.report_interval = readDuration(value);
    if (number === 2) request.request_cost_names.push(value.toString());
  });
  return request;
}

function readDuration(bytes: Buffer): { seconds: string; nanos: number } {
  const duration = { seconds: '0', nanos: 0 };
  readFields(bytes, (number, _wireType, value) => {
    if (typeof value !== 'bigint') return;
    if (number === 1) duration.seconds = String(BigInt.asIntN(64, value));
    if (number === 2) duration.nanos = Number(BigInt.asIntN(32, value));
  });
  return duration;
}

// The wire.

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | FIXED64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function delimited(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from([(field << 3) | DELIMITED, ...varint(BigInt(bytes.length))]),
    bytes,
  ]);
}

function varintField(field: number, value: bigint): Buffer {
  return Buffer.from([(field << 3) | VARINT, ...varint(value)]);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** Calls `onField` with an integer, or with the bytes of anything else. */
function readFields(
  bytes: Buffer,
  onField: (field: number, wireType: number, value: bigint | Buffer) => void,
): void {
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw tooShort(bytes);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Error('no ORCA message: an integer of more than 10 bytes');
  };
  while (at < bytes.length) {
    const tag = Number(BigInt.asUintN(32, next()));
    const wireType = tag & 7;
    if (wireType === VARINT) {
      onField(tag >>> 3, wireType, next());
      continue;
    }
    const length = lengthOf(wireType, next);
    if (length > bytes.length - at) throw tooShort(bytes);
    onField(tag >>> 3, wireType, bytes.subarray(at, at + length));
    at += length;
  }
}

function lengthOf(wireType: number, next: () => bigint): number {
  if (wireType === FIXED64) return 8;
  if (wireType === FIXED32) return 4;
  if (wireType === DELIMITED) return Number(next());
  throw new Error(`no ORCA message: the wire type ${wireType} is not known`);
}

function tooShort(bytes: Buffer): Error {
  return new Error(`no ORCA message: it ends within a field, after ${bytes.length} bytes`);
}
