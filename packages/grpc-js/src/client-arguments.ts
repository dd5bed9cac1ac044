// What client methods are given behind the request: metadata, options and a callback, of which some may
// be left out. Not here: what is made of them (client.ts).

import type { CallOptions, UnaryCallback } from './client.ts';
import { Metadata } from './metadata.ts';
import { isMetadata } from './metadata-bridge.ts';

export interface UnaryArguments<ResponseType> {
  /** Undefined for none, which costs a call nothing. */
  readonly metadata: Metadata | undefined;
  readonly options: CallOptions | undefined;
  readonly callback: UnaryCallback<ResponseType>;
}

/** Of a method with one response. @throws Error where they are in a wrong place */
export function unaryArguments<ResponseType>(
  arg1: Metadata | CallOptions | UnaryCallback<ResponseType>,
  arg2?: CallOptions | UnaryCallback<ResponseType>,
  arg3?: UnaryCallback<ResponseType>,
): UnaryArguments<ResponseType> {
  if (isFunction<ResponseType>(arg1)) {
    return { metadata: undefined, options: undefined, callback: arg1 };
  }
  if (isFunction<ResponseType>(arg2)) {
    if (isMetadata(arg1)) return { metadata: arg1, options: undefined, callback: arg2 };
    return { metadata: undefined, options: arg1, callback: arg2 };
  }
  if (!isMetadata(arg1) || !(arg2 instanceof Object) || !isFunction<ResponseType>(arg3)) {
    throw new Error('Incorrect arguments passed');
  }
  return { metadata: arg1, options: arg2, callback: arg3 };
}

/** Of a method with a stream of responses. */
export function streamArguments(
  arg1?: Metadata | CallOptions,
  arg2?: CallOptions,
): { readonly metadata: Metadata; readonly options: CallOptions } {
  if (isMetadata(arg1)) return { metadata: arg1, options: arg2 ?? {} };
  return { metadata: new Metadata(), options: arg1 ?? {} };
}

function isFunction<ResponseType>(argument: unknown): argument is UnaryCallback<ResponseType> {
  return typeof argument === 'function';
}
