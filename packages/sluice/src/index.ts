// The public face of Sluice: explicit names, nothing else.
// What is not exported here may change without notice.

export type { BackoffOptions } from './channel/backoff.ts';
export type { CallListener, CallOptions } from './channel/call.ts';
export { type Call, Channel, connect } from './channel/channel.ts';
export type { ChannelOptions } from './channel/channel-options.ts';
export type { Requests } from './channel/request-pump.ts';
export type { ConnectivityState } from './channel/subchannel.ts';
export { Metadata, type MetadataInit } from './grpc/metadata.ts';
export { Status } from './grpc/status.ts';
export { StatusError, type StatusErrorOptions } from './grpc/status-error.ts';
export type { ServerContext } from './server/context.ts';
export {
  type CallHandler,
  createServer,
  Server,
  type ServerCall,
} from './server/server.ts';
export type { ServerOptions } from './server/server-options.ts';
export type { BidiStreamingHandler, ClientStreamingHandler } from './server/streaming-handler.ts';
export type { ServerStreamingHandler, UnaryHandler } from './server/unary-handler.ts';
export type { LimitReading } from './transport/admission.ts';
export type { KeepaliveOptions } from './transport/client-keepalive.ts';
export type { ConnectionStats, RuntimeStats } from './transport/connection-stats.ts';
export type { ClientTlsOptions } from './transport/connector.ts';
export {
  type ClientLimits,
  defaultClientLimits,
  defaultServerLimits,
  type ServerLimits,
} from './transport/limits.ts';
export type { ListenAddress, ListenTarget, ServerTlsOptions } from './transport/listener.ts';
export type { ServerKeepaliveOptions } from './transport/server-keepalive.ts';
export type { ServerStreamListener } from './transport/server-stream.ts';
