// Client classes of service definitions, and the tree of them that a package definition becomes.
// Invariant: methods are enumerable, on the prototype, and carry the fields of their definition; names
// that would reach into prototypes are left out. Not here: how a call is made (client.ts).
// biome-ignore-all lint/suspicious/noExplicitAny: the published types
// biome-ignore-all lint/complexity/noBannedTypes: the published types

import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import { Client } from './client.ts';
import type { UntypedServiceImplementation } from './server.ts';

export type Serialize<T> = (value: T) => Buffer;

export type Deserialize<T> = (bytes: Buffer) => T;

export interface ClientMethodDefinition<RequestType, ResponseType> {
  /** `/package.Service/Method`. */
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize: Serialize<RequestType>;
  responseDeserialize: Deserialize<ResponseType>;
  /** A second name of the method. */
  originalName?: string;
}

export interface ServerMethodDefinition<RequestType, ResponseType> {
  /** `/package.Service/Method`. */
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  responseSerialize: Serialize<ResponseType>;
  requestDeserialize: Deserialize<RequestType>;
  /** A second name of the method. */
  originalName?: string;
}

export interface MethodDefinition<RequestType, ResponseType>
  extends ClientMethodDefinition<RequestType, ResponseType>,
    ServerMethodDefinition<RequestType, ResponseType> {}

export type ServiceDefinition<ImplementationType = UntypedServiceImplementation> = {
  readonly [index in keyof ImplementationType]: MethodDefinition<any, any>;
};

export interface ProtobufTypeDefinition {
  format: string;
  type: object;
  fileDescriptorProtos: Buffer[];
}

export interface PackageDefinition {
  [index: string]: ServiceDefinition | ProtobufTypeDefinition;
}

export interface ServiceClient extends Client {
  [methodName: string]: Function;
}

export interface ServiceClientConstructor {
  new (
    address: string,
    credentials: ChannelCredentials,
    options?: Partial<ChannelOptions>,
  ): ServiceClient;
  service: ServiceDefinition;
  serviceName: string;
}

// Taken now: who wraps those of Client.prototype, and the methods below, must not wrap a call twice.
const REQUESTERS = {
  unary: Client.prototype.makeUnaryRequest,
  serverStream: Client.prototype.makeServerStreamRequest,
  clientStream: Client.prototype.makeClientStreamRequest,
  bidi: Client.prototype.makeBidiStreamRequest,
};

function requesterOf({ requestStream, responseStream }: MethodDefinition<any, any>): Function {
  if (requestStream) return responseStream ? REQUESTERS.bidi : REQUESTERS.clientStream;
  return responseStream ? REQUESTERS.serverStream : REQUESTERS.unary;
}

function reachesPrototypes(name: string): boolean {
  return ['__proto__', 'prototype', 'constructor'].includes(name);
}

/**
 * A client class with a method for each of a service.
 * @param methods definitions by the names of methods
 * @throws Error for a name that begins with $
 */
export function makeClientConstructor(
  methods: ServiceDefinition,
  serviceName: string,
  classOptions?: {},
): ServiceClientConstructor {
  void classOptions;
  class ServiceClientImpl extends Client implements ServiceClient {
    static service: ServiceDefinition;
    static serviceName: string;
    [methodName: string]: Function;
  }
  for (const [name, definition] of Object.entries(methods)) {
    if (reachesPrototypes(name)) continue;
    if (name.startsWith('$')) throw new Error('Method names cannot start with $');
    const { originalName } = definition;
    const method = methodOf(definition);
    ServiceClientImpl.prototype[name] = method;
    if (originalName && !reachesPrototypes(originalName)) {
      ServiceClientImpl.prototype[originalName] = method;
    }
  }
  ServiceClientImpl.service = methods;
  ServiceClientImpl.serviceName = serviceName;
  return ServiceClientImpl;
}

function methodOf(definition: MethodDefinition<any, any>): Function {
  const { path, requestSerialize, responseDeserialize } = definition;
  const requester = requesterOf(definition);
  const method = function (this: Client, ...args: unknown[]): unknown {
    return requester.call(this, path, requestSerialize, responseDeserialize, ...args);
  };
  return Object.assign(method, definition);
}

export interface GrpcObject {
  [index: string]: GrpcObject | ServiceClientConstructor | ProtobufTypeDefinition;
}

/** The classes of a package definition, and its message types, as objects within objects. */
export function loadPackageDefinition(packageDef: PackageDefinition): GrpcObject {
  const result: GrpcObject = {};
  for (const [fullName, definition] of Object.entries(packageDef)) {
    const components = fullName.split('.');
    if (components.some(reachesPrototypes)) continue;
    const name = components.pop() ?? '';
    let current = result;
    for (const component of components) {
      current[component] ??= {};
      // A package, unless a service has the name of one, which then holds it.
      current = current[component] as GrpcObject;
    }
    current[name] = isMessageType(definition)
      ? definition
      : makeClientConstructor(definition, name, {});
  }
  return result;
}

function isMessageType(
  definition: ServiceDefinition | ProtobufTypeDefinition,
): definition is ProtobufTypeDefinition {
  return 'format' in definition;
}
