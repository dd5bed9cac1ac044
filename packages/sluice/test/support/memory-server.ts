// A server in a process of its own with a budget of so many bytes (argv): large answers, uploads that
// nobody reads, and small calls. Asked over IPC it says what it holds,
// once that has not changed for half a second, or after five.

import { createServer } from 'sluice';
import { memoryBudget } from '#sluice/transport/memory-budget.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import { WheelTimeout } from '#sluice/transport/wheel-timeout.js';

/** What the process answers. */
export interface MemoryReport {
  /** Highest resident set since the report before, bytes. */
  readonly rss: number;
  readonly usedBytes: number;
  readonly refusedConnections: number;
  readonly closedConnections: number;
}

const LARGE = 1024 * 1024;
const SAMPLE_MS = 10;

/** Samples, half a second of them, over which what is held must not change to be called settled. */
const QUIET_SAMPLES = 50;
const SLACK = 1024 * 1024;

/** Samples after which it is asked for no better moment. */
const MOST_SAMPLES = 500;

let highest = 0;
let usedBefore = 0;
let quiet = 0;
let asked = 0;
let waited = 0;
const sample = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
  const isQuiet = Math.abs(memoryBudget.usedBytes - usedBefore) < SLACK;
  quiet = isQuiet ? quiet + 1 : 0;
  if (!isQuiet) usedBefore = memoryBudget.usedBytes;
  waited += 1;
  if (asked > 0 && (quiet >= QUIET_SAMPLES || waited >= MOST_SAMPLES)) report();
}, SAMPLE_MS);

function report(): void {
  asked -= 1;
  const message: MemoryReport = {
    rss: Math.max(highest, process.memoryUsage.rss()),
    usedBytes: memoryBudget.usedBytes,
    refusedConnections: memoryBudget.refusedConnections,
    closedConnections: memoryBudget.closedConnections,
  };
  highest = 0;
  process.send?.(message);
}

function after<T>(ms: number, make: () => T): Promise<T> {
  return new Promise((resolve) => {
    new WheelTimeout(processWheel, ms, () => resolve(make()));
  });
}

memoryBudget.limitBytes = Number(process.argv[2]);
const server = createServer()
  .unary('/test.Memory/Small', (request) => request)
  .unary('/test.Memory/Large', () => after(20, () => Buffer.alloc(LARGE, 1)))
  .serverStreaming('/test.Memory/Stream', async function* () {
    for (let i = 0; i < 1_000; i += 1) yield Buffer.alloc(LARGE, 1);
  })
  .clientStreaming('/test.Memory/Unread', () => after(60_000, () => Buffer.alloc(0)));

process.on('message', () => {
  asked += 1;
  quiet = 0;
  waited = 0;
});
process.on('disconnect', () => {
  clearInterval(sample);
  void server.close();
});

server.listen({ host: '127.0.0.1', port: 0 }).then(
  ({ port }) => process.send?.(port),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
