// Service definitions of every family of generated code, as lists of methods: the one place that
// tells the families apart.
// Invariant: a definition is read once; the same list comes back for the same object.

import { inspect } from 'node:util';
import type { Method } from '../grpc/method.ts';
import {
  type GrpcJsConstructor,
  type GrpcJsMethodTypes,
  type GrpcJsService,
  grpcJsMethods,
  grpcJsService,
} from './grpc-js.ts';
import type { MethodTypes } from './method-types.ts';
import {
  isProtobufEsService,
  type ProtobufEsMethodTypes,
  type ProtobufEsService,
  protobufEsMethods,
} from './protobuf-es.ts';
import {
  isProtobufTsService,
  type ProtobufTsMethodTypes,
  type ProtobufTsService,
  protobufTsMethods,
} from './protobuf-ts.ts';
import type { ServiceMethod } from './service-method.ts';
import {
  isTsProtoService,
  type TsProtoMethodTypes,
  type TsProtoService,
  tsProtoMethods,
} from './ts-proto.ts';

/**
 * A service definition: of protoc-gen-es v2, of ts-proto (`outputServices=generic-definitions` or
 * `grpc-js`), of @grpc/proto-loader, or a ServiceType of protobuf-ts.
 */
export type AnyService =
  | ProtobufEsService
  | TsProtoService
  | ProtobufTsService
  | GrpcJsConstructor
  | GrpcJsService;

/** The types of a service's methods: a record from local name to `MethodTypes`. */
export type MethodTypesOf<S> = S extends ProtobufEsService
  ? ProtobufEsMethodTypes<S>
  : S extends ProtobufTsService
    ? ProtobufTsMethodTypes<S>
    : S extends { readonly fullName: string; readonly methods: infer Methods }
      ? TsProtoMethodTypes<Methods>
      : S extends { readonly service: infer Methods extends GrpcJsService }
        ? GrpcJsMethodTypes<Methods>
        : GrpcJsMethodTypes<S>;

/** The names of a service's methods, as its clients and handlers use them. */
export type MethodNameOf<S> = keyof MethodTypesOf<S> & string;

const known: WeakMap<object, readonly ServiceMethod[]> = new WeakMap();

/**
 * The methods of a service definition, in its order; the same array each time.
 * @throws TypeError for anything else, naming what is understood
 */
export function serviceMethods(service: AnyService): readonly ServiceMethod[] {
  const given: unknown = service;
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
    throw noService(given);
  }
  let methods = known.get(given);
  if (methods === undefined) {
    methods = Object.freeze(methodsOf(given));
    known.set(given, methods);
  }
  return methods;
}

/**
 * One method of a service, for `channel.unary(methodOf(Shop, 'getItem'), request)` and its kin.
 * @throws TypeError if the service has no method of that local name
 */
export function methodOf<S extends AnyService, K extends MethodNameOf<S>>(
  service: S,
  name: K,
): TypedMethod<MethodTypesOf<S>[K]> {
  const methods = serviceMethods(service);
  const method: unknown = methods.find((one) => one.name === name || one.alias === name);
  if (method === undefined) {
    const names = methods.map((one) => one.name).join(', ');
    throw new TypeError(`the service has no method ${name}; it has ${names}`);
  }
  // The definition's own types say what its codecs take and give.
  return method as TypedMethod<MethodTypesOf<S>[K]>;
}

/** The `Method` of a method's types. */
export type TypedMethod<T> = T extends MethodTypes ? Method<T['request'], T['response']> : never;

function methodsOf(service: object): ServiceMethod[] {
  if (isProtobufEsService(service)) return protobufEsMethods(service);
  if (isProtobufTsService(service)) return protobufTsMethods(service);
  if (isTsProtoService(service)) return tsProtoMethods(service);
  const definition = grpcJsService(service);
  if (definition !== undefined) return grpcJsMethods(definition);
  throw noService(service);
}

function noService(value: unknown): TypeError {
  const shown = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
  return new TypeError(
    `no service definition: ${shown.slice(0, 100)}; pass the service that protoc-gen-es (v2), ` +
      'ts-proto (outputServices=generic-definitions or grpc-js), @grpc/proto-loader or ' +
      'protobuf-ts generates',
  );
}
