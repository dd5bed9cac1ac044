// Loads on a client whose every answer is checked, and what they came to.
// Invariant: a call counts once, as right, wrong or failed; bytes count only where they were right.
// Not here: which process runs them (traffic-process.ts).

import { setTimeout as pause } from 'node:timers/promises';
import { noteArrival, takeArrivals } from './arrivals.ts';
import { isMessage, messageOf } from './payload.ts';
import {
  type LatencyResult,
  type Load,
  type LoadResult,
  readIntake,
  STREAM_MESSAGES,
  type TrafficClient,
  writeOrder,
} from './traffic.ts';

const SMALL_BYTES = 64;
const BULK_BYTES = 65_536;

/** Streams that run beside paced calls. */
const PACED_STREAMS = 2;

/** What has happened so far. */
class Tally {
  calls = 0;
  bytes = 0;
  failed = 0;
  wrong = 0;
  firstFault: string | undefined = undefined;
  private readonly startedMs: number = performance.now();

  fail(fault: unknown): void {
    this.failed += 1;
    this.firstFault ??= fault instanceof Error ? fault.message : String(fault);
  }

  result(): LoadResult {
    const { calls, bytes, failed, firstFault, wrong } = this;
    return { calls, bytes, ms: performance.now() - this.startedMs, failed, firstFault, wrong };
  }
}

async function unary(client: TrafficClient, tally: Tally, first: number, length: number) {
  const answer = await client.unary(messageOf(first, length));
  if (isMessage(answer, first, length)) tally.bytes += length;
  else tally.wrong += 1;
}

async function download(
  client: TrafficClient,
  tally: Tally,
  first: number,
  length: number,
  count: number,
): Promise<void> {
  let came = 0;
  await client.download(writeOrder({ length, count, first }), (message) => {
    if (isMessage(message, first + came, length)) tally.bytes += length;
    else tally.wrong += 1;
    came += 1;
    return true;
  });
  tally.wrong += Math.abs(count - came);
}

async function upload(
  client: TrafficClient,
  tally: Tally,
  first: number,
  length: number,
  count: number,
): Promise<void> {
  let sent = 0;
  const answer = await client.upload(() => {
    if (sent === count) return undefined;
    sent += 1;
    return messageOf(first + sent - 1, length);
  });
  const { right, messages } = readIntake(answer);
  tally.bytes += right * length;
  tally.wrong += messages - right + Math.abs(count - messages);
}

/** One call of a load; never rejects. */
async function oneCall(
  client: TrafficClient,
  tally: Tally,
  load: Load,
  first: number,
  length: number,
): Promise<void> {
  try {
    if (load === 'unary') await unary(client, tally, first, length);
    else {
      const stream = load === 'downloads' ? download : upload;
      await stream(client, tally, first, length, STREAM_MESSAGES);
    }
    tally.calls += 1;
  } catch (fault) {
    tally.fail(fault);
    // A runtime that fails at once must not be asked in a tight loop.
    await pause(10);
  }
}

/** Keeps `workers` calls going until the time is over, then waits for the last ones. */
export async function runLoad(
  client: TrafficClient,
  load: Load,
  workers: number,
  seconds: number,
  length: number,
): Promise<LoadResult> {
  const tally = new Tally();
  const untilMs = performance.now() + seconds * 1000;
  let next = 1;
  const work = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const first = next;
      next += load === 'unary' ? 1 : STREAM_MESSAGES;
      await oneCall(client, tally, load, first, length);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return tally.result();
}

/** One stream of `count` messages; where they arrive, `takeArrivals` tells when. */
export async function runTransfer(
  client: TrafficClient,
  direction: 'download' | 'upload',
  length: number,
  count: number,
): Promise<LoadResult> {
  const tally = new Tally();
  takeArrivals();
  try {
    if (direction === 'upload') await upload(client, tally, 1, length, count);
    else {
      let came = 0;
      await client.download(writeOrder({ length, count, first: 1 }), (message) => {
        noteArrival(message.length);
        came += 1;
        if (isMessage(message, came, length)) tally.bytes += length;
        else tally.wrong += 1;
        return true;
      });
      tally.wrong += Math.abs(count - came);
    }
    tally.calls = 1;
  } catch (fault) {
    tally.fail(fault);
  }
  return tally.result();
}

/** Unary calls at a rate, none of which waits for another, and streams beside them. */
export async function runPaced(
  client: TrafficClient,
  perSecond: number,
  seconds: number,
): Promise<LoadResult> {
  const tally = new Tally();
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  const streams = runLoad(client, 'downloads', PACED_STREAMS, seconds, BULK_BYTES);
  const total = Math.round(perSecond * seconds);
  while (calls.length < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - startMs) * perSecond) / 1000));
    while (calls.length < due) {
      calls.push(oneCall(client, tally, 'unary', calls.length, SMALL_BYTES));
    }
    await pause(2);
  }
  await Promise.all(calls);
  const beside = await streams;
  const result = tally.result();
  return {
    ...result,
    calls: result.calls + beside.calls,
    bytes: result.bytes + beside.bytes,
    failed: result.failed + beside.failed,
    wrong: result.wrong + beside.wrong,
    firstFault: result.firstFault ?? beside.firstFault,
  };
}

/** One endless stream; resolves with the bytes it moved once `over` says true. */
async function bulkStream(
  client: TrafficClient,
  direction: 'download' | 'upload',
  over: () => boolean,
): Promise<number> {
  let moved = 0;
  if (direction === 'download') {
    const order = writeOrder({ length: BULK_BYTES, count: 0xffff_ffff, first: 1 });
    await client.download(order, (message) => {
      moved += message.length;
      return !over();
    });
    return moved;
  }
  const message = messageOf(1, BULK_BYTES);
  await client.upload(() => {
    if (over()) return undefined;
    moved += message.length;
    return message;
  });
  return moved;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** `workers` small calls at a time, alone or beside one bulk stream on the same connection. */
export async function runSmallCalls(
  client: TrafficClient,
  workers: number,
  seconds: number,
  bulk: 'download' | 'upload' | undefined,
): Promise<LatencyResult> {
  const tally = new Tally();
  const latencies: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  const over = (): boolean => performance.now() >= untilMs;
  const beside = bulk === undefined ? undefined : bulkStream(client, bulk, over);
  const fallen = beside?.catch((fault: unknown) => {
    tally.fail(fault);
    return 0;
  });
  let next = 1;
  const work = async (): Promise<void> => {
    while (!over()) {
      const startMs = performance.now();
      const failed = tally.failed;
      const first = next;
      next += 1;
      await oneCall(client, tally, 'unary', first, SMALL_BYTES);
      if (tally.failed === failed) latencies.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  const bulkBytes = (await fallen) ?? 0;
  latencies.sort((a, b) => a - b);
  const [p50Ms, p99Ms, maxMs] = [at(latencies, 0.5), at(latencies, 0.99), at(latencies, 1)];
  return { ...tally.result(), p50Ms, p99Ms, maxMs, bulkBytes };
}
