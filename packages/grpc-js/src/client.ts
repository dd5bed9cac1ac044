// A client: its channel, the four kinds of calls, and what a program puts around them.
// Invariants: a unary call that nothing is put around goes to the runtime below by one object; what was
// given in a wrong place throws from the method, whatever happens to the call is told later.
// Not here: calls (channel-call.ts, direct-unary-call.ts), interceptors (client-interceptors.ts).
// Longer than 400 lines because the overloads of the four methods, which are published, are half of it.
// biome-ignore-all lint/suspicious/noExplicitAny: the published types

import {
  type ClientDuplexStream,
  ClientDuplexStreamImpl,
  type ClientReadableStream,
  ClientReadableStreamImpl,
  type ClientUnaryCall,
  ClientUnaryCallImpl,
  type ClientWritableStream,
  ClientWritableStreamImpl,
  type ServiceError,
  type SurfaceCall,
} from './call.ts';
import type { CallCredentials } from './call-credentials.ts';
import { ResponseStreamListener, SingleResponseListener } from './call-listeners.ts';
import { type CallSite, callSite } from './call-site.ts';
import { type Channel, ChannelImplementation, internalChannelOf } from './channel.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import { streamArguments, unaryArguments } from './client-arguments.ts';
import {
  getInterceptingCall,
  type InterceptingCallInterface,
  type Interceptor,
  type InterceptorProvider,
} from './client-interceptors.ts';
import { ConnectivityState } from './connectivity-state.ts';
import type { Deadline } from './deadline.ts';
import { DirectUnaryCall } from './direct-unary-call.ts';
import type { InternalChannel } from './internal-channel.ts';
import type { ClientMethodDefinition } from './make-client.ts';
import { Metadata } from './metadata.ts';
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from './server-call.ts';

export type UnaryCallback<ResponseType> = (err: ServiceError | null, value?: ResponseType) => void;

export interface CallOptions {
  deadline?: Deadline;
  /** `:authority` of this call. */
  host?: string;
  /** The call being served that this one is made for. */
  parent?:
    | ServerUnaryCall<any, any>
    | ServerReadableStream<any, any>
    | ServerWritableStream<any, any>
    | ServerDuplexStream<any, any>;
  /** Bits of `propagate`: what is taken over from `parent`; default all. */
  propagate_flags?: number;
  credentials?: CallCredentials;
  /** In place of the client's. */
  interceptors?: Interceptor[];
  /** In place of the client's. */
  interceptor_providers?: InterceptorProvider[];
}

/** What a call is about to be made with. */
export interface CallProperties<RequestType, ResponseType> {
  argument?: RequestType;
  metadata: Metadata;
  call: SurfaceCall;
  channel: Channel;
  methodDefinition: ClientMethodDefinition<RequestType, ResponseType>;
  callOptions: CallOptions;
  callback?: UnaryCallback<ResponseType>;
}

/** Changes what every call of a client is made with. */
export type CallInvocationTransformer = (
  callProperties: CallProperties<any, any>,
) => CallProperties<any, any>;

export type ClientOptions = Partial<ChannelOptions> & {
  channelOverride?: Channel;
  channelFactoryOverride?: (
    address: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
  ) => Channel;
  interceptors?: Interceptor[];
  interceptor_providers?: InterceptorProvider[];
  callInvocationTransformer?: CallInvocationTransformer;
};

// Taken now: who wraps it, on a channel or for all of them, is to see every call.
const CREATE_CALL = ChannelImplementation.prototype.createCall;

/** Nothing is in the way of a call without a look at it: an own channel with its own `createCall`. */
function directly(channel: Channel): InternalChannel | undefined {
  if (!(channel instanceof ChannelImplementation)) return undefined;
  return channel.createCall === CREATE_CALL ? internalChannelOf(channel) : undefined;
}

/** Nor do its options ask for more than a deadline and a host. */
function isPlain(options: CallOptions | null | undefined): boolean {
  if (options === undefined || options === null) return true;
  const { credentials, deadline, interceptor_providers: providers, interceptors } = options;
  if (credentials || options.parent) return false;
  if (deadline !== undefined && typeof deadline !== 'number' && !(deadline instanceof Date))
    return false;
  return isEmpty(interceptors) && isEmpty(providers);
}

function isEmpty(list: readonly unknown[] | null | undefined): boolean {
  return list === undefined || list === null || list.length === 0;
}

interface ClientParts {
  readonly channel: Channel;
  /** The inside of the channel, where unary calls may go there directly. */
  readonly direct: InternalChannel | undefined;
  readonly interceptors: Interceptor[];
  readonly providers: InterceptorProvider[];
  readonly transformer: CallInvocationTransformer | undefined;
}

// Under a symbol: the names of a service's methods are the client's too, and programs list its keys.
const PARTS: unique symbol = Symbol();

interface WithParts {
  [PARTS]: ClientParts;
}

