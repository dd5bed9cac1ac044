// Every limit of the transport: a named constant with its unit, its reason, and the fault or attack
// it stops; and the part of them that users may set.
// Invariant: what a caller or a peer can make us hold is bounded by a number in this file.

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes. Both windows of a new connection and stream before any SETTINGS (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW = 65_535;

/** Bytes. The largest window HTTP/2 can express; above it is FLOW_CONTROL_ERROR (RFC 9113 §6.9.1). */
export const MAX_WINDOW = 0x7fff_ffff;

/** The last usable stream id (RFC 9113 §5.1.1). */
export const MAX_STREAM_ID = 0x7fff_ffff;

/** Bytes of one frame's payload, either way: the size every peer accepts (RFC 9113 §4.2). */
export const MAX_FRAME = 16_384;

/** Bytes of one socket write; small enough that progress of a slow socket can be seen. */
export const MAX_WRITE: number = 64 * KIB;

/** Bytes that may wait in the socket's own backlog (`writableLength`), which has no limit itself. */
export const MAX_SOCKET_BACKLOG: number = 256 * KIB;

/** Bytes that a turn of the event loop writes, over all connections, before other work gets it again. */
export const MAX_TURN_BYTES: number = MIB;

/** Bytes a stream's writer may have waiting before its writes ask it to pause. */
export const WRITE_QUOTA: number = 64 * KIB;

/** Queued replies to received frames at which the reader pauses (PING, SETTINGS, reset floods). */
export const GATE_RESPONSE_FRAMES = 50;

/** Queued replies at which a peer that never reads them is told ENHANCE_YOUR_CALM and closed. */
export const MAX_RESPONSE_FRAMES = 1_000;

/** Milliseconds a closed gate waits on a blocked socket before it reads on, chunk by chunk. */
export const GATE_STANDSTILL_MS = 1_000;

/** Milliseconds input is discarded for after GOAWAY, so that a TCP reset does not overtake it. */
export const LINGER_MS = 1_000;

/** Streams whose end is remembered, so that a late frame is told from a fault (RFC 9113 §5.1). */
export const REMEMBERED_STREAMS = 1_024;

/** Milliseconds from TCP connect to the peer's SETTINGS, on the server (idle-connection floods). */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** TLS handshakes that begin in one turn of the event loop: about 1 ms of cryptography each. */
export const HANDSHAKES_PER_TURN = 8;

/** Milliseconds from the first address tried to the peer's SETTINGS, on the client. */
export const CONNECT_TIMEOUT_MS = 20_000;

/** Milliseconds a draining server waits for the ack of its PING before its last GOAWAY. */
export const DRAIN_ACK_TIMEOUT_MS = 5_000;

/** Milliseconds from a server's drain to the close of what is still open, unless it is told. */
export const DRAIN_GRACE_MS = 30_000;

/** Milliseconds, least quiet time before a client's ping: servers answer more by too_many_pings. */
export const MIN_KEEPALIVE_TIME_MS = 10_000;

/** Milliseconds of quiet before a server's ping. */
export const SERVER_KEEPALIVE_TIME_MS: number = 2 * 60 * 60 * 1_000;

/** Milliseconds, the floor of a server's quiet time. */
export const MIN_SERVER_KEEPALIVE_TIME_MS = 1_000;

/** Milliseconds to wait for the answer to a keepalive ping. */
export const KEEPALIVE_TIMEOUT_MS = 20_000;

/** Milliseconds between pings of a client with streams below which it earns a strike (gRFC A8). */
export const MIN_PING_INTERVAL_MS: number = 5 * 60 * 1_000;

/** The same without any stream, unless such pings are permitted. */
export const MIN_IDLE_PING_INTERVAL_MS: number = 2 * 60 * 60 * 1_000;

/** Pings too early that are forgiven; the next ends the connection (ping floods). */
export const MAX_PING_STRIKES = 2;

/** Streams a client assumes before the peer's first SETTINGS. */
export const STREAMS_BEFORE_SETTINGS = 100;

/** Bytes, HPACK tables of either direction (RFC 7541 §4.2). */
export const HEADER_TABLE_SIZE = 4_096;

/** Bytes, decoded header list we accept (RFC 9113 §6.5.2); larger ones are refused softly. */
export const MAX_HEADER_LIST: number = 16 * KIB;

/** Bytes, decoded header list past which the connection itself is closed. */
export const MAX_HEADER_LIST_HARD: number = 64 * KIB;

/** Bytes of one compressed header block over all its CONTINUATION frames. */
export const MAX_HEADER_BLOCK: number = 64 * KIB;

/** CONTINUATION frames of one block (CVE-2024-27316 and its kin). */
export const MAX_CONTINUATIONS = 8;

/** Bytes, the ceiling of windows that the BDP estimator grows. */
export const MAX_BDP_WINDOW: number = 16 * MIB;

/** Bytes, the least that a busy stream's window is taken back to beside small calls. Less makes two
 * processes of one machine wait for each credit; 1 MiB doubles the latency of the small calls. */
export const SHARED_WINDOW: number = 512 * KIB;

/** Milliseconds after DATA of a small call that busy streams on the same connection make room. */
export const SHARED_MEMORY_MS = 1_000;

/** Bytes, the smallest window that new streams are given when very many are open. */
export const WINDOW_FLOOR: number = 16 * KIB;

/** Items a connection takes before its drain rate is known, and at the least. */
export const MIN_QUEUED_ITEMS = 2_048;

/** Bytes of sent messages a call keeps so that it can be retried transparently; gRFC A6's figure. */
export const REPLAY_BYTES: number = 256 * KIB;

/** Bytes that all calls of a connection keep for that once they were written: a slow server that
 * reads everything leaves no queue, and open calls times REPLAY_BYTES would be a gigabyte. */
export const MAX_REPLAY_BYTES: number = 4 * MIB;

/** Bytes that all calls of a channel keep for retries and hedges; past it they have one attempt. */
export const MAX_RETRY_BUFFER_BYTES: number = 4 * MIB;

/** Milliseconds a message may wait for room that older ones take before its call is given up. */
export const PARTIAL_WAIT_MS = 30_000;

/** Paths whose request headers one connection keeps ready-encoded. */
export const MAX_HEADER_SEGMENTS = 256;

/** Bytes of a reply that is not gRPC which are put into the error's details. */
export const MAX_FOREIGN_BODY = 1_024;

/** Empty DATA frames without END_STREAM a peer may send beyond what its real data pays for. */
export const MAX_EMPTY_DATA = 100;

/** Resets by the peer before its calls ended, beyond what completed calls pay for (CVE-2023-44487). */
export const MAX_PREMATURE_RESETS = 1_000;

/** Resets that faults of the peer make us send, beyond the same (CVE-2025-8671). */
export const MAX_CAUSED_RESETS = 1_000;

/** Connections closed for their resets from which on new ones begin with WARY_RESETS. */
export const WARY_CLOSES = 10;

/** How many of those are forgotten each second. */
export const WARY_CLOSES_PER_SECOND = 1;

/** And how many are remembered: a minute after the last one, new connections have all again. */
export const MAX_WARY_CLOSES = 70;

/** Resets that a new connection begins with meanwhile; more than most clients have open at once. */
export const WARY_RESETS = 100;

/** Resets that a long history of completed calls may have paid for: a mass timeout is no attack. */
export const MAX_EARNED_RESETS = 10_000;

/** Milliseconds a stream has lived after which its reset is no rapid one: a deadline, a user. */
export const PREMATURE_RESET_AGE_MS = 1_000;

/** Frames of no use that a peer may send at once: what the limits of their own do not count. */
export const GLITCH_BURST = 10_000;

/** Of those, how many more each second: a peer that is merely odd stays below it. */
export const GLITCHES_PER_SECOND = 330;

/** Frames that may come for a stream after its end, on average, and are no glitch: a window of 4 MiB
 * given back by 4 KiB at a time (the client of Go's net/http2), and a reset that crosses the end. */
export const LATE_FRAMES_PER_STREAM = 1_024;

/** What a late field block counts of those: it has to be decoded, and two may cross a reset. */
export const LATE_HEADERS_WEIGHT = 128;

/** Streams whose late frames may be saved up. */
export const LATE_STREAMS_KEPT = 1_024;

/** Bytes of credit for a stream that waits for it, below which it only asks for tiny frames. */
export const TINY_CREDIT = 64;

/** Bytes of credit that count as dripping where they come one after the other. */
export const DRIPPING_CREDIT = 1_024;

/** Such credits in PROGRESS_WINDOW_MS that show a peer which drips and no application that pauses. */
export const DRIPS_PER_WINDOW = 20;

/** Milliseconds that a turn of the event loop spends on what arrived, new calls among it, over all
 * connections (floods of small frames). A call that waits for its turn waits for up to three. */
export const DISPATCH_SLICE_MS = 2;

/** DATA frames of a chunk between two looks at that slice: 64 KiB hold 6,500 of one byte each. */
export const FRAMES_PER_LOOK = 256;

/** Bytes that a socket gave at once which are parsed also when that slice is spent: a few calls. */
export const SMALL_CHUNK: number = KIB;

/** Calls of such a chunk beyond its first: with one a turn, a client at 100 a second would queue. */
export const CALLS_AHEAD = 3;

/** Milliseconds over which a peer that owes progress must have taken PROGRESS_BYTES. */
export const PROGRESS_WINDOW_MS = 20_000;

/** Bytes per PROGRESS_WINDOW_MS: 1 KiB/s, below which a peer with an open window is closed. */
export const PROGRESS_BYTES: number = 20 * KIB;

/** Items queued for one connection: what bounds messages too small for their bytes to count. */
export const MAX_QUEUED_ITEMS = 65_536;

/** Bytes that a message kept for sending is charged beside its own: empty ones take memory too. */
export const MESSAGE_CHARGE = 32;

/** Bytes of a message that are compressed on the event loop, about 0.1 ms; larger ones in a thread,
 * which costs the loop half of that and the call a millisecond. */
export const INLINE_COMPRESS_BYTES: number = 16 * KIB;

/** Bytes that a message may decompress to on the event loop, about 0.05 ms; larger ones in a thread,
 * so that a few kilobytes of a decompression bomb block nobody else. */
export const INLINE_DECOMPRESS_BYTES: number = 64 * KIB;

/** Messages compressed and decompressed in threads at a time, in the process: Node has four threads,
 * and one is left to DNS and files. */
export const MAX_COMPRESSION_JOBS = 3;

/** Bytes by which a connection's queue grows before the memory budget is asked. */
export const QUEUE_LEASE: number = 16 * KIB;

/** Bytes of a message that a call with nothing queued may send while its connection is held back. */
export const SMALL_MESSAGE: number = 16 * KIB;

/** Bytes of memory that an open call takes at one end beside its messages (measured, Node 20). */
export const STREAM_CHARGE: number = 2_816;

/** Bytes of a header list that an open call's own charge covers; a larger one is charged itself. */
export const SMALL_HEADER_LIST = 1_024;

/** Bytes of memory that an unread byte takes: chunks are not full (measured; 2 in the worst case). */
export const UNREAD_FACTOR = 1.25;

/** Bytes of memory that a connection takes at one end with nothing on it (measured, Node 20). */
export const CONNECTION_CHARGE: number = 16 * KIB;

/** Limits of one client connection and its channel; every one refuses with RESOURCE_EXHAUSTED. */
export interface ClientLimits {
  /** Calls open on one connection; default 4,096. A slow server that keeps reading fills this one. */
  openCalls: number;
  /** Items queued for one connection, whatever the drain rate; default 65,536. */
  queuedItems: number;
  /** Bytes queued for one connection: headers, data, socket backlog; default 4 MiB. */
  queuedBytes: number;
  /** Milliseconds the oldest queued call may have waited to be written; default 1,000. */
  queueAgeMs: number;
  /** Calls waiting for a stream or a connection, per channel; default 4,096. */
  waitingCalls: number;
  /** Bytes of calls waiting for a stream or a connection, per channel; default 4 MiB. */
  waitingBytes: number;
  /** Bytes of inbound credit and unread data of one connection's open streams; default 64 MiB. */
  exposureBytes: number;
}

/** Limits of one server connection, but for `totalHandlers`. */
export interface ServerLimits {
  /** Streams a peer may have open; default 1,000. `Infinity` advertises no limit. */
  streams: number;
  /** Handlers running for one connection; default 4,096, at least `streams` where that is finite. */
  handlers: number;
  /** Handlers running for all connections of a server; default no limit. */
  totalHandlers: number;
  /** Bytes of responses queued for one connection before new calls are refused; default 4 MiB. */
  queuedBytes: number;
  /** Bytes of inbound credit and unread data of one connection's open streams; default 64 MiB. */
  exposureBytes: number;
}

/** What `ChannelOptions.limits` starts from; units and reasons at {@link ClientLimits}. */
export const defaultClientLimits: Readonly<ClientLimits> = Object.freeze({
  openCalls: 4_096,
  queuedItems: MAX_QUEUED_ITEMS,
  queuedBytes: 4 * MIB,
  queueAgeMs: 1_000,
  waitingCalls: 4_096,
  waitingBytes: 4 * MIB,
  exposureBytes: 64 * MIB,
});

/** What `ServerOptions.limits` starts from; units and reasons at {@link ServerLimits}. */
export const defaultServerLimits: Readonly<ServerLimits> = Object.freeze({
  streams: 1_000,
  handlers: 4_096,
  totalHandlers: Number.POSITIVE_INFINITY,
  queuedBytes: 4 * MIB,
  exposureBytes: 64 * MIB,
});

/**
 * Messages that an `Outbox` keeps by default for a reader that is slower than its writer: a burst of
 * small ones. The reader's stream has a write quota of 64 KiB beside it.
 */
export const OUTBOX_MESSAGES = 64;

/** Bytes of one received message; gRPC's customary default. */
export const MAX_MESSAGE_LENGTH_DEFAULT: number = 4 * MIB;

/** Merges what a user set over the defaults; throws a RangeError that names option and value. */
export function resolveLimits<T extends object>(
  defaults: Readonly<T>,
  given: Partial<T> | undefined,
): T {
  const resolved: T = { ...defaults };
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined) continue;
    if (!Object.hasOwn(defaults, name)) {
      const known = Object.keys(defaults).join(', ');
      throw new RangeError(`limits.${name} is not a limit; known limits: ${known}`);
    }
    const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
    if (!isCount && value !== Number.POSITIVE_INFINITY) {
      throw new RangeError(
        `limits.${name} is ${String(value)}; it must be an integer of at least 1, or Infinity for none`,
      );
    }
    Object.assign(resolved, { [name]: value });
  }
  return resolved;
}
