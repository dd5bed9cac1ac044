// Services of protobuf-ts: a ServiceType lists its methods, and says nothing of them in its type.
// Invariants: a message made by protobuf-ts (it carries its type under a registered symbol) is
// encoded as it stands; anything else may be partial and goes through `create`.
// The types are those of the generated client interface, lent by `withMethodsOf`.

import type { Codec } from '../grpc/method.ts';
import type { MethodTypes, PartialMessage } from './method-types.ts';
import { kindOfStreams, type ServiceMethod, serviceMethod } from './service-method.ts';

// protobuf-ts registers it under this name for its own copies to agree.
const MESSAGE_TYPE: unique symbol = Symbol.for('protobuf-ts/message-type');

/** A message type of protobuf-ts. */
export interface ProtobufTsMessageType {
  readonly typeName: string;
  create(message: never): unknown;
  toBinary(message: never): Uint8Array;
  fromBinary(bytes: Uint8Array): unknown;
}

/** A `ServiceType` of protobuf-ts. */
export interface ProtobufTsService {
  readonly typeName: string;
  readonly methods: readonly {
    readonly name: string;
    readonly localName: string;
    readonly I: ProtobufTsMessageType;
    readonly O: ProtobufTsMessageType;
    readonly serverStreaming: boolean;
    readonly clientStreaming: boolean;
  }[];
}

declare const methodsOf: unique symbol;

/** A `ServiceType` with the types of `ClientInterface`; made by `withMethodsOf`. */
export interface TypedProtobufTsService<ClientInterface> extends ProtobufTsService {
  /** Exists in types alone. */
  readonly [methodsOf]: ClientInterface;
}

/**
 * Gives a service of protobuf-ts the types of its methods, which are in the client interface that
 * protobuf-ts generates beside it: `withMethodsOf<IShopClient>(Shop)`. The same object comes back.
 * @throws TypeError if `service` is no ServiceType
 */
export function withMethodsOf<ClientInterface>(
  service: ProtobufTsService,
): TypedProtobufTsService<ClientInterface> {
  if (!isProtobufTsService(service)) {
    throw new TypeError('withMethodsOf takes a ServiceType of protobuf-ts');
  }
  // The property is declared and never there.
  return service as TypedProtobufTsService<ClientInterface>;
}

/** Types of the methods of a service of protobuf-ts, by local name. */
export type ProtobufTsMethodTypes<S> =
  S extends TypedProtobufTsService<infer ClientInterface>
    ? { readonly [K in CallNames<ClientInterface>]: TypesOf<ClientInterface[K]> }
    : { readonly [name: string]: UntypedMethod };

interface UntypedMethod extends MethodTypes {
  readonly request: object;
  readonly requestInit: object;
  readonly response: object;
  readonly responseInit: object;
}

// A generated client class has its properties beside its calls.
type CallNames<T> = {
  [K in keyof T]: T[K] extends (...args: never) => { readonly trailers: unknown } ? K : never;
}[keyof T];

type TypesOf<F> = F extends (...args: never) => infer Call
  ? Call extends {
      readonly request: Readonly<infer I extends object>;
      readonly response: Promise<infer O extends object>;
    }
    ? TypesOfKind<'unary', I, O>
    : Call extends {
          readonly request: Readonly<infer I extends object>;
          readonly responses: AsyncIterable<infer O extends object>;
        }
      ? TypesOfKind<'serverStreaming', I, O>
      : Call extends {
            readonly requests: Sink<infer I extends object>;
            readonly response: Promise<infer O extends object>;
          }
        ? TypesOfKind<'clientStreaming', I, O>
        : Call extends {
              readonly requests: Sink<infer I extends object>;
              readonly responses: AsyncIterable<infer O extends object>;
            }
          ? TypesOfKind<'bidiStreaming', I, O>
          : never
  : never;

interface Sink<T> {
  send(message: T): Promise<void>;
}

interface TypesOfKind<Kind, I extends object, O extends object> {
  readonly kind: Kind;
  readonly request: I;
  readonly requestInit: PartialMessage<I>;
  readonly response: O;
  readonly responseInit: PartialMessage<O>;
}

/** Whether a value is a ServiceType of protobuf-ts. */
export function isProtobufTsService(service: object): service is ProtobufTsService {
  if (!('typeName' in service) || typeof service.typeName !== 'string') return false;
  if (!('methods' in service) || !Array.isArray(service.methods)) return false;
  const methods: unknown[] = service.methods;
  return methods.every(isMethod);
}

function isMethod(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'localName' in value &&
    'I' in value &&
    'O' in value &&
    'clientStreaming' in value
  );
}

/** The methods of a service of protobuf-ts, in the order of the .proto file. */
export function protobufTsMethods(service: ProtobufTsService): ServiceMethod[] {
  return service.methods.map((method) =>
    serviceMethod(
      service.typeName,
      method.name,
      method.localName,
      kindOfStreams(method.clientStreaming, method.serverStreaming),
      new MessageCodec(method.I),
      new MessageCodec(method.O),
    ),
  );
}

class MessageCodec implements Codec<unknown> {
  private readonly type: ProtobufTsMessageType;

  constructor(type: ProtobufTsMessageType) {
    this.type = type;
  }

  encode(message: unknown): Uint8Array {
    if (typeof message !== 'object' || message === null) {
      throw new TypeError(`${String(message)} is no message ${this.type.typeName}`);
    }
    // The caller's types hold the message to what this message type takes.
    const whole = MESSAGE_TYPE in message ? message : this.type.create(message as never);
    return this.type.toBinary(whole as never);
  }

  decode(bytes: Buffer): unknown {
    return this.type.fromBinary(bytes);
  }
}
