// The messages of grpc.channelz.v1 as @grpc/proto-loader has them; to be given on the left, to be read
// on the right (`__Output`).
// gRFC A14. Not here: the service (channelz-definition.ts).

import type { MethodDefinition, ServiceDefinition } from './make-client.ts';
import type { UntypedServiceImplementation } from './server.ts';
import type { handleUnaryCall } from './server-call.ts';

/** A 64-bit integer, or one that is about to be. */
export type Integer = number | string | { toString(): string };

export interface Timestamp {
  seconds?: Integer;
  nanos?: number;
}

export interface ChannelRefMessage {
  channel_id?: Integer;
  name?: string;
}

export interface SubchannelRefMessage {
  subchannel_id?: Integer;
  name?: string;
}

export interface SocketRefMessage {
  socket_id?: Integer;
  name?: string;
}

export interface ServerRefMessage {
  server_id?: Integer;
  name?: string;
}

export interface ChannelTraceEvent {
  description?: string;
  severity?: 'CT_UNKNOWN' | 'CT_INFO' | 'CT_WARNING' | 'CT_ERROR' | number;
  timestamp?: Timestamp | null;
  channel_ref?: ChannelRefMessage | null;
  subchannel_ref?: SubchannelRefMessage | null;
  child_ref?: 'channel_ref' | 'subchannel_ref';
}

export interface ChannelTrace {
  num_events_logged?: Integer;
  creation_timestamp?: Timestamp | null;
  events?: ChannelTraceEvent[];
}

export interface CallCounters {
  trace?: ChannelTrace | null;
  calls_started?: Integer;
  calls_succeeded?: Integer;
  calls_failed?: Integer;
  last_call_started_timestamp?: Timestamp | null;
}

export interface ChannelData extends CallCounters {
  state?: { state?: string | number } | null;
  target?: string;
}

export interface ChannelMessage {
  ref?: ChannelRefMessage | null;
  data?: ChannelData | null;
  channel_ref?: ChannelRefMessage[];
  subchannel_ref?: SubchannelRefMessage[];
  socket_ref?: SocketRefMessage[];
}

export interface SubchannelMessage {
  ref?: SubchannelRefMessage | null;
  data?: ChannelData | null;
  channel_ref?: ChannelRefMessage[];
  subchannel_ref?: SubchannelRefMessage[];
  socket_ref?: SocketRefMessage[];
}

export interface ServerMessage {
  ref?: ServerRefMessage | null;
  data?: CallCounters | null;
  listen_socket?: SocketRefMessage[];
}

export interface AddressMessage {
  tcpip_address?: { ip_address?: Buffer | Uint8Array | string; port?: number } | null;
  uds_address?: { filename?: string } | null;
  address?: 'tcpip_address' | 'uds_address' | 'other_address';
}

export interface SocketMessage {
  ref?: SocketRefMessage | null;
  local?: AddressMessage | null;
  remote?: AddressMessage | null;
  remote_name?: string;
  data?: {
    streams_started?: Integer;
    streams_succeeded?: Integer;
    streams_failed?: Integer;
    messages_sent?: Integer;
    messages_received?: Integer;
    keep_alives_sent?: Integer;
    last_local_stream_created_timestamp?: Timestamp | null;
    last_remote_stream_created_timestamp?: Timestamp | null;
    last_message_sent_timestamp?: Timestamp | null;
    last_message_received_timestamp?: Timestamp | null;
    local_flow_control_window?: { value?: Integer } | null;
    remote_flow_control_window?: { value?: Integer } | null;
    option?: { name?: string; value?: string }[];
  } | null;
  security?: {
    tls?: {
      standard_name?: string;
      other_name?: string;
      local_certificate?: Buffer | Uint8Array | string;
      remote_certificate?: Buffer | Uint8Array | string;
      cipher_suite?: 'standard_name' | 'other_name';
    } | null;
    model?: 'tls' | 'other';
  } | null;
}

export interface GetTopChannelsRequest__Output {
  start_channel_id: string;
  max_results: string;
}

export interface GetServersRequest__Output {
  start_server_id: string;
  max_results: string;
}

export interface GetServerSocketsRequest__Output {
  server_id: string;
  start_socket_id: string;
  max_results: string;
}

export interface GetTopChannelsResponse {
  channel?: ChannelMessage[];
  end?: boolean;
}

export interface GetServersResponse {
  server?: ServerMessage[];
  end?: boolean;
}

export interface GetServerSocketsResponse {
  socket_ref?: SocketRefMessage[];
  end?: boolean;
}

/** What answers the calls of the service. */
export interface ChannelzHandlers extends UntypedServiceImplementation {
  GetChannel: handleUnaryCall<{ channel_id: string }, { channel?: ChannelMessage | null }>;
  GetServer: handleUnaryCall<{ server_id: string }, { server?: ServerMessage | null }>;
  GetServerSockets: handleUnaryCall<GetServerSocketsRequest__Output, GetServerSocketsResponse>;
  GetServers: handleUnaryCall<GetServersRequest__Output, GetServersResponse>;
  GetSocket: handleUnaryCall<
    { socket_id: string; summary: boolean },
    { socket?: SocketMessage | null }
  >;
  GetSubchannel: handleUnaryCall<
    { subchannel_id: string },
    { subchannel?: SubchannelMessage | null }
  >;
  GetTopChannels: handleUnaryCall<GetTopChannelsRequest__Output, GetTopChannelsResponse>;
}

// Requests and answers as they come out of the codecs differ from what goes in, by their defaults.
type Method = MethodDefinition<object, object>;

/** The service; for `server.addService` and `makeClientConstructor`. */
export interface ChannelzDefinition extends ServiceDefinition {
  GetChannel: Method;
  GetServer: Method;
  GetServerSockets: Method;
  GetServers: Method;
  GetSocket: Method;
  GetSubchannel: Method;
  GetTopChannels: Method;
}
