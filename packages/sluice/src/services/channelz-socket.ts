// What channelz says of sockets: addresses, TLS, flow control, and every figure of `stats()` as an
// option of the socket.
// Invariant: read when it is asked for; messages and keepalives are not counted and stay 0.
// gRFC A14, grpc.channelz.v1. Not here: the figures (transport/connection-stats.ts).

import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  AddressSchema,
  SecuritySchema,
  SocketDataSchema,
  SocketOptionSchema,
  SocketSchema,
} from '../gen/grpc/channelz/v1/channelz_pb.ts';
import { type ConnectionStats, connectionStats } from '../transport/connection-stats.ts';
import { ipFamily } from '../transport/ip-address.ts';
import type { ListenAddress } from '../transport/listener.ts';
import { securityOf } from '../transport/socket-security.ts';
import { connectionRef, listenerRef, listenText } from './channelz-data.ts';
import { numbered, type ShownConnection } from './channelz-entities.ts';

type AddressInit = MessageInitShape<typeof AddressSchema>;
type OptionInit = MessageInitShape<typeof SocketOptionSchema>;

/** A connection. `summary` leaves its options out. */
export function connectionMessage(
  live: ShownConnection,
  summary: boolean,
): MessageInitShape<typeof SocketSchema> {
  const { transport, names } = live;
  const { connection } = transport;
  const stats = connectionStats(connection, { ...live, state: transport.state });
  const security = securityMessage(live);
  return {
    ref: connectionRef(numbered(live)),
    local: addressMessage(names.local),
    remote: addressMessage(names.peer),
    data: dataMessage(live, stats, summary ? [] : options(stats)),
    ...(security === undefined ? undefined : { security }),
  };
}

/** A listening socket. */
export function listenerMessage(address: ListenAddress): MessageInitShape<typeof SocketSchema> {
  const local = addressMessage(listenText(address));
  return { ref: listenerRef(numbered(address)), local, data: {} };
}

function dataMessage(
  { transport }: ShownConnection,
  { streams, sendQuota, receiveWindow }: ConnectionStats,
  option: OptionInit[],
): MessageInitShape<typeof SocketDataSchema> {
  const { streamsStarted: started, streamsEnded: ended } = transport;
  return {
    streamsStarted: BigInt(started),
    streamsSucceeded: BigInt(ended),
    streamsFailed: BigInt(Math.max(0, started - ended - streams.open)),
    peerMaxConcurrentStreams: Math.min(streams.peerLimit, 0xffff_ffff),
    localFlowControlWindow: BigInt(sendQuota),
    remoteFlowControlWindow: BigInt(receiveWindow),
    option,
  };
}

// Under the names they have in `stats()`, `streams.open` for those inside `streams`.
function options(stats: ConnectionStats): OptionInit[] {
  const { id: _, peer: _peer, local: _local, streams, ...plain } = stats;
  const found = Object.entries(plain).map(optionMessage);
  for (const [name, value] of Object.entries(streams)) {
    found.push(optionMessage([`streams.${name}`, value]));
  }
  return found;
}

function optionMessage([name, value]: [string, string | number]): OptionInit {
  return { name, value: String(value) };
}

function securityMessage({
  transport,
}: ShownConnection): MessageInitShape<typeof SecuritySchema> | undefined {
  const security = securityOf(transport.connection.socket);
  if (security === undefined) return undefined;
  const { cipherSuite, localCertificate, remoteCertificate } = security;
  const value = {
    cipherSuite: { case: 'standardName' as const, value: cipherSuite },
    ...(localCertificate === undefined ? undefined : { localCertificate }),
    ...(remoteCertificate === undefined ? undefined : { remoteCertificate }),
  };
  return { model: { case: 'tls', value } };
}

/** An address from the text that stats show. */
export function addressMessage(text: string): AddressInit {
  const match = /^\[?([^\]]*?)(?:%[^\]]*)?\]?:(\d+)$/.exec(text);
  const [, host = '', port] = match ?? [];
  const ipAddress = ipBytes(host);
  if (ipAddress !== undefined) {
    const value = { ipAddress, port: Number(port) };
    return { address: { case: 'tcpipAddress', value } };
  }
  const filename = text === 'unix' ? '' : text;
  return { address: { case: 'udsAddress', value: { filename } } };
}

function ipBytes(host: string): Uint8Array<ArrayBuffer> | undefined {
  const family = ipFamily(host);
  if (family === 4) return Uint8Array.from(host.split('.'), Number);
  if (family === 0) return undefined;
  // The URL parser leaves groups in hexadecimal and at most one `::`.
  const plain = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const missing = Array.from({ length: 8 - first.length - last.length }, () => 0);
  const groups = [...first, ...missing, ...last];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
