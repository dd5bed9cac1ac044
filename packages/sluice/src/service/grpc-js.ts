// Service definitions as @grpc/grpc-js takes them: from ts-proto (`outputServices=grpc-js`), from
// @grpc/proto-loader, from grpc-tools; and client constructors, which hold theirs in `.service`.
// Invariant: a method's path and functions are taken as they are; no name is made up.

import type { KindOfStreams } from './method-types.ts';
import { kindOfStreams, type ServiceMethod } from './service-method.ts';

/** A method of a grpc-js service definition. */
export interface GrpcJsMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: never) => Uint8Array;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (message: never) => Uint8Array;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
  /** proto-loader: the name in lower camel case. */
  readonly originalName?: string | undefined;
}

/** A `ServiceDefinition` of grpc-js. */
export interface GrpcJsService {
  readonly [name: string]: GrpcJsMethod;
}

/** A client constructor of grpc-js, such as proto-loader's packages are made of. */
export interface GrpcJsConstructor {
  readonly service: GrpcJsService;
  readonly serviceName?: string | undefined;
}

/**
 * Types of the methods of a grpc-js definition, by its keys. A definition without keys in its type
 * (proto-loader without generated types) has methods of every name.
 */
export type GrpcJsMethodTypes<Methods> = [keyof Known<Methods>] extends [never]
  ? { readonly [name: string]: TypesOf<Methods[keyof Methods]> }
  : { readonly [K in keyof Known<Methods>]: TypesOf<Known<Methods>[K]> };

// Generated interfaces have an index signature beside their methods; it would accept any name.
type Known<T> = {
  [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K];
};

type TypesOf<M> = M extends {
  readonly requestStream: infer RequestStream;
  readonly responseStream: infer ResponseStream;
  readonly requestSerialize: (message: infer RequestInit) => unknown;
  readonly requestDeserialize: (bytes: never) => infer Request;
  readonly responseSerialize: (message: infer ResponseInit) => unknown;
  readonly responseDeserialize: (bytes: never) => infer Response;
}
  ? {
      readonly kind: KindOfStreams<RequestStream, ResponseStream>;
      readonly request: Request;
      readonly requestInit: RequestInit;
      readonly response: Response;
      readonly responseInit: ResponseInit;
    }
  : never;

/** The definition in `service`, if it is one of grpc-js or a constructor that holds one. */
export function grpcJsService(service: object): GrpcJsService | undefined {
  if (isDefinition(service)) return service;
  const held: unknown = 'service' in service ? service.service : undefined;
  return typeof held === 'object' && held !== null && isDefinition(held) ? held : undefined;
}

/** The methods of a grpc-js definition, in its order. */
export function grpcJsMethods(service: GrpcJsService): ServiceMethod[] {
  return Object.entries(service).map(([name, method]) => ({
    path: method.path,
    kind: kindOfStreams(method.requestStream, method.responseStream),
    // grpc-js calls these functions without a receiver too. The types of callers and handlers hold
    // the messages to what they take.
    request: {
      encode: method.requestSerialize as (message: unknown) => Uint8Array,
      decode: method.requestDeserialize,
    },
    response: {
      encode: method.responseSerialize as (message: unknown) => Uint8Array,
      decode: method.responseDeserialize,
    },
    name,
    alias: method.originalName === name ? undefined : method.originalName,
  }));
}

function isDefinition(value: object): value is GrpcJsService {
  const methods: unknown[] = Object.values(value);
  return methods.length > 0 && methods.every(isMethod);
}

function isMethod(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'requestSerialize' in value &&
    'responseDeserialize' in value
  );
}