// What declarations cannot show: a field that is named by a symbol.
function give(client: Client, parts: ClientParts): void {
  (client as unknown as WithParts)[PARTS] = parts;
}

function partsOf(client: Client): ClientParts {
  return (client as unknown as WithParts)[PARTS];
}

/** Calls of one program to the services of one target; the base of generated clients. */
export class Client {
  /** @throws Error for interceptors and providers together; what `Channel` throws */
  constructor(address: string, credentials: ChannelCredentials, options?: ClientOptions) {
    const { callInvocationTransformer, interceptor_providers, ...others } = options ?? {};
    const { interceptors: given, ...rest } = others;
    // Null is none as well.
    const interceptors = given ?? [];
    const providers = interceptor_providers ?? [];
    if (interceptors.length > 0 && providers.length > 0) {
      throw new Error(
        'Both interceptors and interceptor_providers were passed as options to the client constructor. Only one of these is allowed.',
      );
    }
    const channel = channelFor(address, credentials, rest);
    const isBare = interceptors.length + providers.length === 0 && !callInvocationTransformer;
    give(this, {
      channel,
      direct: isBare ? directly(channel) : undefined,
      interceptors,
      providers,
      transformer: callInvocationTransformer,
    });
  }

  /** Ends the channel: calls without a connection fail, the others go on to their end. */
  close(): void {
    partsOf(this).channel.close();
  }

  getChannel(): Channel {
    return partsOf(this).channel;
  }

  /** Connects, and calls back when connected, or with an error past the deadline. */
  waitForReady(deadline: Deadline, callback: (error?: Error) => void): void {
    const look = (error?: Error): void => {
      if (error !== undefined) {
        callback(new Error('Failed to connect before the deadline'));
        return;
      }
      const channel = partsOf(this).channel;
      let state: ConnectivityState;
      try {
        state = channel.getConnectivityState(true);
        if (state !== ConnectivityState.READY) {
          channel.watchConnectivityState(state, deadline, look);
          return;
        }
      } catch {
        callback(new Error('The channel has been closed'));
        return;
      }
      callback();
    };
    setImmediate(look);
  }

  makeUnaryRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    metadata: Metadata,
    options: CallOptions,
    callback: UnaryCallback<ResponseType>,
  ): ClientUnaryCall;
  makeUnaryRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    metadata: Metadata,
    callback: UnaryCallback<ResponseType>,
  ): ClientUnaryCall;
  makeUnaryRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    options: CallOptions,
    callback: UnaryCallback<ResponseType>,
  ): ClientUnaryCall;
  makeUnaryRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    callback: UnaryCallback<ResponseType>,
  ): ClientUnaryCall;
  makeUnaryRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    arg1: Metadata | CallOptions | UnaryCallback<ResponseType>,
    arg2?: CallOptions | UnaryCallback<ResponseType>,
    arg3?: UnaryCallback<ResponseType>,
  ): ClientUnaryCall {
    const { callback, metadata, options } = unaryArguments<ResponseType>(arg1, arg2, arg3);
    const direct = partsOf(this).direct;
    const site = callSite();
    if (direct === undefined || typeof method !== 'string' || !isPlain(options)) {
      const definition = definitionOf(method, false, false, serialize, deserialize);
      const properties = transformed<RequestType, ResponseType>(this, {
        argument,
        metadata: metadata ?? new Metadata(),
        call: new ClientUnaryCallImpl(),
        channel: partsOf(this).channel,
        methodDefinition: definition,
        callOptions: options ?? {},
        callback,
      });
      const call = callFor(this, properties);
      call.start(properties.metadata, singleResponse(properties, call, callback, site));
      call.sendMessage(argument);
      call.halfClose();
      return properties.call;
    }
    if (direct.isClosed) throw new Error('Channel has been shut down');
    const surface = new ClientUnaryCallImpl();
    const call = new DirectUnaryCall(direct, surface, deserialize, callback, site);
    surface.call = call;
    call.begin(method, serialize, argument, metadata, options);
    return surface;
  }

  makeClientStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    metadata: Metadata,
    options: CallOptions,
    callback: UnaryCallback<ResponseType>,
  ): ClientWritableStream<RequestType>;
  makeClientStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    metadata: Metadata,
    callback: UnaryCallback<ResponseType>,
  ): ClientWritableStream<RequestType>;
  makeClientStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    options: CallOptions,
    callback: UnaryCallback<ResponseType>,
  ): ClientWritableStream<RequestType>;
  makeClientStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    callback: UnaryCallback<ResponseType>,
  ): ClientWritableStream<RequestType>;
  makeClientStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    arg1: Metadata | CallOptions | UnaryCallback<ResponseType>,
    arg2?: CallOptions | UnaryCallback<ResponseType>,
    arg3?: UnaryCallback<ResponseType>,
  ): ClientWritableStream<RequestType> {
    const { callback, metadata, options } = unaryArguments<ResponseType>(arg1, arg2, arg3);
    const properties = transformed<RequestType, ResponseType>(this, {
      metadata: metadata ?? new Metadata(),
      call: new ClientWritableStreamImpl<RequestType>(serialize),
      channel: partsOf(this).channel,
      methodDefinition: definitionOf(method, true, false, serialize, deserialize),
      callOptions: options ?? {},
      callback,
    });
    const call = callFor(this, properties);
    call.start(properties.metadata, singleResponse(properties, call, callback, callSite()));
    // What the transformer returned, unless it replaced the stream.
    return properties.call as ClientWritableStream<RequestType>;
  }

  makeServerStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    metadata: Metadata,
    options?: CallOptions,
  ): ClientReadableStream<ResponseType>;
  makeServerStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    options?: CallOptions,
  ): ClientReadableStream<ResponseType>;
  makeServerStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    argument: RequestType,
    arg1?: Metadata | CallOptions,
    arg2?: CallOptions,
  ): ClientReadableStream<ResponseType> {
    const { metadata, options } = streamArguments(arg1, arg2);
    const properties = transformed<RequestType, ResponseType>(this, {
      argument,
      metadata,
      call: new ClientReadableStreamImpl<ResponseType>(deserialize),
      channel: partsOf(this).channel,
      methodDefinition: definitionOf(method, false, true, serialize, deserialize),
      callOptions: options,
    });
    const call = callFor(this, properties);
    // As above.
    const stream = properties.call as ClientReadableStreamImpl<ResponseType>;
    call.start(properties.metadata, new ResponseStreamListener(stream, callSite()));
    call.sendMessage(argument);
    call.halfClose();
    return stream;
  }

  makeBidiStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    metadata: Metadata,
    options?: CallOptions,
  ): ClientDuplexStream<RequestType, ResponseType>;
  makeBidiStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    options?: CallOptions,
  ): ClientDuplexStream<RequestType, ResponseType>;
  makeBidiStreamRequest<RequestType, ResponseType>(
    method: string,
    serialize: (value: RequestType) => Buffer,
    deserialize: (value: Buffer) => ResponseType,
    arg1?: Metadata | CallOptions,
    arg2?: CallOptions,
  ): ClientDuplexStream<RequestType, ResponseType> {
    const { metadata, options } = streamArguments(arg1, arg2);
    const properties = transformed<RequestType, ResponseType>(this, {
      metadata,
      call: new ClientDuplexStreamImpl<RequestType, ResponseType>(serialize, deserialize),
      channel: partsOf(this).channel,
      methodDefinition: definitionOf(method, true, true, serialize, deserialize),
      callOptions: options,
    });
    const call = callFor(this, properties);
    // As above.
    const stream = properties.call as ClientDuplexStreamImpl<RequestType, ResponseType>;
    call.start(properties.metadata, new ResponseStreamListener<ResponseType>(stream, callSite()));
    return stream;
  }
}

function channelFor(
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions,
): Channel {
  const { channelFactoryOverride, channelOverride, ...rest } = options;
  if (channelOverride) return channelOverride;
  if (channelFactoryOverride) return channelFactoryOverride(address, credentials, rest);
  return new ChannelImplementation(address, credentials, rest);
}

// Not methods: the names of a service's methods are the client's too.

function transformed<RequestType, ResponseType>(
  client: Client,
  properties: CallProperties<RequestType, ResponseType>,
): CallProperties<RequestType, ResponseType> {
  const { transformer } = partsOf(client);
  return transformer ? transformer(properties) : properties;
}

function callFor<RequestType, ResponseType>(
  client: Client,
  properties: CallProperties<RequestType, ResponseType>,
): InterceptingCallInterface {
  const { call: surface, callOptions, channel, methodDefinition } = properties;
  const { interceptors, providers } = partsOf(client);
  const call = getInterceptingCall(
    {
      clientInterceptors: interceptors,
      clientInterceptorProviders: providers,
      callInterceptors: callOptions.interceptors ?? [],
      callInterceptorProviders: callOptions.interceptor_providers ?? [],
    },
    methodDefinition,
    callOptions,
    channel,
  );
  surface.call = call;
  return call;
}

function definitionOf<RequestType, ResponseType>(
  path: string,
  requestStream: boolean,
  responseStream: boolean,
  requestSerialize: (value: RequestType) => Buffer,
  responseDeserialize: (value: Buffer) => ResponseType,
): ClientMethodDefinition<RequestType, ResponseType> {
  return { path, requestStream, responseStream, requestSerialize, responseDeserialize };
}

function singleResponse<RequestType, ResponseType>(
  properties: CallProperties<RequestType, ResponseType>,
  call: InterceptingCallInterface,
  callback: UnaryCallback<ResponseType>,
  site: CallSite,
): SingleResponseListener<ResponseType> {
  return new SingleResponseListener(properties.call, call, properties.callback ?? callback, site);
}
