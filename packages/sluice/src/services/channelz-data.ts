// What channelz says of channels, subchannels and servers.
// Invariant: read when it is asked for; what is not counted stays 0 or absent, and is never guessed.
// gRFC A14, grpc.channelz.v1. Not here: sockets (channelz-socket.ts).

import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { LiveChannel } from '../channel/live-channels.ts';
import type { ConnectivityState, Subchannel } from '../channel/subchannel.ts';
import {
  type ChannelConnectivityStateSchema,
  type ChannelSchema,
  ChannelConnectivityState_State as ChannelState,
  type ServerSchema,
  ChannelTraceEvent_Severity as Severity,
  type SocketRefSchema,
  type SubchannelSchema,
} from '../gen/grpc/channelz/v1/channelz_pb.ts';
import type { LiveServer } from '../server/live-servers.ts';
import type { ListenAddress } from '../transport/listener.ts';
import {
  connectionsOf,
  listenersOf,
  type Numbered,
  numbered,
  type ShownConnection,
} from './channelz-entities.ts';

/** A Channel: its calls are counted; its subchannels are named. */
export function channelMessage({
  id,
  entity: channel,
}: Numbered<LiveChannel>): MessageInitShape<typeof ChannelSchema> {
  const { started, succeeded, failed } = channel.counts;
  return {
    ref: { channelId: id, name: channel.target },
    data: {
      state: stateMessage(channel.state),
      target: channel.target,
      callsStarted: BigInt(started),
      callsSucceeded: BigInt(succeeded),
      callsFailed: BigInt(failed),
    },
    subchannelRef: [...channel.subchannels()].map((subchannel) => ({
      subchannelId: numbered(subchannel).id,
      name: subchannel.name,
    })),
  };
}

/** A Subchannel: its calls are those of its sockets; its trace is the last failure alone. */
export function subchannelMessage({
  id,
  entity: subchannel,
}: Numbered<Subchannel>): MessageInitShape<typeof SubchannelSchema> {
  const { name, lastFailure } = subchannel;
  const event = { description: lastFailure, severity: Severity.CT_WARNING };
  const trace =
    lastFailure === '' ? undefined : { trace: { numEventsLogged: 1n, events: [event] } };
  return {
    ref: { subchannelId: id, name },
    data: { state: stateMessage(subchannel.state), target: name, ...trace },
    socketRef: connectionsOf(subchannel).map(connectionRef),
  };
}

function stateMessage(
  state: ConnectivityState,
): MessageInitShape<typeof ChannelConnectivityStateSchema> {
  return { state: ChannelState[state] };
}

/** A Server: calls that were turned away for want of a handler slot, or shed, have failed. */
export function serverMessage({
  id,
  entity,
}: Numbered<LiveServer>): MessageInitShape<typeof ServerSchema> {
  const { started, succeeded, running, turnedAway, lastStartMs } = entity.load;
  const listeners = listenersOf(entity);
  return {
    ref: { serverId: id, name: listeners.map((one) => listenText(one.entity)).join(', ') },
    data: {
      callsStarted: BigInt(started + turnedAway),
      callsSucceeded: BigInt(succeeded),
      callsFailed: BigInt(Math.max(0, started - succeeded - running) + turnedAway),
      ...(started === 0 ? undefined : { lastCallStartedTimestamp: timestamp(lastStartMs) }),
    },
    listenSocket: listeners.map(listenerRef),
  };
}

function timestamp(ms: number): Timestamp {
  return timestampFromMs(Math.round(performance.timeOrigin + ms));
}

/** The name and number of a connection. */
export function connectionRef({
  id,
  entity: { names },
}: Numbered<ShownConnection>): MessageInitShape<typeof SocketRefSchema> {
  return { socketId: id, name: `${names.local} -> ${names.peer}` };
}

/** The name and number of a listening socket. */
export function listenerRef({
  id,
  entity,
}: Numbered<ListenAddress>): MessageInitShape<typeof SocketRefSchema> {
  return { socketId: id, name: listenText(entity) };
}

/** `127.0.0.1:50051`, `[::]:50051`, or a path. */
export function listenText({ address, port }: ListenAddress): string {
  if (address.includes('/') || address.startsWith('\0')) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
