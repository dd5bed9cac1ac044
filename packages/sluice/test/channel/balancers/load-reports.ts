// Load reports as a backend sends them, in protobuf's wire form.

/** A field of eight bytes. */
export function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

/** Trailers with a report of these figures. */
export function reportTrailers(qps: number, utilization: number, eps = 0): string[] {
  const bytes = Buffer.concat([
    doubleField(1, utilization),
    doubleField(6, qps),
    doubleField(7, eps),
  ]);
  return ['other', 'x', 'endpoint-load-metrics-bin', bytes.toString('base64')];
}
