// The end-to-end benchmarks, as data: what each is called, what its figure means and what a round
// does. The names are a contract.

import type { Better, Round } from '../report.ts';
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
  /** A fresh pair for each round, with limits raised: a figure of memory. */
  readonly memory: boolean;
  readonly round: (pair: Pair, seconds: number) => Promise<Round>;
}

const IDLE_STREAMS = 5_000;
const PENDING_CALLS = 20_000;
const LARGE_MESSAGE = 100_000_000;

function unary(inFlight: number): Benchmark {
  return {
    name: `unary-${inFlight}`,
    unit: 'calls/s',
    better: 'higher',
    measures: `16-byte unary echo, ${inFlight} in flight on one connection.`,
    memory: false,
    round: (pair, seconds) => throughput(pair, { do: 'unary', inFlight, seconds }, perSecond),
  };
}

function stream(name: string, messageLength: number): Benchmark {
  return {
    name,
    unit: 'messages/s',
    better: 'higher',
    measures: `One server stream of ${messageLength}-byte messages; CPU is per message.`,
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
    memory: false,
    round: (pair, seconds) => throughput(pair, command(seconds), megabytesPerSecond),
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
    memory: true,
    round: (pair) => openStreams(pair, IDLE_STREAMS),
  },
  {
    name: 'pending-calls',
    unit: 'bytes/call',
    better: 'lower',
    measures: `Live memory of the client over warm idle, with ${PENDING_CALLS} 16-byte unary calls at a server that never answers.`,
    memory: true,
    round: (pair) => pendingCalls(pair, PENDING_CALLS),
  },
  {
    name: 'large-message',
    unit: 'x its size',
    better: 'lower',
    measures:
      'Peak RSS over baseline while one unary call echoes 100 MB, the greater of both ends; the payload of the caller is in the baseline.',
    memory: true,
    round: (pair) => largeMessage(pair, LARGE_MESSAGE),
  },
];
