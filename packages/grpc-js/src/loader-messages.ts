// Messages of Sluice's generated code to and from the plain objects that @grpc/proto-loader makes of
// them: keys as in the .proto file, 64-bit integers as decimal text, enums by name, Buffers, a key
// with the name of a oneof that says which of its fields is set.
// Invariant: neither form is changed; what a descriptor does not name is dropped.
// Not here: the wire, which is Sluice's codecs' (channelz-definition.ts).

import type { Channelz } from 'sluice/channelz';

/** What describes a message. */
export type MessageDescriptor = (typeof Channelz)['methods'][number]['input'];

type FieldDescriptor = MessageDescriptor['fields'][number];

/** A message as @grpc/proto-loader has it. */
export type LoaderMessage = Record<string, unknown>;

/** Fields that the .proto file of 1.14.7 has not yet: they are there where they are set. */
const NEWER: ReadonlySet<string> = new Set([
  'max_connections_per_subchannel',
  'received_goaway_error',
  'peer_max_concurrent_streams',
]);

/** The values a message has; those of a decoded one are all that its type has. */
export function toLoader(type: MessageDescriptor, message: object): LoaderMessage {
  const shape: LoaderMessage = {};
  for (const field of type.fields) {
    const value = fieldIn(field, message);
    if (field.oneof !== undefined) {
      if (value === undefined) continue;
      shape[field.oneof.name] = field.name;
    }
    if (NEWER.has(field.name) && (value === undefined || value === 0)) continue;
    if (value !== undefined) shape[field.name] = fieldToLoader(field, value);
    else if (field.fieldKind === 'message') shape[field.name] = null;
    else if (field.fieldKind === 'list') shape[field.name] = [];
  }
  return shape;
}

function fieldIn(field: FieldDescriptor, message: object): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const chosen: unknown = Reflect.get(message, field.oneof.localName);
  if (typeof chosen !== 'object' || chosen === null) return undefined;
  return Reflect.get(chosen, 'case') === field.localName ? Reflect.get(chosen, 'value') : undefined;
}

function fieldToLoader(field: FieldDescriptor, value: unknown): unknown {
  if (field.fieldKind === 'message') return messageToLoader(field.message, value);
  if (field.fieldKind === 'enum') return field.enum.value[Number(value)]?.name ?? value;
  if (field.fieldKind !== 'list' || !Array.isArray(value)) return scalarToLoader(value);
  const { message } = field;
  return value.map((item: unknown) =>
    message === undefined ? scalarToLoader(item) : messageToLoader(message, item),
  );
}

// Wrappers such as google.protobuf.Int64Value stand as their bare values in generated code.
function messageToLoader(type: MessageDescriptor, value: unknown): LoaderMessage {
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return toLoader(type, value);
  }
  return { value: scalarToLoader(value) };
}

function scalarToLoader(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Uint8Array)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** As generated code takes it to make a message. @throws Error for text that is no number */
export function fromLoader(type: MessageDescriptor, shape: object): LoaderMessage {
  const message: LoaderMessage = {};
  for (const field of type.fields) {
    const given: unknown = Reflect.get(shape, field.name);
    if (given === undefined || given === null) continue;
    const value = fieldFromLoader(field, given);
    if (field.oneof === undefined) message[field.localName] = value;
    else message[field.oneof.localName] = { case: field.localName, value };
  }
  return message;
}

function fieldFromLoader(field: FieldDescriptor, value: unknown): unknown {
  if (field.fieldKind === 'message') return messageFromLoader(field.message, value);
  if (field.fieldKind === 'enum') return enumNumber(field.enum, value);
  if (field.fieldKind === 'scalar') return scalarFromLoader(field.scalar, value);
  if (field.fieldKind !== 'list' || !Array.isArray(value)) return value;
  const { message } = field;
  return message === undefined
    ? value
    : value.map((item: unknown) => messageFromLoader(message, item));
}

const WRAPPER = /^google\.protobuf\.\w+Value$/;

function messageFromLoader(type: MessageDescriptor, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const [only] = type.fields;
  if (WRAPPER.test(type.typeName) && only?.fieldKind === 'scalar') {
    return scalarFromLoader(only.scalar, Reflect.get(value, 'value') ?? 0);
  }
  return fromLoader(type, value);
}

function enumNumber(
  { values }: { readonly values: readonly { readonly name: string; readonly number: number }[] },
  value: unknown,
): number {
  if (typeof value === 'number') return value;
  return values.find(({ name }) => name === value)?.number ?? 0;
}

// INT64, UINT64, FIXED64, SFIXED64 and SINT64 of google.protobuf.FieldDescriptorProto.Type.
const INTEGERS_OF_64_BITS: ReadonlySet<number> = new Set([3, 4, 6, 16, 18]);
const BYTES = 12;

function scalarFromLoader(type: number, value: unknown): unknown {
  if (INTEGERS_OF_64_BITS.has(type)) {
    // Numbers, decimal text, and Longs, which say theirs as text.
    return BigInt(typeof value === 'number' ? Math.trunc(value) : String(value));
  }
  return type === BYTES && typeof value === 'string' ? Buffer.from(value, 'base64') : value;
}
