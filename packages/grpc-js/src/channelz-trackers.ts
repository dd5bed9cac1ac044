// What entities that a program registers with channelz keep of themselves: references, calls, events,
// children. Channels and servers of this package need none of it: Sluice keeps their figures.
// Invariant: a trace holds at most MAX_EVENTS events, whatever is logged.
// gRFC A14. Not here: who is registered (channelz-registry.ts).

import type { ChannelTrace } from './channelz-messages.ts';

/** The severity of an event. */
export type TraceSeverity = 'CT_UNKNOWN' | 'CT_INFO' | 'CT_WARNING' | 'CT_ERROR';

export enum EntityTypes {
  channel = 'channel',
  subchannel = 'subchannel',
  server = 'server',
  socket = 'socket',
}

interface Ref {
  kind: EntityTypes;
  id: number;
  name: string;
}

/** The number and the name of a channel. */
export interface ChannelRef extends Ref {
  kind: EntityTypes.channel;
}

export interface SubchannelRef extends Ref {
  kind: EntityTypes.subchannel;
}

export interface ServerRef extends Ref {
  kind: EntityTypes.server;
}

export interface SocketRef extends Ref {
  kind: EntityTypes.socket;
}

interface TraceEvent {
  description: string;
  severity: TraceSeverity;
  timestamp: Date;
  childChannel?: ChannelRef;
  childSubchannel?: SubchannelRef;
}

/** Past them the older half goes. */
const MAX_EVENTS = 64;

/** The events of an entity, the newest of them. */
export class ChannelzTrace {
  events: TraceEvent[] = [];
  creationTimestamp: Date;
  eventsLogged = 0;

  constructor() {
    this.creationTimestamp = new Date();
  }

  addTrace(severity: TraceSeverity, description: string, child?: ChannelRef | SubchannelRef): void {
    const event: TraceEvent = { description, severity, timestamp: new Date() };
    if (child?.kind === EntityTypes.channel) event.childChannel = child;
    if (child?.kind === EntityTypes.subchannel) event.childSubchannel = child;
    this.events.push(event);
    if (this.events.length >= MAX_EVENTS) this.events = this.events.slice(MAX_EVENTS / 2);
    this.eventsLogged += 1;
  }

  getTraceMessage(): ChannelTrace {
    return {
      creation_timestamp: dateToProtoTimestamp(this.creationTimestamp),
      num_events_logged: this.eventsLogged,
      events: this.events.map((event) => ({
        description: event.description,
        severity: event.severity,
        timestamp: dateToProtoTimestamp(event.timestamp),
        ...(event.childChannel && {
          channel_ref: { channel_id: event.childChannel.id, name: event.childChannel.name },
        }),
        ...(event.childSubchannel && {
          subchannel_ref: {
            subchannel_id: event.childSubchannel.id,
            name: event.childSubchannel.name,
          },
        }),
      })),
    };
  }
}

/** Keeps none. */
export class ChannelzTraceStub {
  readonly events: TraceEvent[] = [];
  readonly creationTimestamp: Date = new Date();
  readonly eventsLogged = 0;

  addTrace(): void {}

  getTraceMessage(): ChannelTrace {
    return {
      creation_timestamp: dateToProtoTimestamp(this.creationTimestamp),
      num_events_logged: this.eventsLogged,
      events: [],
    };
  }
}

/** Each child once, with how often it is one. */
type Children<R> = Map<number, { ref: R; count: number }>;

export interface ChannelzChildren {
  channels: Children<ChannelRef>;
  subchannels: Children<SubchannelRef>;
  sockets: Children<SocketRef>;
}

/** Counts the references to the children of an entity. */
export class ChannelzChildrenTracker {
  private readonly channelChildren: Children<ChannelRef> = new Map();
  private readonly subchannelChildren: Children<SubchannelRef> = new Map();
  private readonly socketChildren: Children<SocketRef> = new Map();

  refChild(child: ChannelRef | SubchannelRef | SocketRef): void {
    if (child.kind === EntityTypes.channel) add(this.channelChildren, child);
    else if (child.kind === EntityTypes.subchannel) add(this.subchannelChildren, child);
    else add(this.socketChildren, child);
  }

  unrefChild(child: ChannelRef | SubchannelRef | SocketRef): void {
    if (child.kind === EntityTypes.channel) remove(this.channelChildren, child.id);
    else if (child.kind === EntityTypes.subchannel) remove(this.subchannelChildren, child.id);
    else remove(this.socketChildren, child.id);
  }

  getChildLists(): ChannelzChildren {
    return {
      channels: this.channelChildren,
      subchannels: this.subchannelChildren,
      sockets: this.socketChildren,
    };
  }
}

function add<R extends Ref>(children: Children<R>, ref: R): void {
  const known = children.get(ref.id);
  if (known === undefined) children.set(ref.id, { ref, count: 1 });
  else known.count += 1;
}

function remove(children: Children<Ref>, id: number): void {
  const known = children.get(id);
  if (known === undefined) return;
  known.count -= 1;
  if (known.count <= 0) children.delete(id);
}

export class ChannelzChildrenTrackerStub extends ChannelzChildrenTracker {
  override refChild(): void {}
  override unrefChild(): void {}
}

/** Counts calls. */
export class ChannelzCallTracker {
  callsStarted = 0;
  callsSucceeded = 0;
  callsFailed = 0;
  lastCallStartedTimestamp: Date | number | null = null;

  addCallStarted(): void {
    this.callsStarted += 1;
    this.lastCallStartedTimestamp = Date.now();
  }

  addCallSucceeded(): void {
    this.callsSucceeded += 1;
  }

  addCallFailed(): void {
    this.callsFailed += 1;
  }
}

export class ChannelzCallTrackerStub extends ChannelzCallTracker {
  override addCallStarted(): void {}
  override addCallSucceeded(): void {}
  override addCallFailed(): void {}
}

/** Milliseconds since the epoch, or a Date, as google.protobuf.Timestamp; null for none. */
export function dateToProtoTimestamp(
  date?: Date | number | null,
): { seconds: number; nanos: number } | null {
  if (date === undefined || date === null) return null;
  const ms = typeof date === 'number' ? date : date.getTime();
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.floor((ms - seconds * 1_000) * 1_000_000) };
}
