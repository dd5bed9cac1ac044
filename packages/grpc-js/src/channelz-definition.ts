// The channelz service as `server.addService` and `makeClientConstructor` take it.
// Invariant: Sluice's channelz and the messages of protobuf are loaded when channelz is first asked
// for, not with this package. gRFC A14. Not here: answers (channelz-handlers.ts).

import { serviceMethods } from 'sluice';
import type { ChannelzDefinition } from './channelz-messages.ts';
import {
  fromLoader,
  type LoaderMessage,
  type MessageDescriptor,
  toLoader,
} from './loader-messages.ts';
import type { MethodDefinition } from './make-client.ts';

type SluiceChannelz = typeof import('sluice/channelz');

let loaded: SluiceChannelz | undefined;

/** The entry point `sluice/channelz`. */
export function sluiceChannelz(): SluiceChannelz {
  // What `require` gives is what the package says it has.
  loaded ??= require('sluice/channelz') as SluiceChannelz;
  return loaded;
}

interface Codec {
  encode(message: unknown): Uint8Array;
  decode(bytes: Buffer): unknown;
}

let definition: ChannelzDefinition | undefined;

/** The service of grpc.channelz.v1. */
export function channelzDefinition(): ChannelzDefinition {
  if (definition !== undefined) return definition;
  const { Channelz } = sluiceChannelz();
  const codecs = serviceMethods(Channelz);
  const methods = Channelz.methods.flatMap(({ name, localName, input, output }, at) => {
    const codec = codecs[at];
    if (codec === undefined) return [];
    const { path, request, response } = codec;
    return [[name, methodOf(path, localName, input, request, output, response)] as const];
  });
  // The descriptor names the seven methods of the type.
  definition = Object.fromEntries(methods) as unknown as ChannelzDefinition;
  return definition;
}

function methodOf(
  path: string,
  originalName: string,
  input: MessageDescriptor,
  request: Codec,
  output: MessageDescriptor,
  response: Codec,
): MethodDefinition<object, object> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => bytesOf(input, request, message),
    requestDeserialize: (bytes) => messageOf(input, request, bytes),
    responseSerialize: (message) => bytesOf(output, response, message),
    responseDeserialize: (bytes) => messageOf(output, response, bytes),
    originalName,
  };
}

function bytesOf(type: MessageDescriptor, codec: Codec, message: object): Buffer {
  const bytes = codec.encode(fromLoader(type, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function messageOf(type: MessageDescriptor, codec: Codec, bytes: Buffer): LoaderMessage {
  // A codec of messages gives objects.
  return toLoader(type, codec.decode(bytes) as object);
}
