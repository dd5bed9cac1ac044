// The calls of a raw peer that is a client: what became of each of its streams.
// Invariant: HEADERS are decoded in the order they came, so the peer's own HPACK stays in step; made
// before the first request is sent. Not here: writing requests (frames.ts), sockets (raw-peer.ts).

import { Flag, FrameType } from './frames.ts';
import type { HeardFrame, RawPeer } from './raw-peer.ts';

export interface RawAnswer {
  httpStatus: number | undefined;
  grpcStatus: number | undefined;
  /** The code of a RST_STREAM. */
  resetCode: number | undefined;
  /** END_STREAM or RST_STREAM came. */
  ended: boolean;
  /** Bytes of DATA payload. */
  bytes: number;
  /** Payloads of DATA, where they are kept. */
  readonly chunks: Buffer[];
}

export class RawCalls {
  /** By stream id, from the first frame of each. */
  readonly answers: Map<number, RawAnswer>;
  ended: number;
  private readonly peer: RawPeer;
  private readonly keeps: boolean;

  /** @param keeps whether DATA is kept */
  constructor(peer: RawPeer, keeps = false) {
    this.answers = new Map();
    this.ended = 0;
    this.peer = peer;
    this.keeps = keeps;
    const before = peer.onFrame;
    peer.onFrame = (frame) => {
      this.take(frame);
      before(frame);
    };
  }

  /** How a stream ended; undefined when it had not within that time. */
  async endOf(streamId: number, withinMs = 5_000): Promise<RawAnswer | undefined> {
    const isEnded = (): boolean => this.answers.get(streamId)?.ended === true;
    await this.peer.until(() => isEnded() || this.peer.closed, withinMs);
    return isEnded() ? this.answers.get(streamId) : undefined;
  }

  /** Streams of which `isSo` holds. */
  count(isSo: (answer: RawAnswer) => boolean): number {
    let count = 0;
    for (const answer of this.answers.values()) if (isSo(answer)) count += 1;
    return count;
  }

  private take(frame: HeardFrame): void {
    const { type, flags, streamId, payload } = frame;
    if (type === FrameType.HEADERS) {
      const fields = this.peer.fieldsOf(frame);
      const answer = this.of(streamId);
      answer.httpStatus ??= numberOf(fields, ':status');
      answer.grpcStatus ??= numberOf(fields, 'grpc-status');
      if ((flags & Flag.END_STREAM) !== 0) this.end(answer);
    } else if (type === FrameType.DATA) {
      const answer = this.of(streamId);
      answer.bytes += payload.length;
      if (this.keeps) answer.chunks.push(payload);
      if ((flags & Flag.END_STREAM) !== 0) this.end(answer);
    } else if (type === FrameType.RST_STREAM) {
      const answer = this.of(streamId);
      answer.resetCode ??= payload.readUInt32BE(0);
      this.end(answer);
    }
  }

  private of(streamId: number): RawAnswer {
    let answer = this.answers.get(streamId);
    if (answer === undefined) {
      answer = {
        httpStatus: undefined,
        grpcStatus: undefined,
        resetCode: undefined,
        ended: false,
        bytes: 0,
        chunks: [],
      };
      this.answers.set(streamId, answer);
    }
    return answer;
  }

  private end(answer: RawAnswer): void {
    if (!answer.ended) this.ended += 1;
    answer.ended = true;
  }
}

function numberOf(fields: readonly string[], name: string): number | undefined {
  const at = fields.indexOf(name);
  return at < 0 ? undefined : Number(fields[at + 1]);
}
