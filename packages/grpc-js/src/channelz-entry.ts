// What channelz says of an entity that a program registered.
// Invariant: read when it is asked for; what the program does not know is null, and never guessed.
// gRFC A14, grpc.channelz.v1. Not here: who is registered (channelz-registry.ts).

import { isIPv4, isIPv6 } from 'node:net';
import type {
  AddressMessage,
  CallCounters,
  ChannelMessage,
  ServerMessage,
  SocketMessage,
  SubchannelMessage,
} from './channelz-messages.ts';
import type { ChannelInfo, Entry, ServerInfo, SocketInfo, TlsInfo } from './channelz-registry.ts';
import {
  type ChannelzCallTracker,
  type ChannelzChildren,
  type ChannelzTrace,
  type ChannelzTraceStub,
  dateToProtoTimestamp,
  EntityTypes,
  type ServerRef,
  type SocketRef,
} from './channelz-trackers.ts';
import { ConnectivityState } from './connectivity-state.ts';
import { isTcpSubchannelAddress, type SubchannelAddress } from './subchannel-address.ts';

/** What is said of an entity that a program registered. */
export function entryMessage(
  entry: Entry,
): ChannelMessage | SubchannelMessage | ServerMessage | SocketMessage {
  const { ref } = entry;
  if (ref.kind === EntityTypes.socket) return socketMessage(ref, entry.getInfo() as SocketInfo);
  if (ref.kind === EntityTypes.server) return serverMessage(ref, entry.getInfo() as ServerInfo);
  const { target, state, trace, callTracker, children } = entry.getInfo() as ChannelInfo;
  const { id, name } = ref;
  const numbered = ref.kind === EntityTypes.channel ? { channel_id: id } : { subchannel_id: id };
  return {
    ref: { ...numbered, name },
    data: { target, state: { state: ConnectivityState[state] }, ...counters(trace, callTracker) },
    channel_ref: refsOf(children.channels).map((one) => ({ channel_id: one.id, name: one.name })),
    subchannel_ref: refsOf(children.subchannels).map((one) => ({
      subchannel_id: one.id,
      name: one.name,
    })),
    ...(ref.kind === EntityTypes.subchannel && { socket_ref: socketRefs(children) }),
  };
}

function counters(
  trace: ChannelzTrace | ChannelzTraceStub,
  calls: ChannelzCallTracker,
): CallCounters {
  return {
    trace: trace.getTraceMessage(),
    calls_started: calls.callsStarted,
    calls_succeeded: calls.callsSucceeded,
    calls_failed: calls.callsFailed,
    last_call_started_timestamp: dateToProtoTimestamp(calls.lastCallStartedTimestamp),
  };
}

function serverMessage({ id }: ServerRef, info: ServerInfo): ServerMessage {
  return {
    ref: { server_id: id },
    data: counters(info.trace, info.callTracker),
    listen_socket: socketRefs(info.listenerChildren),
  };
}

/** The sockets among children, by their numbers. */
export function socketRefs({ sockets }: ChannelzChildren): { socket_id: number; name: string }[] {
  return refsOf(sockets).map(({ id, name }) => ({ socket_id: id, name }));
}

function refsOf<R extends { readonly id: number }>(
  children: ReadonlyMap<number, { readonly ref: R }>,
): R[] {
  return [...children.values()].map(({ ref }) => ref).sort((a, b) => a.id - b.id);
}

function socketMessage({ id, name }: SocketRef, info: SocketInfo): SocketMessage {
  const { localFlowControlWindow: local, remoteFlowControlWindow: remote } = info;
  return {
    ref: { socket_id: id, name },
    local: addressMessage(info.localAddress),
    remote: addressMessage(info.remoteAddress),
    ...(info.remoteName !== null && { remote_name: info.remoteName }),
    security: securityMessage(info.security),
    data: {
      streams_started: info.streamsStarted,
      streams_succeeded: info.streamsSucceeded,
      streams_failed: info.streamsFailed,
      messages_sent: info.messagesSent,
      messages_received: info.messagesReceived,
      keep_alives_sent: info.keepAlivesSent,
      last_local_stream_created_timestamp: dateToProtoTimestamp(
        info.lastLocalStreamCreatedTimestamp,
      ),
      last_remote_stream_created_timestamp: dateToProtoTimestamp(
        info.lastRemoteStreamCreatedTimestamp,
      ),
      last_message_sent_timestamp: dateToProtoTimestamp(info.lastMessageSentTimestamp),
      last_message_received_timestamp: dateToProtoTimestamp(info.lastMessageReceivedTimestamp),
      local_flow_control_window: local === null ? null : { value: local },
      remote_flow_control_window: remote === null ? null : { value: remote },
    },
  };
}

function securityMessage(tls: TlsInfo | null): NonNullable<SocketMessage['security']> | null {
  if (tls === null) return null;
  const { cipherSuiteStandardName: standard, cipherSuiteOtherName: other } = tls;
  const { localCertificate, remoteCertificate } = tls;
  return {
    tls: {
      ...(standard ? { standard_name: standard } : { other_name: other ?? '' }),
      ...(localCertificate && { local_certificate: localCertificate }),
      ...(remoteCertificate && { remote_certificate: remoteCertificate }),
    },
  };
}

function addressMessage(address: SubchannelAddress | null): AddressMessage | null {
  if (address === null) return null;
  if (!isTcpSubchannelAddress(address)) return { uds_address: { filename: address.path } };
  const ipAddress = ipBytes(address.host);
  if (ipAddress === undefined) return null;
  return { tcpip_address: { ip_address: ipAddress, port: address.port } };
}

function ipBytes(host: string): Buffer | undefined {
  if (isIPv4(host)) return Buffer.from(host.split('.').map(Number));
  const plain = host.replace(/%.*$/, '');
  if (!isIPv6(plain)) return undefined;
  // The URL parser leaves groups in hexadecimal and at most one `::`.
  const [head = '', tail = ''] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail);
  const missing = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return Buffer.from(
    [...first, ...missing, ...last].flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
