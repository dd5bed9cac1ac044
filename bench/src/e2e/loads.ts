// The loads a client puts on its side, the same for every side of the comparison. A load counts
// what finished between two readings of the clock and lets the rest run out before it returns, so
// that nothing of one load is billed to the next. Any failed call fails the load.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { HANG_PATH, type Reply, SMALL_MESSAGE, UNARY_PATH } from './protocol.ts';
import type { ClientSide } from './sides/side.ts';
import { cpuUs } from './usage.ts';

/** Streams that are opened at the same time, so that opening has no peak of its own. */
const OPENING = 64;
/** Calls started per turn by a load that starts many at once. */
const CALLS_PER_TURN = 100;

const small: Buffer = Buffer.alloc(SMALL_MESSAGE, 1);

/** Time and CPU since it was made. */
class Stopwatch {
  private readonly startedMs: number;
  private readonly startedCpuUs: number;

  constructor() {
    this.startedMs = performance.now();
    this.startedCpuUs = cpuUs();
  }

  read(calls: number, bytes: number): Reply {
    const seconds = (performance.now() - this.startedMs) / 1000;
    return { calls, bytes, seconds, cpuUs: cpuUs() - this.startedCpuUs };
  }
}

/** Keeps `inFlight` small unary calls open for `seconds`. */
export function unaryLoad(side: ClientSide, inFlight: number, seconds: number): Promise<Reply> {
  return closedLoop(inFlight, seconds, (listener) => {
    const start = side.unaryCaller(UNARY_PATH, listener);
    return () => start(small);
  });
}

/** The same with typed calls. */
export function typedLoad(side: ClientSide, inFlight: number, seconds: number): Promise<Reply> {
  return closedLoop(inFlight, seconds, (listener) => {
    if (side.typedCaller === undefined) throw new Error('this side has no typed calls');
    return side.typedCaller(listener);
  });
}

interface LoopListener {
  readonly onResponse: () => void;
  readonly onFault: (fault: unknown) => void;
}

function closedLoop(
  inFlight: number,
  seconds: number,
  caller: (listener: LoopListener) => () => void,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let calls = 0;
    let open = 0;
    let stopping = false;
    let measured: Reply = {};
    const settle = (): void => {
      open -= 1;
      if (open === 0) resolve(measured);
    };
    const start = caller({
      onResponse: () => {
        calls += 1;
        if (stopping) settle();
        else start();
      },
      onFault: (fault) => {
        stopping = true;
        reject(fault);
      },
    });
    const watch = new Stopwatch();
    setTimeout(() => {
      stopping = true;
      measured = watch.read(calls, calls * SMALL_MESSAGE);
    }, seconds * 1000);
    for (; open < inFlight; open++) start();
  });
}

/** Reads one server stream for `seconds`, from its first message on. */
export function downloadLoad(
  side: ClientSide,
  messageLength: number,
  seconds: number,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let messages = 0;
    let watch: Stopwatch | undefined;
    const begin = (): void => {
      const running = new Stopwatch();
      watch = running;
      messages = 0;
      setTimeout(() => {
        const measured = running.read(messages, messages * messageLength);
        download.stop();
        resolve(measured);
      }, seconds * 1000);
    };
    const download = side.download(messageLength, {
      onMessage: (count) => {
        messages += count;
        if (watch === undefined) begin();
      },
      onFault: reject,
    });
  });
}

/** Writes one client stream for `seconds`; counts what the server says arrived, to its answer. */
export async function uploadLoad(
  side: ClientSide,
  messageLength: number,
  seconds: number,
): Promise<Reply> {
  let stopping = false;
  const watch = new Stopwatch();
  setTimeout(() => {
    stopping = true;
  }, seconds * 1000);
  const received = await side.upload(Buffer.alloc(messageLength, 1), () => stopping);
  return watch.read(received / messageLength, received);
}

/** Opens `streams` bidi streams, each with one small message there and back. */
export async function openStreams(side: ClientSide, streams: number): Promise<Reply> {
  const watch = new Stopwatch();
  let opened = 0;
  const opener = async (): Promise<void> => {
    while (opened < streams) {
      opened += 1;
      await side.openStream(small);
    }
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
  return watch.read(opened, opened * SMALL_MESSAGE);
}

/** Starts `calls` unary calls that are never answered. */
export async function hangingCalls(
  side: ClientSide,
  calls: number,
  onFault: (fault: unknown) => void,
): Promise<Reply> {
  const watch = new Stopwatch();
  const onResponse = (): void => onFault(new Error('a call that hangs was answered'));
  const start = side.unaryCaller(HANG_PATH, { onResponse, onFault });
  for (let started = 0; started < calls; started++) {
    if (started % CALLS_PER_TURN === 0) await nextTurn();
    start(small);
  }
  return watch.read(calls, calls * SMALL_MESSAGE);
}

/** Sends `payload` in one unary call and takes it back. */
export async function echo(side: ClientSide, payload: Buffer): Promise<Reply> {
  const watch = new Stopwatch();
  const response = await new Promise<Uint8Array>((onResponse, onFault) => {
    side.unaryCaller(UNARY_PATH, { onResponse, onFault })(payload);
  });
  if (response.length !== payload.length) throw new Error(`${response.length} bytes came back`);
  return watch.read(1, payload.length);
}
