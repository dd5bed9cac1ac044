// Methods of @grpc/grpc-js that take and give bytes as they are.
// Invariant: no copy and no codec, so that what is measured is the transport.

import type { MethodDefinition } from '@grpc/grpc-js';

/** The codec that is none. */
export function bytes(value: Buffer): Buffer {
  return value;
}

/** The definition of a method of bytes. */
export function bytesMethod(
  path: string,
  requestStream: boolean,
  responseStream: boolean,
): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
}
