// Services of ts-proto with `outputServices=generic-definitions` (the form nice-grpc uses).
// Invariant: where the message types have `fromPartial`, everything encoded goes through it: an
// encoder of ts-proto fails on a field that is left out, and whether one is cannot be told sooner.
// `outputServices=grpc-js` of ts-proto is grpc-js.ts.

import type { Codec } from '../grpc/method.ts';
import type { KindOfStreams, PartialMessage } from './method-types.ts';
import { kindOfStreams, type ServiceMethod, serviceMethod } from './service-method.ts';

/** A message type of ts-proto. */
export interface TsProtoMessageType {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  /** Missing when generated with `outputPartialMethods=false`: messages must be whole then. */
  fromPartial?(message: never): unknown;
}

/** A method of a generic definition. */
export interface TsProtoMethod {
  readonly name: string;
  readonly requestType: TsProtoMessageType;
  readonly requestStream: boolean;
  readonly responseType: TsProtoMessageType;
  readonly responseStream: boolean;
}

/** A service as ts-proto generates it with `outputServices=generic-definitions`. */
export interface TsProtoService {
  readonly fullName: string;
  readonly methods: { readonly [name: string]: TsProtoMethod };
}

/** Types of the methods of a generic definition, by local name. */
export type TsProtoMethodTypes<Methods> = {
  readonly [K in keyof Methods]: TypesOf<Methods[K]>;
};

type TypesOf<M> = M extends TsProtoMethod
  ? {
      readonly kind: KindOfStreams<M['requestStream'], M['responseStream']>;
      readonly request: Shape<M['requestType']>;
      readonly requestInit: InitShape<M['requestType']>;
      readonly response: Shape<M['responseType']>;
      readonly responseInit: InitShape<M['responseType']>;
    }
  : never;

type Shape<T extends TsProtoMessageType> = ReturnType<T['decode']>;

// Not the parameter of `fromPartial`: with `useExactTypes` (the default) it is generic, and what can
// be inferred of it fits nothing.
type InitShape<T extends TsProtoMessageType> = T extends { fromPartial(message: never): unknown }
  ? PartialMessage<Shape<T>>
  : Shape<T>;

/** Whether a value is a generic definition of ts-proto. */
export function isTsProtoService(service: object): service is TsProtoService {
  return (
    'fullName' in service &&
    typeof service.fullName === 'string' &&
    'methods' in service &&
    typeof service.methods === 'object' &&
    service.methods !== null &&
    !Array.isArray(service.methods)
  );
}

/** The methods of a generic definition, in its order. */
export function tsProtoMethods(service: TsProtoService): ServiceMethod[] {
  return Object.entries(service.methods).map(([localName, method]) =>
    serviceMethod(
      service.fullName,
      method.name,
      localName,
      kindOfStreams(method.requestStream, method.responseStream),
      new MessageCodec(method.requestType),
      new MessageCodec(method.responseType),
    ),
  );
}

class MessageCodec implements Codec<unknown> {
  private readonly type: TsProtoMessageType;

  constructor(type: TsProtoMessageType) {
    this.type = type;
  }

  encode(message: unknown): Uint8Array {
    const type = this.type;
    // The caller's types hold the message to what this message type takes.
    const whole = type.fromPartial === undefined ? message : type.fromPartial(message as never);
    return type.encode(whole as never).finish();
  }

  decode(bytes: Buffer): unknown {
    return this.type.decode(bytes);
  }
}
