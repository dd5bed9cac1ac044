// Channelz (gRFC A14): what a process shows of its channels, servers and sockets while they work.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '#sluice/api/client.js';
import { LiveChannels } from '#sluice/channel/live-channels.js';
import {
  type Address,
  type Channel as ChannelMessage,
  type Server as ServerMessage,
  type Socket,
  ChannelConnectivityState_State as State,
} from '#sluice/gen/grpc/channelz/v1/channelz_pb.js';
import {
  type Channel,
  type ConnectionStats,
  type Server,
  Status,
  StatusError,
} from '#sluice/index.js';
import { addChannelz, Channelz } from '#sluice/services/channelz.js';
import { addressMessage } from '#sluice/services/channelz-socket.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { failureOf, Running, signal } from '../support/running.js';
import { GrpcJsCaller } from './grpc-js-caller.js';

const running = new Running();

afterEach(() => running.end());

/** A server with channelz and `/t/Ok`, `/t/Bad`, and `/t/Wait`, which answers when `open` is called. */
function serving(server: Server): { server: Server; open: () => void; begun: Promise<void> } {
  const gate = signal();
  const begun = signal();
  server
    .unary('/t/Ok', (request) => request)
    .unary('/t/Bad', () => {
      throw new StatusError(Status.NOT_FOUND, 'not here');
    })
    .unary('/t/Wait', async (request) => {
      begun.raise();
      await gate.happened;
      return request;
    });
  addChannelz(server);
  return { server, open: () => gate.raise(), begun: begun.happened };
}

type ChannelzClient = ReturnType<typeof clientOf>;

function clientOf(channel: Channel) {
  return createClient(Channelz, channel);
}

async function channelNamed(client: ChannelzClient, target: string): Promise<ChannelMessage> {
  const { channel } = await client.getTopChannels({});
  const found = channel.find(({ ref }) => ref?.name === target);
  assert.ok(found !== undefined, `no channel ${target}`);
  return found;
}

async function serverOn(client: ChannelzClient, port: number): Promise<ServerMessage> {
  const { server } = await client.getServers({});
  const found = server.find(({ ref }) => ref?.name === `127.0.0.1:${port}`);
  assert.ok(found !== undefined, `no server on ${port}`);
  return found;
}

/** The one connection of a channel. */
async function socketOf(client: ChannelzClient, channel: ChannelMessage): Promise<Socket> {
  const subchannelId = channel.subchannelRef[0]?.subchannelId ?? 0n;
  const { subchannel } = await client.getSubchannel({ subchannelId });
  assert.equal(subchannel?.data?.state?.state, State.READY);
  const socketId = subchannel.socketRef[0]?.socketId ?? 0n;
  const { socket } = await client.getSocket({ socketId });
  assert.ok(socket !== undefined);
  return socket;
}

function portOf(address: Address | undefined): number {
  assert.equal(address?.address.case, 'tcpipAddress');
  assert.deepEqual([...address.address.value.ipAddress], [127, 0, 0, 1]);
  return address.address.value.port;
}

