// Services of protoc-gen-es (protobuf-es v2): a DescService with a descriptor for each message.
// Invariants: what is a message already is encoded as it stands; anything else is an init shape and
// goes through `create`. Unknown fields are kept both ways.
// Bytes fields of a decoded message are views into the received buffer, which is the message's.

import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Codec, MethodKind } from '../grpc/method.ts';
import type { MethodTypes } from './method-types.ts';
import { type ServiceMethod, serviceMethod } from './service-method.ts';

/** A service as protoc-gen-es generates it: the exported `const Shop: GenService<...>`. */
export type ProtobufEsService = DescService;

type KindNames = {
  readonly unary: 'unary';
  readonly server_streaming: 'serverStreaming';
  readonly client_streaming: 'clientStreaming';
  readonly bidi_streaming: 'bidiStreaming';
};

const KINDS: KindNames = {
  unary: 'unary',
  server_streaming: 'serverStreaming',
  client_streaming: 'clientStreaming',
  bidi_streaming: 'bidiStreaming',
};

/** Types of the methods of a service of protoc-gen-es, by local name. */
export type ProtobufEsMethodTypes<S extends ProtobufEsService> = {
  readonly [K in keyof S['method']]: TypesOf<S['method'][K]>;
};

type TypesOf<M> = M extends {
  readonly methodKind: infer Kind;
  readonly input: infer Input extends DescMessage;
  readonly output: infer Output extends DescMessage;
}
  ? {
      readonly kind: Kind extends keyof KindNames ? KindNames[Kind] : MethodKind;
      readonly request: MessageShape<Input>;
      readonly requestInit: MessageInitShape<Input>;
      readonly response: MessageShape<Output>;
      readonly responseInit: MessageInitShape<Output>;
    }
  : MethodTypes;

/** Whether a value is a service of protoc-gen-es v2. */
export function isProtobufEsService(service: object): service is ProtobufEsService {
  return 'kind' in service && service.kind === 'service' && 'method' in service;
}

/** The methods of a service of protoc-gen-es, in the order of the .proto file. */
export function protobufEsMethods(service: ProtobufEsService): ServiceMethod[] {
  return service.methods.map((method) =>
    serviceMethod(
      service.typeName,
      method.name,
      method.localName,
      KINDS[method.methodKind],
      new MessageCodec(method.input),
      new MessageCodec(method.output),
    ),
  );
}

class MessageCodec implements Codec<unknown> {
  private readonly schema: DescMessage;

  constructor(schema: DescMessage) {
    this.schema = schema;
  }

  encode(message: unknown): Uint8Array {
    if (isMessage(message)) return toBinary(this.schema, message);
    if (typeof message !== 'object' || message === null) {
      throw new TypeError(`${String(message)} is no message ${this.schema.typeName}`);
    }
    // Whether its fields fit is what `create` and `toBinary` find out.
    return toBinary(this.schema, create(this.schema, message as Record<string, unknown>));
  }

  decode(bytes: Buffer): Message {
    // Bytes fields are views of the same class as the input. Programs expect a plain Uint8Array,
    // whose `slice` copies and which compares equal to one they wrote.
    return fromBinary(
      this.schema,
      new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
  }
}

// Not protobuf-es' own: that one costs a function more per message, and toBinary checks the name.
function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' &&
    value !== null &&
    '$typeName' in value &&
    typeof value.$typeName === 'string'
  );
}
