// Row 25: the negative HTTP/2 tests of gRPC's interop suite, eight servers that end a call in every
// way that is no end, or that are merely unusual. Requests of 271,828 bytes, answers of 314,159, as
// there. Source: gRPC doc/negative-http2-interop-test-descriptions.md.

import type { AttackModule, Hostility } from '../attack.ts';
import { Child, ChildDied } from '../child.ts';
import type { NegativeCalls } from '../negative-client-process.ts';
import { type AttackSide, type Figures, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';
import type { CallEnd } from '../runtimes/runtime.ts';
import {
  Flag,
  FrameType,
  frame,
  goAway,
  headers,
  message,
  ping,
  rstStream,
  Setting,
  settings,
  trailersBlock,
  windowUpdate,
} from '../wire/frames.ts';
import { hearRequests, responseHeaders } from '../wire/hostile-server.ts';
import type { HeardFrame, RawPeer } from '../wire/raw-peer.ts';
import { type SenderOptions, WindowedSender } from '../wire/windowed-sender.ts';

const REQUEST_BYTES = 271_828;
const RESPONSE_BYTES = 314_159;
const RESPONSE: Buffer = message(Buffer.alloc(RESPONSE_BYTES));
const NO_ERROR = 0;
/** Bytes of content of a frame that is mostly padding. */
const TINY = 5;
const PADDING = 255;
const MOST_WINDOW = 0x7fff_ffff;
const CALL_MS = 20_000;
const DEADLINE_EXCEEDED = 4;
/** Between two calls, as there: a GOAWAY that is on its way is to arrive. */
const REST_MS = 1_000;

/** What a server does with one request; the request itself is complete. */
type Answering = (server: NegativeServer, streamId: number) => void;

/** A server that would be an ordinary one but for what `answer` does. */
class NegativeServer {
  readonly peer: RawPeer;
  readonly seen: Figures;
  readonly sender: WindowedSender;
  private readonly open: Set<number>;
  private pings: number;

  constructor(peer: RawPeer, seen: Figures, answer: Answering, options: SenderOptions) {
    this.peer = peer;
    this.seen = seen;
    this.open = new Set();
    this.pings = 0;
    this.sender = new WindowedSender(peer, options);
    hearRequests(
      peer,
      (id) => this.onRequest(id),
      (id) => answer(this, id),
    );
    const noted = peer.onFrame;
    peer.onFrame = (heard) => {
      noted(heard);
      this.sender.hear(heard);
      this.hear(heard);
    };
  }

  head(streamId: number): void {
    this.peer.write(responseHeaders(streamId, []));
  }

  /** Behind all the DATA that waits. */
  whenSent(then: () => void): void {
    void this.peer.until(() => !this.sender.waits, CALL_MS).then(then);
  }

  trailers(streamId: number): void {
    this.open.delete(streamId);
    this.peer.write(headers(streamId, trailersBlock(), true));
  }

  /** A whole answer. */
  complete(streamId: number, then: () => void = () => {}): void {
    this.head(streamId);
    this.sender.send(streamId, RESPONSE, false);
    this.whenSent(() => {
      this.trailers(streamId);
      then();
    });
  }

  ping(): void {
    this.pings += 1;
    this.seen.pings = Number(this.seen.pings ?? 0) + 1;
    this.peer.write(ping(this.pings));
  }

  private onRequest(streamId: number): void {
    this.open.add(streamId);
    this.seen.calls = Number(this.seen.calls ?? 0) + 1;
    this.seen.openMost = Math.max(Number(this.seen.openMost ?? 0), this.open.size);
  }

  private hear({ type, flags, streamId }: HeardFrame): void {
    if (type === FrameType.RST_STREAM) this.open.delete(streamId);
    if (type !== FrameType.PING || (flags & Flag.ACK) === 0) return;
    this.seen.pingAcks = Number(this.seen.pingAcks ?? 0) + 1;
  }
}

function padded(streamId: number, bytes: Uint8Array, endStream: boolean): Buffer {
  const payload = Buffer.concat([Buffer.of(PADDING), bytes, Buffer.alloc(PADDING)]);
  const flags = Flag.PADDED | (endStream ? Flag.END_STREAM : 0);
  return frame(FrameType.DATA, flags, streamId, payload);
}

function serving(answer: Answering, options: SenderOptions = {}, streams?: number): Hostility {
  return async (peer, seen) => {
    const limit: [number, number][] =
      streams === undefined ? [] : [[Setting.MAX_CONCURRENT_STREAMS, streams]];
    new NegativeServer(peer, seen, answer, options);
    peer.write(settings([...limit, [Setting.INITIAL_WINDOW_SIZE, MOST_WINDOW]]));
    peer.write(windowUpdate(0, MOST_WINDOW - 65_535));
    await peer.untilClosed(60_000);
  };
}

function resetBehind(bytes: number): Hostility {
  return serving((server, id) => {
    server.head(id);
    server.sender.send(id, RESPONSE.subarray(0, bytes), false);
    server.whenSent(() => server.peer.write(rstStream(id, NO_ERROR)));
  });
}

export const hostilities: AttackModule['hostilities'] = {
  goaway: serving((server, id) => {
    server.complete(id, () => server.peer.write(goAway(id, NO_ERROR)));
  }),
  rst_after_header: resetBehind(0),
  rst_during_data: resetBehind(RESPONSE.length / 2),
  rst_after_data: resetBehind(RESPONSE.length),
  ping: serving((server, id) => {
    server.ping();
    server.head(id);
    server.ping();
    server.ping();
    server.sender.send(id, RESPONSE, false);
    server.ping();
    server.whenSent(() => server.trailers(id));
  }),
  max_streams: serving((server, id) => server.complete(id), {}, 1),
  data_frame_padding: serving((server, id) => server.complete(id), {
    most: TINY,
    overhead: PADDING + 1,
    framing: padded,
  }),
  no_df_padding_sanity_test: serving((server, id) => server.complete(id), { most: TINY }),
};

interface NegativeCase {
  readonly name: string;
  readonly oneByOne: number;
  readonly atOnce: number;
  readonly fails: boolean;
  /** What the server must have seen; texts of what it has not. */
  readonly judge?: (seen: Figures) => readonly string[];
}

function is(seen: Figures, name: string, expected: number): readonly string[] {
  const found = seen[name] ?? 0;
  return found === expected ? [] : [`${name} is ${found}, not ${expected}`];
}

const CASES: readonly NegativeCase[] = [
  {
    name: 'goaway',
    oneByOne: 2,
    atOnce: 0,
    fails: false,
    judge: (seen) => is(seen, 'connections', 2),
  },
  { name: 'rst_after_header', oneByOne: 1, atOnce: 0, fails: true },
  { name: 'rst_during_data', oneByOne: 1, atOnce: 0, fails: true },
  { name: 'rst_after_data', oneByOne: 1, atOnce: 0, fails: true },
  {
    name: 'ping',
    oneByOne: 1,
    atOnce: 0,
    fails: false,
    judge: (seen) => [...is(seen, 'pings', 4), ...is(seen, 'pingAcks', 4)],
  },
  {
    name: 'max_streams',
    oneByOne: 1,
    atOnce: 10,
    fails: false,
    judge: (seen) => [...is(seen, 'calls', 11), ...is(seen, 'openMost', 1)],
  },
  { name: 'data_frame_padding', oneByOne: 1, atOnce: 0, fails: false },
  { name: 'no_df_padding_sanity_test', oneByOne: 1, atOnce: 0, fails: false },
];

function faultsOf({ oneByOne, atOnce, fails }: NegativeCase, ends: readonly CallEnd[]): string[] {
  const faults: string[] = [];
  if (ends.length !== oneByOne + atOnce) faults.push(`${ends.length} calls ended`);
  for (const { code, details, bytes } of ends) {
    if (code === DEADLINE_EXCEEDED) faults.push(`stood still: ${details}`);
    else if (fails && code === 0) faults.push('a call that was reset ended well');
    else if (!fails && code !== 0) faults.push(`status ${code}: ${details}`);
    else if (!fails && bytes !== RESPONSE_BYTES) faults.push(`${bytes} bytes came`);
  }
  return faults;
}

async function runCase(negative: NegativeCase, runtime: string): Promise<readonly string[]> {
  const server = new Child('attacker-process.js');
  const client = new Child('negative-client-process.js');
  try {
    const what = { module: import.meta.url, name: negative.name };
    const { port } = await server.ask<{ port: number }>({ ask: 'listen', what }, 10);
    const { oneByOne, atOnce } = negative;
    const calls: NegativeCalls = {
      ask: 'calls',
      runtime,
      port,
      requestBytes: REQUEST_BYTES,
      oneByOne,
      restMs: REST_MS,
      atOnce,
      timeoutMs: CALL_MS,
    };
    const ends = await client.ask<CallEnd[]>(calls, ((oneByOne + 1) * CALL_MS) / 1000 + 10);
    const seen = await server.ask<Figures>({ ask: 'seen' }, 10);
    return [...faultsOf(negative, ends), ...(negative.judge?.(seen) ?? [])];
  } catch (error) {
    if (!(error instanceof ChildDied)) throw error;
    return [`the client ${client.death ?? error.message}`];
  } finally {
    server.end();
    client.end();
  }
}

async function run({ runtime, progress }: RowContext): Promise<AttackSide> {
  const faults: string[] = [];
  let held = 0;
  for (const negative of CASES) {
    progress(negative.name);
    const broken = await runCase(negative, runtime);
    if (broken.length === 0) held += 1;
    faults.push(...broken.map((text) => `${negative.name}: ${text}`));
  }
  return side([...new Set(faults)], { cases: CASES.length, held });
}

export const rows: readonly Row[] = [
  {
    row: 25,
    name: 'negative HTTP/2 servers',
    direction: 'client',
    tls: false,
    expected:
      '8 of 8: goaway, resets after headers, during and after data, ping, max_streams, padding',
    seconds: 10,
    run,
  },
];
