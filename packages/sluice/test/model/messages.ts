// The messages of a run: each says which call it belongs to, which one it is, and is filled with
// bytes that follow from both, so that what arrives can be judged by itself.

import type { Method, MethodKind } from '#sluice/grpc/method.js';
import type { Dice } from './dice.js';

/** Thrown on purpose, by whatever a user may write. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** The message of a method with codecs. */
export interface ModelMessage {
  readonly call: number;
  readonly seq: number;
  readonly length: number;
}

const HEAD = 8;

/** Throws for what is no message, as an encoder does. */
export function messageBytes(message: ModelMessage): Buffer {
  if (typeof message?.call !== 'number') throw new ModelError(`${String(message)} is no message`);
  const { call, seq, length } = message;
  const bytes = Buffer.alloc(HEAD + length, (call * 31 + seq) & 0xff);
  bytes.writeUInt32BE(call, 0);
  bytes.writeUInt32BE(seq, 4);
  return bytes;
}

/** Throws for bytes that messageBytes did not make. */
export function readMessage(bytes: Uint8Array): ModelMessage {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < HEAD) throw new ModelError(`a message of ${buffer.length} bytes`);
  const call = buffer.readUInt32BE(0);
  const seq = buffer.readUInt32BE(4);
  const fill = (call * 31 + seq) & 0xff;
  for (let i = HEAD; i < buffer.length; i += 1) {
    if (buffer[i] !== fill) throw new ModelError(`byte ${i} of message ${seq} of call ${call}`);
  }
  return { call, seq, length: buffer.length - HEAD };
}

export const KINDS: readonly MethodKind[] = [
  'unary',
  'serverStreaming',
  'clientStreaming',
  'bidiStreaming',
];

/** What a service config tells apart. */
export const SERVICES: readonly string[] = ['model.Plain', 'model.Retry', 'model.Hedge'];

export function pathOf(service: string, kind: MethodKind, isTyped: boolean): string {
  return `/${service}/${isTyped ? 'Typed' : 'Bytes'}_${kind}`;
}

/** A method whose codecs fail so often. */
export function modelMethod(
  service: string,
  kind: MethodKind,
  dice: Dice,
  failing: number,
): Method<ModelMessage, ModelMessage> {
  const codec = {
    encode(message: ModelMessage): Uint8Array {
      if (dice.chance(failing)) throw new ModelError('encode');
      // As a codec without types may.
      if (dice.chance(failing)) return 'no bytes' as unknown as Uint8Array;
      return messageBytes(message);
    },
    decode(bytes: Buffer): ModelMessage {
      if (dice.chance(failing)) throw new ModelError('decode');
      return readMessage(bytes);
    },
  };
  return { path: pathOf(service, kind, true), kind, request: codec, response: codec };
}
