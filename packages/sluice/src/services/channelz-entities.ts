// What channelz shows: the channels, subchannels, servers and sockets of this process, each with a
// number of its own.
// Invariants: a number is given when a thing is first looked for, is never given again, and keeps
// nothing alive; of two things of one kind the newer has the higher one.
// gRFC A14. Not here: what is said of each (channelz-data.ts, channelz-socket.ts).

import type { LiveTransport } from '../channel/dial.ts';
import { type LiveChannel, liveChannels } from '../channel/live-channels.ts';
import type { Subchannel } from '../channel/subchannel.ts';
import { type LiveServer, liveServers } from '../server/live-servers.ts';
import type { LiveConnection } from '../server/server-stats.ts';
import type { ListenAddress } from '../transport/listener.ts';

/** A connection of either end. */
export type ShownConnection = LiveTransport | LiveConnection;

/** A thing and its number. */
export interface Numbered<T> {
  readonly id: bigint;
  readonly entity: T;
}

const numbers = new WeakMap<object, bigint>();
let nextNumber = 1n;

/** A thing with its number; channels, subchannels, servers and sockets share the numbers. */
export function numbered<T extends object>(entity: T): Numbered<T> {
  let id = numbers.get(entity);
  if (id === undefined) {
    id = nextNumber;
    nextNumber += 1n;
    numbers.set(entity, id);
  }
  return { id, entity };
}

/** All channels that are open. */
export function allChannels(): Numbered<LiveChannel>[] {
  return liveChannels.all().map(numbered);
}

/** All subchannels of channels that are open, once each. */
export function allSubchannels(): Numbered<Subchannel>[] {
  const found = new Set<Subchannel>();
  for (const channel of liveChannels.all()) {
    for (const subchannel of channel.subchannels()) found.add(subchannel);
  }
  return [...found].map(numbered);
}

/** The number of a channel or a server that a program holds, or of anything else it wants listed. */
export function channelzIdOf(shown: object): bigint {
  return numbered(liveChannels.behind(shown) ?? shown).id;
}

/** All servers that listen, or have connections still. */
export function allServers(): Numbered<LiveServer>[] {
  return [...liveServers].map(numberedServer);
}

/** A server is known by the object that its program holds, which is there before it listens. */
export function numberedServer(entity: LiveServer): Numbered<LiveServer> {
  return { id: numbered(entity.server).id, entity };
}

/** The connections of a subchannel or of a server. */
export function connectionsOf(owner: Subchannel | LiveServer): Numbered<ShownConnection>[] {
  const live: Iterable<ShownConnection> = 'live' in owner ? owner.live : owner.connections;
  return [...live].map((one) => numbered(one));
}

/** The sockets a server listens on. */
export function listenersOf({ server }: LiveServer): Numbered<ListenAddress>[] {
  return server.addresses.map(numbered);
}

/** The connection of this number, of a client or a server. */
export function connectionOf(id: bigint): ShownConnection | undefined {
  for (const { entity } of [...allServers(), ...allSubchannels()]) {
    const found = entityOf(connectionsOf(entity), id);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The listening socket of this number. */
export function listenerOf(id: bigint): ListenAddress | undefined {
  return entityOf(
    allServers().flatMap(({ entity }) => listenersOf(entity)),
    id,
  );
}

/** The thing of this number among some. */
export function entityOf<T>(all: readonly Numbered<T>[], id: bigint): T | undefined {
  return all.find((one) => one.id === id)?.entity;
}
