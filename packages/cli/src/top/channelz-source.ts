// A look at a process that serves channelz alone: its channels, servers and sockets, one call each.
// Invariants: of each channel and server at most so many sockets are asked for; what a process that is
// not Sluice does not tell is 0. gRFC A14. Not here: limits, waits, the process: channelz has none.

import { type Channel, createClient } from 'sluice';
import { Channelz } from 'sluice/channelz';
import type { Look, LookedConnection, LookedEnd } from './look.ts';

/** The names of grpc.channelz.v1's states, by their numbers. */
const STATES = ['UNKNOWN', 'IDLE', 'CONNECTING', 'READY', 'TRANSIENT_FAILURE', 'SHUTDOWN'];

/** @throws StatusError */
export async function channelzLook(
  channel: Channel,
  most: number,
  timeoutMs: number,
): Promise<Look> {
  const client = createClient(Channelz, channel, { timeoutMs });

  const socket = async (socketId: bigint): Promise<LookedConnection | undefined> => {
    try {
      const { socket: found } = await client.getSocket({ socketId });
      return found === undefined ? undefined : connectionOf(Number(socketId), found);
    } catch {
      // It was closed in between.
      return undefined;
    }
  };
  const sockets = async (refs: readonly { socketId: bigint }[]): Promise<LookedConnection[]> => {
    const found: LookedConnection[] = [];
    for (const { socketId } of refs.slice(0, most)) {
      const one = await socket(socketId);
      if (one !== undefined) found.push(one);
    }
    return found;
  };

  const channels: LookedEnd[] = [];
  const { channel: shown } = await client.getTopChannels({});
  for (const { ref, data, subchannelRef } of shown) {
    const refs: { socketId: bigint }[] = [];
    for (const { subchannelId } of subchannelRef) {
      const { subchannel } = await client.getSubchannel({ subchannelId });
      refs.push(...(subchannel?.socketRef ?? []));
    }
    const state = STATES[data?.state?.state ?? 0] ?? 'UNKNOWN';
    const name = data?.target ?? '';
    channels.push(endOf(ref?.channelId, name, state, data, await sockets(refs), refs.length));
  }

  const servers: LookedEnd[] = [];
  const { server: listed } = await client.getServers({});
  for (const { ref, data } of listed) {
    const serverId = ref?.serverId ?? 0n;
    const { socketRef } = await client.getServerSockets({ serverId });
    const name = ref?.name ?? '';
    servers.push(
      endOf(serverId, name, 'listening', data, await sockets(socketRef), socketRef.length),
    );
  }
  return { atMs: Date.now(), waits: [], waitsInAll: 0, channels, servers };
}

interface Counted {
  readonly callsStarted: bigint;
  readonly callsSucceeded: bigint;
  readonly callsFailed: bigint;
}

function endOf(
  id: bigint | undefined,
  name: string,
  state: string,
  data: Counted | undefined,
  connections: readonly LookedConnection[],
  connectionsInAll: number,
): LookedEnd {
  return {
    id: Number(id ?? 0n),
    name,
    state,
    explanation: '',
    callsStarted: Number(data?.callsStarted ?? 0n),
    callsSucceeded: Number(data?.callsSucceeded ?? 0n),
    callsFailed: Number(data?.callsFailed ?? 0n),
    waitingCalls: 0,
    oldestWaitMs: 0,
    limits: [],
    connections,
    connectionsInAll,
    backends: [],
  };
}

interface ShownSocket {
  readonly ref?: { readonly name: string } | undefined;
  readonly data?: SocketFigures | undefined;
}

interface SocketFigures {
  readonly streamsStarted: bigint;
  readonly streamsSucceeded: bigint;
  readonly streamsFailed: bigint;
  readonly peerMaxConcurrentStreams: number;
  readonly localFlowControlWindow?: bigint | undefined;
  readonly remoteFlowControlWindow?: bigint | undefined;
  readonly option: readonly { readonly name: string; readonly value: string }[];
}

/** What a peer that limits no streams is shown with. */
const NO_STREAM_LIMIT = 0xffff_ffff;

function connectionOf(id: number, { ref, data }: ShownSocket): LookedConnection {
  const options = new Map(data?.option.map(({ name, value }) => [name, value]));
  // Sluice shows every figure of stats() as an option, under its name.
  const figure = (name: string): number => Number(options.get(name) ?? 0);
  const word = (name: string): string => options.get(name) ?? '';
  const [local = '', peer = ref?.name ?? ''] = (ref?.name ?? '').split(' -> ');
  const limit = data?.peerMaxConcurrentStreams ?? 0;
  const ended = (data?.streamsSucceeded ?? 0n) + (data?.streamsFailed ?? 0n);
  return {
    id,
    peer,
    local,
    state: word('state'),
    sinceMs: figure('sinceMs'),
    queueItems: figure('queueItems'),
    queueBytes: figure('queueBytes'),
    oldestItemMs: figure('oldestItemMs'),
    socketBytes: figure('socketBytes'),
    responseFrames: figure('responseFrames'),
    gate: word('gate'),
    gateSinceMs: figure('gateSinceMs'),
    loopy: word('loopy'),
    loopySinceMs: figure('loopySinceMs'),
    sendQuota: Number(data?.localFlowControlWindow ?? 0n),
    outgoingInitialWindow: figure('outgoingInitialWindow'),
    receiveWindow: Number(data?.remoteFlowControlWindow ?? 0n),
    unreadBytes: figure('unreadBytes'),
    exposureBytes: figure('exposureBytes'),
    withheldBytes: figure('withheldBytes'),
    partialBytes: figure('partialBytes'),
    bdpBytes: figure('bdpBytes'),
    rttMs: figure('rttMs'),
    streams: {
      open: Number((data?.streamsStarted ?? 0n) - ended),
      active: figure('streams.active'),
      empty: figure('streams.empty'),
      waitingOnStreamQuota: figure('streams.waitingOnStreamQuota'),
      peerLimit: limit === 0 || limit === NO_STREAM_LIMIT ? Number.POSITIVE_INFINITY : limit,
    },
  };
}
