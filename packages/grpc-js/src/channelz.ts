// Channelz as programs import it: the service and its answers, references, and registration of what a
// program wants shown beside its channels and servers.
// gRFC A14. Not here: any of it (channelz-*.ts); servers get the service by `addAdminServicesToServer`.

import { registerAdminService } from './admin.ts';
import { channelzDefinition } from './channelz-definition.ts';
import { channelzHandlers } from './channelz-handlers.ts';
import type { ChannelzDefinition, ChannelzHandlers } from './channelz-messages.ts';
import type {
  ChannelInfo,
  Entry,
  ServerInfo,
  SocketInfo,
  SubchannelInfo,
} from './channelz-registry.ts';
import type {
  ChannelRef,
  EntityTypes,
  ServerRef,
  SocketRef,
  SubchannelRef,
} from './channelz-trackers.ts';

export type { ChannelzDefinition, ChannelzHandlers } from './channelz-messages.ts';
export {
  type ChannelInfo,
  channelRefOf,
  registerChannelzChannel,
  registerChannelzServer,
  registerChannelzSocket,
  registerChannelzSubchannel,
  type ServerInfo,
  type SocketInfo,
  type SubchannelInfo,
  serverRefOf,
  type TlsInfo,
  unregisterChannelzRef,
} from './channelz-registry.ts';
export {
  type ChannelRef,
  ChannelzCallTracker,
  ChannelzCallTrackerStub,
  type ChannelzChildren,
  ChannelzChildrenTracker,
  ChannelzChildrenTrackerStub,
  ChannelzTrace,
  ChannelzTraceStub,
  dateToProtoTimestamp,
  EntityTypes,
  type ServerRef,
  type SocketRef,
  type SubchannelRef,
  type TraceSeverity,
} from './channelz-trackers.ts';

export type RefByType<T extends EntityTypes> = T extends EntityTypes.channel
  ? ChannelRef
  : T extends EntityTypes.server
    ? ServerRef
    : T extends EntityTypes.socket
      ? SocketRef
      : T extends EntityTypes.subchannel
        ? SubchannelRef
        : never;

export type EntryByType<T extends EntityTypes> = Extract<
  Entry,
  { readonly ref: { readonly kind: T } }
>;

export type InfoByType<T extends EntityTypes> = T extends EntityTypes.channel
  ? ChannelInfo
  : T extends EntityTypes.subchannel
    ? SubchannelInfo
    : T extends EntityTypes.server
      ? ServerInfo
      : T extends EntityTypes.socket
        ? SocketInfo
        : never;

/** What answers the calls of the service: of all channels, servers and connections of the process. */
export function getChannelzHandlers(): ChannelzHandlers {
  return channelzHandlers();
}

/** The service grpc.channelz.v1. It shows addresses of peers: for servers that operators reach. */
export function getChannelzServiceDefinition(): ChannelzDefinition {
  return channelzDefinition();
}

let isSetUp = false;

/** Makes channelz one of the admin services; done when this file is loaded. */
export function setup(): void {
  if (isSetUp) return;
  isSetUp = true;
  registerAdminService(getChannelzServiceDefinition, getChannelzHandlers);
}

setup();
