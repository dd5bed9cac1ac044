// Metadata as the carrier of a trace context: how a propagator reads and writes it.
// Invariant: what a propagator cannot send, because the key or the value is none of gRPC's, is left
// out and never fails the call. gRFC A72 "Propagator Wire Format".

import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { Metadata } from '../../grpc/metadata.ts';

/** Writes into request metadata; bytes of a "-bin" key come as base64. */
export const metadataSetter: TextMapSetter<Metadata> = {
  set(carrier, key, value) {
    try {
      carrier.set(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    } catch {
      // A key of the protocol, or text that no field can carry.
    }
  },
};

/** Reads request metadata; bytes of a "-bin" key are given as base64. */
export const metadataGetter: TextMapGetter<Metadata> = {
  keys(carrier) {
    return [...carrier.keys()];
  },
  get(carrier, key) {
    const values = carrier.getAll(key).map(textOf);
    return values.length <= 1 ? values[0] : values;
  },
};

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('base64');
}
