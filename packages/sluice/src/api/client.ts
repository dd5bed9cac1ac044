// Typed clients: one function for each method of a service definition, over anything that carries
// calls by `Method`.
// Invariants: the functions are made once per client; a call adds one call frame and, only where
// both the client and the call have options, one object.
// Not here: what a call does (channel/), how definitions are read (service/).

import { checkCallOptions } from '../channel/call-arguments.ts';
import type { CallOptions } from '../channel/call-options.ts';
import type { Requests } from '../channel/request-pump.ts';
import type { Metadata } from '../grpc/metadata.ts';
import type { Method, MethodKind } from '../grpc/method.ts';
import { type AnyService, type MethodTypesOf, serviceMethods } from '../service/any-service.ts';
import type { MethodTypes } from '../service/method-types.ts';
import type { ServiceMethod } from '../service/service-method.ts';

/** What carries the calls of a client: a `Channel`, or whatever stands before one. */
export interface CallInvoker {
  /** One request, one response. */
  unary<I, O>(method: Method<I, O>, request: I, options?: CallOptions): Promise<O>;
  /** One request, many responses. */
  serverStreaming<I, O>(
    method: Method<I, O>,
    request: I,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
  /** Many requests, one response. */
  clientStreaming<I, O>(
    method: Method<I, O>,
    requests: Requests<I>,
    options?: CallOptions,
  ): Promise<O>;
  /** Many requests, many responses. */
  bidiStreaming<I, O>(
    method: Method<I, O>,
    requests: Requests<I>,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
}

/** The client of a service: its methods by local name, as functions of their own. */
export type Client<S> = {
  readonly [K in keyof MethodTypesOf<S>]: ClientMethod<MethodTypesOf<S>[K]>;
};

/** One method of a client. Its promise or iteration rejects with a StatusError. */
export type ClientMethod<T> = T extends MethodTypes
  ? MethodKind extends T['kind']
    ? AnyKindMethod<T>
    : MethodOfKind<T>[T['kind']]
  : never;

interface MethodOfKind<T extends MethodTypes> {
  readonly unary: (request: T['requestInit'], options?: CallOptions) => Promise<T['response']>;
  readonly serverStreaming: (
    request: T['requestInit'],
    options?: CallOptions,
  ) => AsyncIterableIterator<T['response']>;
  readonly clientStreaming: (
    requests: Requests<T['requestInit']>,
    options?: CallOptions,
  ) => Promise<T['response']>;
  readonly bidiStreaming: (
    requests: Requests<T['requestInit']>,
    options?: CallOptions,
  ) => AsyncIterableIterator<T['response']>;
}

// Definitions that do not tell the kind in their types (proto-loader, protobuf-ts without
// `withMethodsOf`): whoever calls knows which of the two the result is.
type AnyKindMethod<T extends MethodTypes> = (
  request: T['requestInit'] | Requests<T['requestInit']>,
  options?: CallOptions,
) => Promise<T['response']> & AsyncIterableIterator<T['response']>;

// Any of the four kinds; the message is one or a stream of them.
type CallFunction = (message: never, options?: CallOptions) => unknown;

/**
 * A typed client: `createClient(Shop, channel).getItem({ id: '1' })`.
 * @param service what protoc-gen-es, ts-proto, proto-loader or protobuf-ts made of a service
 * @param channel carries the calls; it stays the caller's to close
 * @param defaults options of every call. What a call gives replaces them, `undefined` included; but
 * interceptors add up (the defaults' outside), and so do metadata: of a key in both, the call's
 * values are sent
 * @throws TypeError for a service or channel that is none
 */
export function createClient<S extends AnyService>(
  service: S,
  channel: CallInvoker,
  defaults?: CallOptions,
): Client<S> {
  const given: unknown = channel;
  if (typeof given !== 'object' || given === null || !('unary' in given)) {
    throw new TypeError('createClient takes a service and a channel; make one with connect()');
  }
  if (defaults !== undefined) checkCallOptions(defaults);
  const client: { [name: string]: CallFunction } = {};
  const copied = defaults && { ...defaults };
  for (const method of serviceMethods(service)) {
    const call = callFunction(channel, method, copied);
    client[method.name] = call;
    if (method.alias !== undefined) client[method.alias] ??= call;
  }
  // One function per method of the definition, which is what its types were derived from.
  return client as Client<S>;
}

function callFunction(
  channel: CallInvoker,
  method: ServiceMethod,
  defaults: CallOptions | undefined,
): CallFunction {
  switch (method.kind) {
    case 'unary':
      return (request: unknown, options?: CallOptions) =>
        channel.unary(method, request, optionsOf(defaults, options));
    case 'serverStreaming':
      return (request: unknown, options?: CallOptions) =>
        channel.serverStreaming(method, request, optionsOf(defaults, options));
    case 'clientStreaming':
      return (requests: Requests<unknown>, options?: CallOptions) =>
        channel.clientStreaming(method, requests, optionsOf(defaults, options));
    case 'bidiStreaming':
      return (requests: Requests<unknown>, options?: CallOptions) =>
        channel.bidiStreaming(method, requests, optionsOf(defaults, options));
  }
}

function optionsOf(
  defaults: CallOptions | undefined,
  options: CallOptions | undefined,
): CallOptions | undefined {
  if (defaults === undefined) return options;
  if (options === undefined) return defaults;
  if (!isJoinable(options)) return options;
  const merged: { -readonly [K in keyof CallOptions]: CallOptions[K] } = {
    ...defaults,
    ...options,
  };
  if (defaults.metadata !== undefined && options.metadata !== undefined) {
    merged.metadata = joined(defaults.metadata, options.metadata);
  }
  if (defaults.interceptors !== undefined && options.interceptors !== undefined) {
    merged.interceptors = [...defaults.interceptors, ...options.interceptors];
  }
  return merged;
}

// What is not is for the channel to complain of, which knows how the call tells.
function isJoinable(options: CallOptions): boolean {
  try {
    checkCallOptions(options);
    return true;
  } catch {
    return false;
  }
}

function joined(defaults: Metadata, given: Metadata): Metadata {
  const metadata = defaults.clone();
  for (const key of given.keys()) metadata.delete(key);
  return metadata.merge(given);
}