describe('a channel', () => {
  it('is shown with its calls, its subchannel and its socket, from both ends', async () => {
    const { server, open, begun } = serving(running.server());
    const { port } = await server.listen({ host: '127.0.0.1' });
    const target = `127.0.0.1:${port}`;
    const options = { shareConnections: false };
    const client = clientOf(running.channel(`dns:///${target}`, options));
    const channel = running.channel(target, options);
    for (let i = 0; i < 5; i += 1) await channel.unary('/t/Ok', Buffer.from('x'));
    await failureOf(channel.unary('/t/Bad', Buffer.from('x')));
    const waiting = channel.unary('/t/Wait', Buffer.from('x'));
    await begun;
    const shown = await channelNamed(client, target);
    assert.equal(shown.data?.state?.state, State.READY);
    assert.equal(shown.data.target, target);
    assert.equal(shown.data.callsStarted, 7n);
    assert.equal(shown.data.callsSucceeded, 5n);
    assert.equal(shown.data.callsFailed, 1n);
    assert.deepEqual(
      (await client.getChannel({ channelId: shown.ref?.channelId ?? 0n })).channel,
      shown,
    );
    const near = await socketOf(client, shown);
    assert.equal(portOf(near.remote), port);
    assert.equal(near.data?.streamsStarted, 7n);
    assert.equal(near.data.streamsSucceeded, 6n);
    assert.equal(near.data.streamsFailed, 0n);
    const far = await socketBehind(client, await serverOn(client, port), portOf(near.local));
    assert.equal(far.data?.streamsStarted, 7n);
    assert.equal(far.data.streamsSucceeded, 6n);
    assert.equal(far.data.streamsFailed, 0n);
    assert.ok((near.data.localFlowControlWindow ?? 0n) > 0n);
    assert.equal(far.data.remoteFlowControlWindow, channelWindow(channel));
    assert.equal(optionOf(near, 'streams.open'), '1');
    assert.equal(optionOf(far, 'gate'), 'open');
    open();
    await waiting;
  });

  it('shows what waits in its sockets, figure by figure', async () => {
    const { server } = serving(running.server({ staticWindows: true }));
    const read = signal();
    server.clientStreaming('/t/Unread', async (requests) => {
      await read.happened;
      for await (const _ of requests);
      return Buffer.alloc(0);
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const client = clientOf(
      running.channel(`dns:///127.0.0.1:${port}`, { shareConnections: false }),
    );
    const channel = running.channel(`127.0.0.1:${port}`, { shareConnections: false });
    await channel.ready();
    const call = channel.clientStreaming('/t/Unread', [Buffer.alloc(100_000)]);
    const waiting = (): number => connectionOf(channel).streams.waitingOnStreamQuota;
    while (waiting() === 0) await new Promise(setImmediate);
    const socket = await socketOf(client, await channelNamed(client, channel.target));
    const { queueItems, queueBytes, sendQuota, loopy } = connectionOf(channel);
    assert.ok(queueBytes > 0);
    assert.equal(optionOf(socket, 'queueItems'), String(queueItems));
    assert.equal(optionOf(socket, 'queueBytes'), String(queueBytes));
    assert.equal(optionOf(socket, 'streams.waitingOnStreamQuota'), '1');
    assert.equal(optionOf(socket, 'loopy'), loopy);
    assert.equal(socket.data?.localFlowControlWindow, BigInt(sendQuota));
    read.raise();
    await call;
  });

  it('that is closed is not shown any more', async () => {
    const { server } = serving(running.server());
    const client = clientOf(await running.channelTo(server));
    const gone = running.channel('127.0.0.1:1');
    const { ref } = await channelNamed(client, '127.0.0.1:1');
    await gone.close();
    const channelId = ref?.channelId ?? 0n;
    const error = await failureOf(client.getChannel({ channelId }));
    assert.equal(error.code, Status.NOT_FOUND);
    const text = `no channel has the id ${channelId}; it may be closed, list those there are`;
    assert.equal(error.details, text);
  });

  it('tells why its backend cannot be reached', async () => {
    const { server } = serving(running.server());
    const client = clientOf(await running.channelTo(server));
    const failing = running.channel('127.0.0.1:1');
    await failureOf(failing.unary('/t/Ok', Buffer.from('x')));
    const { subchannelRef } = await channelNamed(client, '127.0.0.1:1');
    const subchannelId = subchannelRef[0]?.subchannelId ?? 0n;
    const { subchannel } = await client.getSubchannel({ subchannelId });
    assert.equal(subchannel?.ref?.name, '127.0.0.1:1');
    assert.match(subchannel.data?.trace?.events[0]?.description ?? '', /ECONNREFUSED/);
  });
});

describe('the registry of channels', () => {
  it('keeps those that were added until they are deleted', () => {
    const all = new LiveChannels();
    const counts = { started: 0, succeeded: 0, failed: 0 };
    const [a, b] = ['a', 'b'].map((target) => ({
      target,
      state: 'IDLE' as const,
      counts,
      subchannels: () => new Set<never>(),
      stats: () => ({
        state: 'IDLE',
        waitingCalls: 0,
        oldestWaitMs: 0,
        limits: {},
        connections: [],
      }),
      explain: () => '',
      openCalls: () => [],
    }));
    assert.ok(a !== undefined && b !== undefined);
    all.add(a);
    all.add(b);
    assert.deepEqual(all.all(), [a, b]);
    all.delete(a);
    assert.deepEqual(all.all(), [b]);
  });
});

describe('a server', () => {
  it('is shown with its calls, those turned away included, and where it listens', async () => {
    const limits = { totalHandlers: 1 };
    const { server, open, begun } = serving(running.server({ limits }));
    const { port } = await server.listen({ host: '127.0.0.1' });
    const observer = running.server();
    addChannelz(observer);
    const client = clientOf(await running.channelTo(observer));
    const channel = running.channel(`127.0.0.1:${port}`);
    assert.equal((await serverOn(client, port)).data?.lastCallStartedTimestamp, undefined);
    await channel.unary('/t/Ok', Buffer.from('x'));
    await failureOf(channel.unary('/t/Bad', Buffer.from('x')));
    const waiting = channel.unary('/t/Wait', Buffer.from('x'));
    await begun;
    await failureOf(channel.unary('/t/Ok', Buffer.from('x')));
    const { ref, data, listenSocket } = await serverOn(client, port);
    assert.equal(data?.callsStarted, 4n);
    assert.equal(data.callsSucceeded, 1n);
    assert.equal(data.callsFailed, 2n);
    assert.ok(data.lastCallStartedTimestamp !== undefined);
    const { socket } = await client.getSocket({ socketId: listenSocket[0]?.socketId ?? 0n });
    assert.equal(portOf(socket?.local), port);
    assert.equal(socket?.remote, undefined);
    open();
    await waiting;
    const serverId = ref?.serverId ?? 0n;
    assert.equal((await client.getServer({ serverId })).server?.data?.callsSucceeded, 2n);
    await channel.close();
    await server.close();
    assert.equal((await failureOf(client.getServer({ serverId }))).code, Status.NOT_FOUND);
  });

  it('shows what TLS agreed on', async () => {
    const tls = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
    const { server } = serving(running.server({ tls }));
    const channel = await running.channelTo(server, { tls: { ca: CA_CERTIFICATE } });
    const client = clientOf(channel);
    const { server: servers } = await client.getServers({});
    const newest = servers.at(-1)?.ref?.serverId ?? 0n;
    const { socketRef } = await client.getServerSockets({ serverId: newest });
    const { socket } = await client.getSocket({ socketId: socketRef[0]?.socketId ?? 0n });
    const model = socket?.security?.model;
    assert.equal(model?.case, 'tls');
    assert.match(model.value.cipherSuite.value ?? '', /^TLS_/);
    assert.ok(model.value.localCertificate.length > 100);
    assert.equal(model.value.remoteCertificate.length, 0);
  });
});

describe('lists', () => {
  it('come in pages by id, and say which is the last', async () => {
    const { server } = serving(running.server());
    const client = clientOf(await running.channelTo(server));
    const targets = Array.from({ length: 5 }, (_, i) => `127.0.0.1:${i + 1}`);
    for (const target of targets) running.channel(target);
    const seen: string[] = [];
    let startChannelId = 0n;
    for (let end = false; !end; ) {
      const page = await client.getTopChannels({ startChannelId, maxResults: 2n });
      assert.ok(page.channel.length <= 2);
      for (const { ref } of page.channel) {
        assert.ok((ref?.channelId ?? 0n) >= startChannelId);
        seen.push(ref?.name ?? '');
        startChannelId = (ref?.channelId ?? 0n) + 1n;
      }
      end = page.end;
    }
    assert.deepEqual(seen.slice(-5), targets);
    const { channel, end } = await client.getTopChannels({ startChannelId });
    assert.deepEqual([channel.length, end], [0, true]);
  });

  it('of fewer than no results are refused', async () => {
    const { server } = serving(running.server());
    const client = clientOf(await running.channelTo(server));
    const error = await failureOf(client.getServers({ maxResults: -1n }));
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.equal(error.details, 'max_results is -1; it must be 0 or more');
  });

  it('are read by grpc-js', async () => {
    const { server } = serving(running.server());
    const { port } = await server.listen({ host: '127.0.0.1' });
    const file = 'grpc/channelz/v1/channelz.proto';
    const caller = new GrpcJsCaller(file, 'grpc.channelz.v1.Channelz', port);
    const answer = await caller.unary('GetServers', {});
    caller.close();
    assert.ok(answer !== undefined && 'server' in answer && Array.isArray(answer.server));
    const names = answer.server.map(({ ref }: { ref: { name: string } }) => ref.name);
    assert.ok(names.includes(`127.0.0.1:${port}`));
  });
});

describe('an address', () => {
  const shown = (text: string): string => {
    const { address } = addressMessage(text) as Address;
    if (address.case === 'udsAddress') return `uds ${address.value.filename}`;
    assert.equal(address.case, 'tcpipAddress');
    return `${Buffer.from(address.value.ipAddress).toString('hex')} ${address.value.port}`;
  };

  it('is bytes and port for IP, with or without a zone, and a name for the rest', () => {
    assert.equal(shown('127.0.0.1:80'), '7f000001 80');
    assert.equal(shown('[::1]:443'), `${'0'.repeat(31)}1 443`);
    assert.equal(shown('[::ffff:10.0.0.1]:1'), `${'0'.repeat(20)}ffff0a000001 1`);
    assert.equal(shown('[fe80::1:2%eth0]:9'), `fe80${'0'.repeat(20)}00010002 9`);
    assert.equal(shown('[2001:db8:1:2:3:4:5:6]:9'), '20010db8000100020003000400050006 9');
    assert.equal(shown('unix'), 'uds ');
    assert.equal(shown('/run/x.sock'), 'uds /run/x.sock');
  });
});

function connectionOf(channel: Channel): ConnectionStats {
  const [connection] = channel.stats().connections;
  assert.ok(connection !== undefined);
  return connection;
}

function optionOf({ data }: Socket, name: string): string | undefined {
  return data?.option.find((option) => option.name === name)?.value;
}

/** What its server has left a channel to send, as the channel knows it: the server's receive window. */
function channelWindow(channel: Channel): bigint {
  return BigInt(channel.stats().connections[0]?.sendQuota ?? -1);
}

/** The server's socket whose peer has that port. */
async function socketBehind(
  client: ChannelzClient,
  server: ServerMessage,
  peerPort: number,
): Promise<Socket> {
  const { socketRef } = await client.getServerSockets({ serverId: server.ref?.serverId ?? 0n });
  for (const { socketId } of socketRef) {
    const { socket } = await client.getSocket({ socketId });
    if (socket !== undefined && portOf(socket.remote) === peerPort) return socket;
  }
  assert.fail(`no socket with the peer ${peerPort}`);
}
