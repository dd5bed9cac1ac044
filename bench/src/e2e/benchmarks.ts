// The end-to-end benchmarks, as data: what each is called, what its figure means and what a round
// does. The names are a contract.

import type { Bar, Better, Round } from '../report.ts';
import type { Command } from './protocol.ts';
import {
  largeMessage,
  megabytesPerSecond,
  openStreams,
  type Pair,
  pendingCalls,
  perSecond,
  throughput,
} from './rounds.ts';

export interface Benchmark {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  /** What the figure is, for the report. */
  readonly measures: string;
  /** The sides that can do it, in the order of a round; the first is the one that is compared. */
  readonly sides: readonly string[];
  /** What the first side has promised. */
  readonly bar?: Bar;
  /** A fresh pair for each round, with limits raised: a figure of memory. */
  readonly memory: boolean;
  /** What makes a pair warm, where a round by itself would take too long to. */
  readonly warmUp?: (pair: Pair, seconds: number) => Promise<unknown>;
  readonly round: (pair: Pair, seconds: number) => Promise<Round>;
}

const IDLE_STREAMS = 5_000;
const PENDING_CALLS = 20_000;
const LARGE_MESSAGE = 100_000_000;

const ALL: readonly string[] = ['sluice', 'grpc-js', 'http2', 'grpc-go'];
/** Those that have generated code. */
const TYPED: readonly string[] = ['sluice', 'grpc-js'];
/** One program for both. */
const DROP_IN: readonly string[] = ['drop-in', 'grpc-js'];

function unary(inFlight: number): Benchmark {
  return {
    name: `unary-${inFlight}`,
    unit: 'calls/s',
    better: 'higher',
    measures: `16-byte unary echo, ${inFlight} in flight on one connection.`,
    sides: ALL,
    memory: false,
    // On a busy machine one at a time are too few calls for V8 to compile what they run through.
    warmUp: (pair, seconds) =>
      pair.client.ask({ do: 'unary', inFlight: Math.max(100, inFlight), seconds }),
    round: (pair, seconds) => throughput(pair, { do: 'unary', inFlight, seconds }, perSecond),
  };
}

function stream(name: string, messageLength: number): Benchmark {
  return {
    name,
    unit: 'messages/s',
    better: 'higher',
    measures: `One server stream of ${messageLength}-byte messages; CPU is per message.`,
    sides: ALL,
    memory: false,
    round: (pair, seconds) =>
      throughput(pair, { do: 'download', messageLength, seconds }, perSecond),
  };
}

function upload(name: string, messageLength: number): Benchmark {
  const command = (seconds: number): Command => ({ do: 'upload', messageLength, seconds });
  return {
    name,
    unit: 'MB/s',
    better: 'higher',
    measures: `One client stream of ${messageLength}-byte messages, up to the server's answer; CPU is per message.`,
    sides: ALL,
    memory: false,
    round: (pair, seconds) => throughput(pair, command(seconds), megabytesPerSecond),
  };
}

function pending(name: string): Benchmark {
  return {
    name,
    unit: 'bytes/call',
    better: 'lower',
    measures: `Live memory of the client over warm idle, with ${PENDING_CALLS} 16-byte unary calls at a server that never answers.`,
    sides: ALL,
    memory: true,
    round: (pair) => pendingCalls(pair, PENDING_CALLS),
  };
}

/** The same work by one program, written for grpc-js, on the drop-in and on grpc-js itself. */
function onDropIn(benchmark: Benchmark, ratio: number): Benchmark {
  const bar: Bar = { side: 'grpc-js', ratio };
  return { ...benchmark, name: `drop-in-${benchmark.name}`, sides: DROP_IN, bar };
}

/** The same stream by its bytes. */
function streamBytes(name: string, messageLength: number): Benchmark {
  return {
    ...stream(name, messageLength),
    unit: 'MB/s',
    round: (pair, seconds) =>
      throughput(pair, { do: 'download', messageLength, seconds }, megabytesPerSecond),
  };
}

export const BENCHMARKS: readonly Benchmark[] = [
  unary(1),
  unary(10),
  unary(100),
  unary(1000),
  {
    name: 'typed-100',
    unit: 'calls/s',
    better: 'higher',
    measures:
      'Typed unary calls with 4 fields there and 2 back, 100 in flight on one connection: protobuf-es for Sluice, ts-proto for grpc-js.',
    sides: TYPED,
    memory: false,
    round: (pair, seconds) => throughput(pair, { do: 'typed', inFlight: 100, seconds }, perSecond),
  },
  stream('stream-64k', 65_536),
  stream('stream-100b', 100),
  upload('upload-64k', 65_536),
  {
    name: 'open-streams',
    unit: 'bytes/stream',
    better: 'lower',
    measures: `Live memory of both ends over warm idle, with ${IDLE_STREAMS} bidi streams open on one connection, each after one message each way. Node: heapUsed + external after two collections; Go: heap + stacks.`,
    sides: ALL,
    memory: true,
    round: (pair) => openStreams(pair, IDLE_STREAMS),
  },
  pending('pending-calls'),
  {
    name: 'large-message',
    unit: 'x its size',
    better: 'lower',
    measures:
      'Peak RSS over baseline while one unary call echoes 100 MB, the greater of both ends; the payload of the caller is in the baseline.',
    sides: ALL,
    memory: true,
    round: (pair) => largeMessage(pair, LARGE_MESSAGE),
  },
  onDropIn(unary(1), 2),
  onDropIn(unary(100), 8),
  onDropIn(streamBytes('stream-64k', 65_536), 2),
  onDropIn(pending('pending-calls'), 5),
];
