// Long, fat paths: 100 Mbit/s with a round trip of 50 ms, bulk in either direction. The windows
// start at 65,535 bytes, which is 10 Mbit/s here, and have to find the path's size by themselves.
// A case holds when the link is 80 % full after the first ten round trips, and the receiver's
// window never fell and never passed 16 MiB. Measured by the link, which sees what it delivered.

import { type DeliverySample, LineProcess, type WindowSample } from './line-process.ts';
import type { InteropReport, InteropResult } from './report.ts';

const ONE_WAY_MS = 25;
const RTT_MS: number = 2 * ONE_WAY_MS;
const BITS_PER_SECOND = 100_000_000;
const ROUND_TRIPS_TO_GROW = 10;
const SHARE_OF_LINK = 0.8;
/** Bytes; where windows end, and the connection window with them. */
const MAX_WINDOW: number = 16 * 1024 * 1024;

interface BdpCase {
  readonly name: string;
  readonly do: 'download' | 'upload';
  readonly messageLength: number;
  readonly count: number;
}

const CASES: readonly BdpCase[] = [
  { name: 'bdp/download-stream', do: 'download', messageLength: 65_536, count: 1_526 },
  { name: 'bdp/upload-stream', do: 'upload', messageLength: 65_536, count: 1_526 },
  { name: 'bdp/download-one-message', do: 'download', messageLength: 20_000_000, count: 1 },
  { name: 'bdp/upload-one-message', do: 'upload', messageLength: 20_000_000, count: 1 },
];

/** The names of the cases. */
export const BDP_CASES: readonly string[] = CASES.map(({ name }) => name);

/** A direction whose bytes count is far below this is still in its handshake. Bytes. */
const STARTED_BYTES = 4_096;

/** Bits per second from ten round trips behind the first bulk byte to the last one. */
export function steadyRate(readings: readonly DeliverySample[]): number {
  const first = readings.findIndex((one) => one.bytes >= STARTED_BYTES);
  const start = readings[first];
  const last = readings.at(-1);
  if (start === undefined || last === undefined) return 0;
  const from = readings.find((one) => one.atMs >= start.atMs + ROUND_TRIPS_TO_GROW * RTT_MS);
  // The end is where the last byte came, not where the readings stop.
  const end = readings.find((one) => one.bytes === last.bytes);
  if (from === undefined || end === undefined || end.atMs <= from.atMs) return 0;
  return ((end.bytes - from.bytes) * 8_000) / (end.atMs - from.atMs);
}

/**
 * What a receiver's windows did wrong, or undefined. The window read is what the peer has left of
 * it: credit goes back at a quarter, so a limit that never fell leaves three quarters at least.
 */
export function windowFault(samples: readonly WindowSample[]): string | undefined {
  let largest = 0;
  let estimate = 0;
  for (const { receiveWindow, bdpBytes } of samples) {
    largest = Math.max(largest, receiveWindow);
    if (receiveWindow < largest * 0.75)
      return `the window fell from ${largest} to ${receiveWindow}`;
    if (bdpBytes < estimate) return `the estimate fell from ${estimate} to ${bdpBytes}`;
    if (largest > MAX_WINDOW) return `the window reached ${largest}, past ${MAX_WINDOW}`;
    if (bdpBytes > MAX_WINDOW) return `the estimate reached ${bdpBytes}, past ${MAX_WINDOW}`;
    estimate = bdpBytes;
  }
  return samples.length === 0 ? 'no reading of the windows' : undefined;
}

/** The steps in which the estimate grew: `66 KB@0 ms -> 131 KB@110 ms`. */
function growth(samples: readonly WindowSample[]): string {
  const steps: string[] = [];
  let before = -1;
  const startMs = samples[0]?.atMs ?? 0;
  for (const { bdpBytes, atMs } of samples) {
    if (bdpBytes === before) continue;
    before = bdpBytes;
    steps.push(`${Math.round(bdpBytes / 1000)} KB@${atMs - startMs} ms`);
  }
  return steps.join(' -> ');
}

function judge(
  one: BdpCase,
  ms: number,
  delivered: readonly DeliverySample[],
  samples: readonly WindowSample[],
): InteropResult {
  const rate = steadyRate(delivered);
  const fault = windowFault(samples);
  const share = rate / BITS_PER_SECOND;
  const whole = (one.messageLength * one.count * 8) / (ms * 1000);
  const exposure = samples.reduce((most, { exposureBytes }) => Math.max(most, exposureBytes), 0);
  const window = samples.reduce((most, { receiveWindow }) => Math.max(most, receiveWindow), 0);
  const rtt = samples.at(-1)?.rttMs ?? 0;
  const figures = [
    `${(rate / 1e6).toFixed(1)} Mbit/s after ${ROUND_TRIPS_TO_GROW} round trips (${Math.round(share * 100)} % of the link)`,
    `${whole.toFixed(1)} over all of ${(ms / 1000).toFixed(2)} s`,
    `exposure at most ${(exposure / 1e6).toFixed(1)} MB, rtt ${Math.round(rtt)} ms`,
    `connection window at most ${(window / 1e6).toFixed(1)} MB`,
    `estimate ${growth(samples)}`,
  ].join('; ');
  const failed = share < SHARE_OF_LINK || fault !== undefined;
  return {
    case: one.name,
    client: 'sluice',
    server: 'sluice',
    tls: false,
    result: failed ? 'fail' : 'pass',
    why: fault === undefined ? figures : `${fault}; ${figures}`,
  };
}

async function runCase(one: BdpCase): Promise<InteropResult> {
  const processes: LineProcess[] = [];
  const start = async (module: string, ...args: string[]): Promise<LineProcess> => {
    const started = await LineProcess.start(module, ...args);
    processes.push(started);
    return started;
  };
  try {
    // New processes and a new connection for each case: every one starts from the first windows.
    const server = await start('server-process');
    const link = [String(server.port), String(ONE_WAY_MS), String(BITS_PER_SECOND)];
    const proxy = await start('delay-proxy-process', ...link);
    const client = await start('client-process', String(proxy.port));
    const { transfer } = await client.ask(one);
    const receiver = one.do === 'download' ? client : server;
    const { samples = [] } = await receiver.ask({ do: 'samples' });
    const direction = one.do === 'download' ? 'toClient' : 'toServer';
    const { delivered = [] } = await proxy.ask({ do: 'delivered', direction });
    return judge(one, transfer?.ms ?? 0, delivered, samples);
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : String(fault);
    return { case: one.name, client: 'sluice', server: 'sluice', tls: false, result: 'fail', why };
  } finally {
    await Promise.all(processes.map((started) => started.stop()));
  }
}

/** Runs the cases that `wanted` names, one after the other. */
export async function runBdp(
  wanted: (name: string) => boolean,
  onCase: (name: string) => void,
): Promise<InteropReport> {
  const report: InteropReport = [];
  for (const one of CASES) {
    if (!wanted(one.name)) continue;
    onCase(one.name);
    report.push(await runCase(one));
  }
  return report;
}
