/// <reference types="node" preserve="true" />
// The public face of Sluice: explicit names, nothing else.
// What is not exported here may change without notice.

export { type CallInvoker, type Client, type ClientMethod, createClient } from './api/client.ts';
export { Outbox, type OutboxOptions } from './api/outbox.ts';
export {
  findDetails,
  type StatusDetail,
  statusDetails,
  statusErrorWithDetails,
} from './api/status-details.ts';
export type { BackoffOptions } from './channel/backoff.ts';
export {
  type BalancedSubchannel,
  type Balancer,
  type BalancerContext,
  type BalancerFactory,
  type BalancerTimer,
  balancerFactory,
  type FindBalancer,
  type Picker,
  type PickInfo,
  type PickResult,
  type PickTracker,
  registerBalancer,
} from './channel/balancer.ts';
export {
  type CallCredentials,
  type CredentialsRequest,
  combineCredentials,
} from './channel/call-credentials.ts';
export type { CallListener } from './channel/call-handle.ts';
export type { CallOptions, ChildCall, ParentCall } from './channel/call-options.ts';
export { type Call, Channel, connect } from './channel/channel.ts';
export type { ChannelOptions } from './channel/channel-options.ts';
export type { ConnectionsOptions } from './channel/connections-options.ts';
export type {
  CallRequest,
  CallResponse,
  ClientInterceptor,
  StreamCallRequest,
  StreamCallResponse,
  UnaryCallRequest,
  UnaryCallResponse,
} from './channel/interceptor.ts';
export type { Requests } from './channel/request-pump.ts';
export {
  type BackendAddress,
  type Resolution,
  type Resolver,
  type ResolverContext,
  type ResolverFactory,
  type ResolverListener,
  registerResolver,
  type TargetUri,
} from './channel/resolver.ts';
export type {
  HedgingPolicy,
  MethodConfig,
  MethodName,
  RetryPolicy,
  RetryThrottling,
  ServiceConfig,
} from './channel/service-config.ts';
export type { ConnectivityState } from './channel/subchannel.ts';
export type { WatchOptions } from './channel/waiter.ts';
export type { CodecDone, MessageCodec } from './grpc/compression-codec.ts';
export { uncompressed } from './grpc/compression-mark.ts';
export { registerMessageEncoding } from './grpc/compression-names.ts';
export {
  brotliEncoding,
  deflateEncoding,
  gzipEncoding,
  zstdEncoding,
} from './grpc/compression-zlib.ts';
export { Metadata, type MetadataInit } from './grpc/metadata.ts';
export type { Codec, Method, MethodKind } from './grpc/method.ts';
export { Status } from './grpc/status.ts';
export { StatusError, type StatusErrorOptions } from './grpc/status-error.ts';
export type { CallHandler, ServerCall } from './server/callback-listener.ts';
export type { ConnectionInjector, InjectorOptions } from './server/connection-injector.ts';
export type { MethodInfo, ServerContext } from './server/context.ts';
export type { EndSignal } from './server/drain-signals.ts';
export type { ArrivingCall, Shedding } from './server/handler-load.ts';
export type {
  NextHandler,
  ServerInterceptor,
  ServerRequest,
  ServerResponse,
  StreamServerRequest,
  StreamServerResponse,
  UnaryServerRequest,
  UnaryServerResponse,
} from './server/interceptor.ts';
export type { QueueDelayOptions } from './server/queue-delay.ts';
export type { MethodOptions, MethodTarget } from './server/served-method.ts';
export { createServer, Server } from './server/server.ts';
export type { ServerOptions } from './server/server-options.ts';
export type { HandlerOf, ServiceHandlers, UntypedHandler } from './server/service-handlers.ts';
export type { BidiStreamingHandler, ClientStreamingHandler } from './server/streaming-handler.ts';
export type { ServerStreamingHandler, UnaryHandler } from './server/unary-handler.ts';
export {
  type AnyService,
  type MethodNameOf,
  type MethodTypesOf,
  methodOf,
  serviceMethods,
  type TypedMethod,
} from './service/any-service.ts';
export type { MethodTypes } from './service/method-types.ts';
export { withMethodsOf } from './service/protobuf-ts.ts';
export type { ServiceMethod } from './service/service-method.ts';
export type { LimitReading } from './transport/admission.ts';
export {
  type CertificateFiles,
  type CertificateFilesOptions,
  type CertificateMaterial,
  type CertificateSource,
  certificateFiles,
} from './transport/certificate-files.ts';
export type { KeepaliveOptions } from './transport/client-keepalive.ts';
export type { AdaptiveConcurrencyOptions } from './transport/concurrency-limiter.ts';
export type { BackendStats, ConnectionStats, RuntimeStats } from './transport/connection-stats.ts';
export type { ClientCertificates, ClientTlsOptions } from './transport/connector.ts';
export {
  type AttemptEvent,
  type CallEvent,
  type ConnectionEvent,
  type GoAwayEvent,
  type LimitEvent,
  type SluiceEvents,
  type StallEvent,
  type StreamEvent,
  subscribe,
} from './transport/diagnostics.ts';
export { type Limit, type LimitName, limits } from './transport/limit-table.ts';
export {
  type ClientLimits,
  defaultClientLimits,
  defaultServerLimits,
  type ServerLimits,
} from './transport/limits.ts';
export type { ListenAddress, ListenTarget, ServerTlsOptions } from './transport/listener.ts';
export { type MemoryBudget, type MemoryReading, memoryBudget } from './transport/memory-budget.ts';
export type { Peer, PeerCertificate } from './transport/peer.ts';
export type { ServerKeepaliveOptions } from './transport/server-keepalive.ts';
export type { ServerStreamListener } from './transport/server-stream.ts';
export type { StallKind, StallReason } from './transport/stall.ts';
