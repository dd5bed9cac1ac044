// One hostile request at a time, or many, and how the server answered each: the client's end of a
// connection whose streams are all told apart. Never more bytes than the server's windows allow.
// Not here: what a right answer is (rows/).

import { data, Flag, FrameType, headers, windowUpdate } from './frames.ts';
import { type Address, type HeardFrame, RawPeer, type RawPeerOptions } from './raw-peer.ts';
import { WindowedSender } from './windowed-sender.ts';

/** How one stream ended, in words: `status 12`, `HTTP 415`, `reset 1`, `GOAWAY 1`, `nothing`. */
export interface Answer {
  readonly text: string;
  /** Bytes of DATA payload. */
  readonly bytes: number;
  /** Its last bytes of DATA, at most 64 KiB. */
  readonly body: Buffer;
}

const BODY_KEPT = 65_536;
const MOST_WINDOW = 0x7fff_ffff;
const FIRST_WINDOW = 65_535;

interface Open {
  httpStatus: string;
  grpcStatus: string;
  bytes: number;
  body: Buffer;
  /** Our side stays open. */
  readonly stays: boolean;
  resolve: (answer: Answer) => void;
}

export class Probe {
  readonly peer: RawPeer;
  readonly sender: WindowedSender;
  private readonly open: Map<number, Open>;
  private nextId: number;

  private constructor(peer: RawPeer) {
    this.peer = peer;
    this.sender = new WindowedSender(peer);
    this.open = new Map();
    this.nextId = 1;
    peer.onFrame = (frame) => this.hear(frame);
    peer.socket.once('close', () => this.finishAll());
  }

  /** With windows that no answer of a test fills. */
  static async connect(address: Address, options: RawPeerOptions = {}): Promise<Probe> {
    const peer = await RawPeer.connect(address, {
      settings: [[4, MOST_WINDOW]],
      ...options,
    });
    peer.write(windowUpdate(0, MOST_WINDOW - FIRST_WINDOW));
    return new Probe(peer);
  }

  /**
   * HEADERS, then DATA as the windows allow.
   * @param body none ends the stream with its HEADERS
   * @param ends false leaves the stream open behind the body
   */
  ask(block: Uint8Array, body?: Uint8Array, ends = true, withinMs = 5_000): Promise<Answer> {
    const streamId = this.nextId;
    this.nextId += 2;
    if (this.peer.isOver) return Promise.resolve(answerOf(this.connectionEnd(), 0));
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.finish(streamId, 'nothing'), withinMs);
      this.open.set(streamId, {
        httpStatus: '',
        grpcStatus: '',
        bytes: 0,
        body: Buffer.alloc(0),
        stays: !ends,
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
      });
      this.peer.write(headers(streamId, block, body === undefined));
      if (body !== undefined) this.sender.send(streamId, body, ends);
    });
  }

  end(): void {
    this.peer.end();
    this.finishAll();
  }

  private hear(frame: HeardFrame): void {
    const { type, flags, streamId, payload } = frame;
    this.sender.hear(frame);
    const open = this.open.get(streamId);
    if (type === FrameType.HEADERS) this.onHeaders(open, this.peer.fieldsOf(frame));
    if (type === FrameType.DATA && open !== undefined) {
      open.bytes += payload.length;
      open.body = Buffer.concat([open.body, payload]).subarray(-BODY_KEPT);
    }
    if (type === FrameType.GOAWAY && this.peer.goAway?.errorCode !== 0) this.finishAll();
    if (type === FrameType.RST_STREAM) this.finish(streamId, `reset ${payload.readUInt32BE(0)}`);
    const carriesEnd = type === FrameType.HEADERS || type === FrameType.DATA;
    if (!carriesEnd || (flags & Flag.END_STREAM) === 0) return;
    // A stream whose request is not at its end would stay half open.
    if (open?.stays === true) this.peer.write(data(streamId, Buffer.alloc(0), true));
    this.finish(streamId, textOf(open));
  }

  private onHeaders(open: Open | undefined, fields: readonly string[]): void {
    if (open === undefined) return;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === ':status') open.httpStatus = fields[i + 1] ?? '';
      if (fields[i] === 'grpc-status') open.grpcStatus = fields[i + 1] ?? '';
    }
  }

  private finish(streamId: number, text: string): void {
    const open = this.open.get(streamId);
    if (open === undefined) return;
    this.open.delete(streamId);
    this.sender.forget(streamId);
    open.resolve({ ...answerOf(text, open.bytes), body: open.body });
  }

  private finishAll(): void {
    for (const streamId of [...this.open.keys()]) this.finish(streamId, this.connectionEnd());
  }

  private connectionEnd(): string {
    const { goAway } = this.peer;
    return goAway === undefined ? 'the connection closed' : `GOAWAY ${goAway.errorCode}`;
  }
}

function answerOf(text: string, bytes: number): Answer {
  return { text, bytes, body: Buffer.alloc(0) };
}

/** An HTTP status other than 200 decides; a gRPC status may stand beside it. */
function textOf(open: Open | undefined): string {
  if (open === undefined) return 'nothing';
  if (open.httpStatus !== '200') return `HTTP ${open.httpStatus}`;
  return open.grpcStatus === '' ? 'an end without a status' : `status ${open.grpcStatus}`;
}

/** One variant of a hostile request, and what may answer it. */
export interface Variant {
  readonly name: string;
  readonly block: Uint8Array;
  readonly body?: Uint8Array;
  /** The answer of a right server; the first is ours, the others are right by the RFCs as well. */
  readonly answers: readonly string[];
}

/**
 * Asks all variants, one after the other, on one connection as long as it lives.
 * @returns how many were answered as the first of their answers, and the texts of the others:
 *   `NAME: TEXT`, with a leading `~` where it is another right answer
 */
export async function askEach(
  address: Address,
  variants: readonly Variant[],
): Promise<{ readonly right: number; readonly others: readonly string[] }> {
  let probe = await Probe.connect(address);
  let right = 0;
  const others: string[] = [];
  for (const { name, block, body, answers } of variants) {
    if (probe.peer.isOver) probe = await reconnect(probe, address);
    const { text } = await probe.ask(block, body);
    if (text === answers[0]) right += 1;
    else others.push(`${answers.includes(text) ? '~' : ''}${name}: ${text}`);
  }
  probe.end();
  return { right, others };
}

function reconnect(old: Probe, address: Address): Promise<Probe> {
  old.end();
  return Probe.connect(address);
}
