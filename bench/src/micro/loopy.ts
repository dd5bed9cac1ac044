// The loopy writer from a put to the socket's write, on a socket that takes everything at once:
// what a call pays between admission and the wire, with the batching of one turn.

import { Duplex } from 'node:stream';
import type { HpackEncoder } from '../../../packages/sluice/dist/hpack/encoder.js';
import { DataItem, endOfStream } from '../../../packages/sluice/dist/transport/data-item.js';
import {
  type LoopyListener,
  LoopyWriter,
} from '../../../packages/sluice/dist/transport/loopy-writer.js';
import {
  OutStream,
  type OutStreamOwner,
} from '../../../packages/sluice/dist/transport/out-stream.js';
import { WriteBatch } from '../../../packages/sluice/dist/transport/write-batch.js';
import type { MicroCase } from './case.ts';

/** Calls or messages put before loopy gets its turn. */
const PER_TURN = 100;
const HEADERS: readonly string[] = [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  '/bench.Bench/Unary',
];

const silent: LoopyListener = {
  onTurn() {},
  onPingWritten() {},
  onCallBytes() {},
  onCloseWritten() {},
  onTurnEnd() {},
  onQueueGrown: () => true,
};

/** A loopy whose turns are run by hand, over a socket that drops what it is given. */
class Bench {
  readonly loopy: LoopyWriter;
  private due: (() => void) | undefined;

  constructor() {
    const socket = new Duplex();
    // A stream's own write reports back in a later turn, and these turns are run by hand.
    socket.write = (_chunk: unknown, encodingOrDone?: unknown): boolean => {
      if (typeof encodingOrDone === 'function') encodingOrDone();
      return true;
    };
    const batch = new WriteBatch(socket, { onWritten: () => this.loopy.onWritten() });
    this.due = undefined;
    this.loopy = new LoopyWriter(batch, silent, (turn) => {
      this.due = turn;
    });
    this.refill();
  }

  /** Credit as a peer would give it; without it the first 65,535 bytes would be the last. */
  refill(): void {
    this.loopy.sendQuota = 0x3fff_ffff;
  }

  turn(): void {
    while (this.due !== undefined) {
      const run = this.due;
      this.due = undefined;
      run();
    }
    this.refill();
  }
}

/** The head of every call is the same segment, as a method's is. */
function callOwner(bench: Bench): OutStreamOwner {
  const segment = bench.loopy.encoder.createSegment(HEADERS);
  let id = -1;
  const writeHead = (encoder: HpackEncoder, out: Buffer, at: number): number =>
    encoder.writeSegment(segment, out, encoder.beginBlock(out, at));
  return {
    headBound: () => 256,
    writeHead,
    trailersBound: () => 256,
    writeTrailers: writeHead,
    claimId: () => {
      id += 2;
      return id & 0x7fff_ffff;
    },
    onWritable() {},
    onEndWritten() {},
  };
}

function unaryCalls(): (operations: number) => void {
  const bench = new Bench();
  const owner = callOwner(bench);
  const message = Buffer.alloc(16, 1);
  const { loopy } = bench;
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      const stream = new OutStream(owner, 0, 64);
      loopy.buffer.putHead(stream, 0);
      loopy.appendData(stream, new DataItem(message, 0, true), 0);
      if (i % PER_TURN === PER_TURN - 1) bench.turn();
    }
    bench.turn();
  };
}

function streamMessages(length: number): (operations: number) => void {
  const bench = new Bench();
  const stream = new OutStream(callOwner(bench), 0, 64);
  const message = Buffer.alloc(length, 1);
  const { loopy } = bench;
  loopy.setOutgoingInitialWindow(0x3fff_ffff);
  loopy.buffer.putHead(stream, 0);
  bench.turn();
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      loopy.appendData(stream, new DataItem(message, 0, false), 0);
      if (i % PER_TURN === PER_TURN - 1) {
        bench.turn();
        stream.bytesOutstanding = 0;
      }
    }
    bench.turn();
    stream.bytesOutstanding = 0;
  };
}

function emptyEnds(): (operations: number) => void {
  const bench = new Bench();
  const owner = callOwner(bench);
  const { loopy } = bench;
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      const stream = new OutStream(owner, 0, 64);
      loopy.buffer.putHead(stream, 0);
      loopy.appendData(stream, endOfStream(), 0);
      if (i % PER_TURN === PER_TURN - 1) bench.turn();
    }
    bench.turn();
  };
}

export const loopyCases: readonly MicroCase[] = [
  {
    name: 'micro-loopy-unary',
    measures: `HEADERS and a 16-byte message with END_STREAM, ${PER_TURN} calls a turn.`,
    run: unaryCalls(),
  },
  {
    name: 'micro-loopy-empty',
    measures: `HEADERS and a bare END_STREAM, ${PER_TURN} calls a turn.`,
    run: emptyEnds(),
  },
  {
    name: 'micro-loopy-message-100b',
    measures: `One 100-byte message of an open stream, ${PER_TURN} a turn.`,
    run: streamMessages(100),
  },
];
