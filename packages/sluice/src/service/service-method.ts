// A method that came out of a service definition: a Method with the name a program calls it by.
// Invariant: every family makes them here, in one shape, so that calls see one hidden class.

import type { Codec, Method, MethodKind } from '../grpc/method.ts';

/** A method of a service definition. */
export interface ServiceMethod extends Method<unknown, unknown> {
  /** The key of handlers and clients, such as `sayHello`. */
  readonly name: string;
  /** A second key, where the generator knows two (proto-loader: `SayHello` and `sayHello`). */
  readonly alias: string | undefined;
}

/**
 * Makes a method of `service`.
 * @param service the full name, `package.Service`
 * @param name the name in the .proto file, `SayHello`
 */
export function serviceMethod(
  service: string,
  name: string,
  localName: string,
  kind: MethodKind,
  request: Codec<unknown>,
  response: Codec<unknown>,
): ServiceMethod {
  return {
    path: `/${service}/${name}`,
    kind,
    request,
    response,
    name: localName,
    alias: undefined,
  };
}

/** The kind of a method that says so with two flags. */
export function kindOfStreams(requestStream: boolean, responseStream: boolean): MethodKind {
  if (requestStream) return responseStream ? 'bidiStreaming' : 'clientStreaming';
  return responseStream ? 'serverStreaming' : 'unary';
}
