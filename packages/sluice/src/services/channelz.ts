/// <reference types="node" preserve="true" />
// The entry point `sluice/channelz`: the standard service that shows the channels, servers and
// connections of a process to debugging tools.
// Invariants: it costs nothing until it is asked; every list is in pages of at most MAX_PAGE.
// gRFC A14, grpc.channelz.v1. Not here: what there is to show (channelz-entities.ts) and what is said
// of it (channelz-data.ts, channelz-socket.ts).

import { Channelz } from '../gen/grpc/channelz/v1/channelz_pb.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Server } from '../server/server.ts';
import type { ServiceHandlers } from '../server/service-handlers.ts';
import {
  channelMessage,
  connectionRef,
  serverMessage,
  subchannelMessage,
} from './channelz-data.ts';
import {
  allChannels,
  allServers,
  allSubchannels,
  channelzIdOf,
  connectionOf,
  connectionsOf,
  entityOf,
  listenerOf,
  type Numbered,
  numbered,
  numberedServer,
} from './channelz-entities.ts';
import { connectionMessage, listenerMessage } from './channelz-socket.ts';

export { Channelz, channelzIdOf };

/** The most entries of a page, and how many there are where the request does not say. */
const MAX_PAGE = 100;

/**
 * Adds the channelz service to a server: `addChannelz(server)`. It shows every channel and server of
 * the process with the addresses of their peers, so it belongs on a server that only operators reach.
 * Messages and keepalives are not counted, and subchannels count no calls: those fields are 0.
 * @throws Error if the server has it already
 */
export function addChannelz(server: Server): void {
  server.add(Channelz, channelzHandlers);
}

/** What the service answers, for whoever serves it otherwise than by `addChannelz`. */
export const channelzHandlers: ServiceHandlers<typeof Channelz> = {
  getTopChannels({ startChannelId, maxResults }) {
    const { entries, end } = pageOf(allChannels(), startChannelId, maxResults);
    return { channel: entries.map(channelMessage), end };
  },
  getServers({ startServerId, maxResults }) {
    const { entries, end } = pageOf(allServers(), startServerId, maxResults);
    return { server: entries.map(serverMessage), end };
  },
  getServer({ serverId }) {
    const server = found(entityOf(allServers(), serverId), 'server', serverId);
    return { server: serverMessage(numberedServer(server)) };
  },
  getServerSockets({ serverId, startSocketId, maxResults }) {
    const server = found(entityOf(allServers(), serverId), 'server', serverId);
    const { entries, end } = pageOf(connectionsOf(server), startSocketId, maxResults);
    return { socketRef: entries.map(connectionRef), end };
  },
  getChannel({ channelId }) {
    const channel = found(entityOf(allChannels(), channelId), 'channel', channelId);
    return { channel: channelMessage(numbered(channel)) };
  },
  getSubchannel({ subchannelId }) {
    const subchannel = found(entityOf(allSubchannels(), subchannelId), 'subchannel', subchannelId);
    return { subchannel: subchannelMessage(numbered(subchannel)) };
  },
  getSocket({ socketId, summary }) {
    const connection = connectionOf(socketId);
    if (connection !== undefined) return { socket: connectionMessage(connection, summary) };
    return { socket: listenerMessage(found(listenerOf(socketId), 'socket', socketId)) };
  },
};

function found<T>(entity: T | undefined, kind: string, id: bigint): T {
  if (entity !== undefined) return entity;
  const text = `no ${kind} has the id ${id}; it may be closed, list those there are`;
  throw new StatusError(Status.NOT_FOUND, text);
}

function pageOf<T>(
  all: readonly Numbered<T>[],
  start: bigint,
  maxResults: bigint,
): { readonly entries: readonly Numbered<T>[]; readonly end: boolean } {
  if (maxResults < 0n) {
    const text = `max_results is ${maxResults}; it must be 0 or more`;
    throw new StatusError(Status.INVALID_ARGUMENT, text);
  }
  const size = maxResults === 0n || maxResults > MAX_PAGE ? MAX_PAGE : Number(maxResults);
  const later = all.filter(({ id }) => id >= start);
  later.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { entries: later.slice(0, size), end: later.length <= size };
}
