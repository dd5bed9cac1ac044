// Who has a number with channelz: the channels and servers of this package, which Sluice shows, and
// what programs register beside them.
// Invariants: all numbers are Sluice's, so that no two things have the same; a channel or a server
// that is forgotten by its program is forgotten here.
// gRFC A14. Not here: what is said of them (channelz-entry.ts, channelz-handlers.ts).

import { sluiceChannelz } from './channelz-definition.ts';
import {
  type ChannelRef,
  type ChannelzCallTracker,
  type ChannelzCallTrackerStub,
  type ChannelzChildren,
  type ChannelzTrace,
  type ChannelzTraceStub,
  EntityTypes,
  type ServerRef,
  type SocketRef,
  type SubchannelRef,
} from './channelz-trackers.ts';
import type { ConnectivityState } from './connectivity-state.ts';
import type { SubchannelAddress } from './subchannel-address.ts';

export interface ChannelInfo {
  target: string;
  state: ConnectivityState;
  trace: ChannelzTrace | ChannelzTraceStub;
  callTracker: ChannelzCallTracker | ChannelzCallTrackerStub;
  children: ChannelzChildren;
}

export type SubchannelInfo = ChannelInfo;

export interface ServerInfo {
  trace: ChannelzTrace;
  callTracker: ChannelzCallTracker;
  listenerChildren: ChannelzChildren;
  sessionChildren: ChannelzChildren;
}

export interface TlsInfo {
  cipherSuiteStandardName: string | null;
  cipherSuiteOtherName: string | null;
  localCertificate: Buffer | null;
  remoteCertificate: Buffer | null;
}

export interface SocketInfo {
  localAddress: SubchannelAddress | null;
  remoteAddress: SubchannelAddress | null;
  security: TlsInfo | null;
  remoteName: string | null;
  streamsStarted: number;
  streamsSucceeded: number;
  streamsFailed: number;
  messagesSent: number;
  messagesReceived: number;
  keepAlivesSent: number;
  lastLocalStreamCreatedTimestamp: Date | number | null;
  lastRemoteStreamCreatedTimestamp: Date | number | null;
  lastMessageSentTimestamp: Date | number | null;
  lastMessageReceivedTimestamp: Date | number | null;
  localFlowControlWindow: number | null;
  remoteFlowControlWindow: number | null;
}

/** An entity that a program registered. */
export type Entry =
  | { readonly ref: ChannelRef; getInfo(): ChannelInfo }
  | { readonly ref: SubchannelRef; getInfo(): SubchannelInfo }
  | { readonly ref: ServerRef; getInfo(): ServerInfo }
  | { readonly ref: SocketRef; getInfo(): SocketInfo };

// In the order of their numbers, which is that of their making.
const entries: Map<number, Entry> = new Map();

/** The entities of one kind that programs registered, by their numbers. */
export function registeredOf(kind: EntityTypes): Entry[] {
  return [...entries.values()].filter(({ ref }) => ref.kind === kind);
}

/** The entity that a program registered under a number. */
export function registered(kind: EntityTypes, id: number): Entry | undefined {
  const entry = entries.get(id);
  return entry?.ref.kind === kind ? entry : undefined;
}

function newId(): number {
  // A number is an object's; this one is of nothing but itself.
  return Number(sluiceChannelz().channelzIdOf({}));
}

/** Shows an entity from now until `unregisterChannelzRef`, unless channelz is not enabled. */
export function registerChannelzChannel(
  name: string,
  getInfo: () => ChannelInfo,
  channelzEnabled: boolean,
): ChannelRef {
  const ref: ChannelRef = { id: newId(), name, kind: EntityTypes.channel };
  if (channelzEnabled) entries.set(ref.id, { ref, getInfo });
  return ref;
}

/** As `registerChannelzChannel`. */
export function registerChannelzSubchannel(
  name: string,
  getInfo: () => ChannelInfo,
  channelzEnabled: boolean,
): SubchannelRef {
  const ref: SubchannelRef = { id: newId(), name, kind: EntityTypes.subchannel };
  if (channelzEnabled) entries.set(ref.id, { ref, getInfo });
  return ref;
}

/** As `registerChannelzChannel`. */
export function registerChannelzServer(
  name: string,
  getInfo: () => ServerInfo,
  channelzEnabled: boolean,
): ServerRef {
  const ref: ServerRef = { id: newId(), name, kind: EntityTypes.server };
  if (channelzEnabled) entries.set(ref.id, { ref, getInfo });
  return ref;
}

/** As `registerChannelzChannel`. */
export function registerChannelzSocket(
  name: string,
  getInfo: () => SocketInfo,
  channelzEnabled: boolean,
): SocketRef {
  const ref: SocketRef = { id: newId(), name, kind: EntityTypes.socket };
  if (channelzEnabled) entries.set(ref.id, { ref, getInfo });
  return ref;
}

export function unregisterChannelzRef(
  ref: ChannelRef | SubchannelRef | ServerRef | SocketRef,
): void {
  entries.delete(ref.id);
}

// Sluice's own.

/** What this package says of a channel or a server that Sluice shows. */
interface Shown {
  readonly name: string;
  readonly enabled: boolean;
}

const shown: Map<number, Shown> = new Map();

const forgotten: FinalizationRegistry<number> = new FinalizationRegistry((id) => shown.delete(id));

function show(owner: object, name: string, enabled: boolean): number {
  const id = Number(sluiceChannelz().channelzIdOf(owner));
  if (!shown.has(id)) forgotten.register(owner, id);
  shown.set(id, { name, enabled });
  return id;
}

/** The reference of a channel of this package; with `enabled` false it is not shown from now on. */
export function channelRefOf(channel: object, name: string, enabled: boolean): ChannelRef {
  return { kind: EntityTypes.channel, id: show(channel, name, enabled), name };
}

/** The reference of a server of this package; with `enabled` false it is not shown from now on. */
export function serverRefOf(server: object, name: string, enabled: boolean): ServerRef {
  return { kind: EntityTypes.server, id: show(server, name, enabled), name };
}

/** The name under which a channel or a server goes here; undefined if Sluice's will do. */
export function shownName(id: number): string | undefined {
  return shown.get(id)?.name;
}

/** Whether channelz was turned off for a channel or a server. */
export function isHidden(id: number): boolean {
  return shown.get(id)?.enabled === false;
}
