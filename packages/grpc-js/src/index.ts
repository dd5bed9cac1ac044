// The public face: the names of @grpc/grpc-js 1.14.7, each from the file that has its name there.
// Not here: what any of them does.

import type {
  ClientDuplexStream,
  ClientReadableStream,
  ClientUnaryCall,
  ClientWritableStream,
} from './call.ts';
import { CallCredentials, type OAuth2Client } from './call-credentials.ts';
import type { Channel } from './channel.ts';
import { ChannelCredentials } from './channel-credentials.ts';
import { Client } from './client.ts';
import type { LogVerbosity } from './constants.ts';
import * as experimental from './experimental.ts';
import * as logging from './logging.ts';

export { addAdminServicesToServer } from './admin.ts';
export type {
  ClientDuplexStream,
  ClientReadableStream,
  ClientUnaryCall,
  ClientWritableStream,
  ServiceError,
} from './call.ts';
export { CallCredentials, type OAuth2Client } from './call-credentials.ts';
export type { InterceptingListener, Listener, StatusObject } from './call-interface.ts';
export { type Channel as ChannelInterface, ChannelImplementation as Channel } from './channel.ts';
export { ChannelCredentials, type VerifyOptions } from './channel-credentials.ts';
export type { ChannelOptions } from './channel-options.ts';
export { getChannelzHandlers, getChannelzServiceDefinition } from './channelz.ts';
export {
  type CallInvocationTransformer,
  type CallOptions,
  type CallProperties,
  Client,
  type ClientOptions,
  type UnaryCallback as requestCallback,
} from './client.ts';
export {
  InterceptingCall,
  type Interceptor,
  InterceptorConfigurationError,
  type InterceptorOptions,
  type InterceptorProvider,
  ListenerBuilder,
  type NextCall,
  type Requester,
  RequesterBuilder,
} from './client-interceptors.ts';
export { CompressionAlgorithms as compressionAlgorithms } from './compression-algorithms.ts';
export { ConnectivityState as connectivityState } from './connectivity-state.ts';
export {
  LogVerbosity as logVerbosity,
  Propagate as propagate,
  Status as status,
} from './constants.ts';
export type { Deadline } from './deadline.ts';
export {
  type Deserialize as deserialize,
  type GrpcObject,
  loadPackageDefinition,
  type MethodDefinition,
  makeClientConstructor,
  makeClientConstructor as makeGenericClientConstructor,
  type ProtobufTypeDefinition,
  type Serialize as serialize,
  type ServerMethodDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from './make-client.ts';
export { Metadata, type MetadataOptions, type MetadataValue } from './metadata.ts';
export { ServerMetricRecorder } from './orca.ts';
export {
  type ConnectionInjector,
  Server,
  type ServerOptions,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from './server.ts';
export type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerErrorResponse,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from './server-call.ts';
export { type KeyCertPair, ServerCredentials } from './server-credentials.ts';
export {
  type FullResponder,
  type FullServerListener,
  type Responder,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from './server-interceptors.ts';
export type {
  LoadBalancingConfig,
  MethodConfig,
  RetryPolicy,
  ServiceConfig,
} from './service-config.ts';
export { StatusBuilder } from './status-builder.ts';
export { experimental };

export type Call =
  | ClientUnaryCall
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  | ClientReadableStream<any>
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  | ClientWritableStream<any>
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  | ClientDuplexStream<any, any>;

export const credentials: {
  combineChannelCredentials: (
    channelCredentials: ChannelCredentials,
    ...callCredentials: CallCredentials[]
  ) => ChannelCredentials;
  combineCallCredentials: (
    first: CallCredentials,
    ...additional: CallCredentials[]
  ) => CallCredentials;
  createInsecure: typeof ChannelCredentials.createInsecure;
  createSsl: typeof ChannelCredentials.createSsl;
  createFromSecureContext: typeof ChannelCredentials.createFromSecureContext;
  createFromMetadataGenerator: typeof CallCredentials.createFromMetadataGenerator;
  createFromGoogleCredential: (googleCredentials: OAuth2Client) => CallCredentials;
  createEmpty: typeof CallCredentials.createEmpty;
} = {
  combineChannelCredentials: (channelCredentials, ...callCredentials) =>
    callCredentials.reduce((all, one) => all.compose(one), channelCredentials),
  combineCallCredentials: (first, ...additional) =>
    additional.reduce((all, one) => all.compose(one), first),
  createInsecure: ChannelCredentials.createInsecure,
  createSsl: ChannelCredentials.createSsl,
  createFromSecureContext: ChannelCredentials.createFromSecureContext,
  createFromMetadataGenerator: CallCredentials.createFromMetadataGenerator,
  createFromGoogleCredential: CallCredentials.createFromGoogleCredential,
  createEmpty: CallCredentials.createEmpty,
};

export const closeClient = (client: Client): void => client.close();

export const waitForClientReady = (
  client: Client,
  deadline: Date | number,
  callback: (error?: Error) => void,
): void => client.waitForReady(deadline, callback);

export const getClientChannel = (client: Client): Channel =>
  Client.prototype.getChannel.call(client);

export const loadObject = (_value: unknown, _options: unknown): never => {
  throw new Error(
    'Not available in this library. Use @grpc/proto-loader and loadPackageDefinition instead',
  );
};

export const load = (_filename: unknown, _format: unknown, _options: unknown): never => {
  throw new Error(
    'Not available in this library. Use @grpc/proto-loader and loadPackageDefinition instead',
  );
};

export const setLogger = (logger: Partial<Console>): void => logging.setLogger(logger);

export const setLogVerbosity = (verbosity: LogVerbosity): void =>
  logging.setLoggerVerbosity(verbosity);

// Instrumentation assigns to these names, so they are values and not the compiler's getters.
module.exports = Object.defineProperty({ ...module.exports }, '__esModule', { value: true });
